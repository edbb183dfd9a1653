import CKernels

// Sums and products. The right operand may have axes of length 1, or fewer axes: it is repeated to fit the left one.

extension Tensor {
    public static func + (a: Tensor, b: Tensor) throws -> Tensor { try combined("+", a, b, CK_ADD) }
    public static func - (a: Tensor, b: Tensor) throws -> Tensor { try combined("-", a, b, CK_SUBTRACT) }
    public static func * (a: Tensor, b: Tensor) throws -> Tensor { try combined("*", a, b, CK_MULTIPLY) }
    public static func + (a: Tensor, b: Float) -> Tensor { a.scaled(by: 1, plus: b) }
    public static func - (a: Tensor, b: Float) -> Tensor { a.scaled(by: 1, plus: -b) }
    public static func * (a: Tensor, b: Float) -> Tensor { a.scaled(by: b) }

    /// `self * factor + term`, element by element.
    public func scaled(by factor: Float, plus term: Float = 0) -> Tensor {
        Tensor(shape: shape) { ck_affine(storage.pointer, factor, term, $0.baseAddress!, count) }
    }

    private static func combined(_ name: String, _ a: Tensor, _ b: Tensor, _ op: ck_operator) throws -> Tensor {
        let shape = a.shape
        let strides = try b.strides(repeatedTo: shape, op: name)
        // The longest run of elements along which b either moves in step with a or stands still.
        let innermost = shape.lastIndex { $0 != 1 }
        let step = innermost.map { strides[$0] } ?? 0
        var (run, outer) = (1, shape.count)
        while outer > 0, shape[outer - 1] == 1 || strides[outer - 1] == step * run {
            run *= shape[outer - 1]
            outer -= 1
        }
        return Tensor(shape: shape) { out in
            guard run > 0 else { return }
            for row in 0..<(a.count / run) {
                var (rest, place) = (row, 0)
                for axis in (0..<outer).reversed() {
                    place += rest % shape[axis] * strides[axis]
                    rest /= shape[axis]
                }
                ck_combine(
                    op, a.storage.pointer + row * run, b.storage.pointer + place, step, out.baseAddress! + row * run,
                    run)
            }
        }
    }

    /// Steps through this tensor's elements along the axes of `target`; 0 where an element is repeated.
    func strides(repeatedTo target: [Int], op: String) throws -> [Int] {
        let missing = target.count - shape.count
        var strides = [Int](repeating: 0, count: target.count)
        var step = 1
        guard missing >= 0 else {
            throw TensorError.shape(op: op, expected: "a shape that repeats to \(target)", found: shape)
        }
        for axis in shape.indices.reversed() {
            let length = shape[axis]
            guard length == target[axis + missing] || length == 1 else {
                throw TensorError.shape(op: op, expected: "a shape that repeats to \(target)", found: shape)
            }
            strides[axis + missing] = length == 1 ? 0 : step
            step *= length
        }
        return strides
    }
}
