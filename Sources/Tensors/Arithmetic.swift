// Sums and products. The right operand may have axes of length 1, or fewer axes: it is repeated to fit the left one.

extension Tensor {
    public static func + (a: Tensor, b: Tensor) throws -> Tensor { try combined("+", a, b, +) }
    public static func - (a: Tensor, b: Tensor) throws -> Tensor { try combined("-", a, b, -) }
    public static func * (a: Tensor, b: Tensor) throws -> Tensor { try combined("*", a, b, *) }
    public static func + (a: Tensor, b: Float) -> Tensor { a.scaled(by: 1, plus: b) }
    public static func - (a: Tensor, b: Float) -> Tensor { a.scaled(by: 1, plus: -b) }
    public static func * (a: Tensor, b: Float) -> Tensor { a.scaled(by: b) }

    /// `self * factor + term`, element by element.
    public func scaled(by factor: Float, plus term: Float = 0) -> Tensor {
        Tensor(shape: shape) { out in for i in 0..<count { out[i] = storage.pointer[i] * factor + term } }
    }

    private static func combined(_ op: String, _ a: Tensor, _ b: Tensor, _ f: (Float, Float) -> Float) throws -> Tensor {
        let strides = try b.strides(repeatedTo: a.shape, op: op)
        return Tensor(shape: a.shape) { out in
            Reference.combine(a.storage.pointer, b.storage.pointer, out.baseAddress!, a.shape, strides, f)
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
