import CKernels

// Operations that only move elements.

extension Tensor {
    /// `axis` counted from the front, or from the back if negative.
    func resolved(axis: Int, op: String) throws -> Int {
        let resolved = axis < 0 ? axis + shape.count : axis
        guard shape.indices.contains(resolved) else {
            throw TensorError.range(op: op, expected: "an axis of \(shape)", found: axis)
        }
        return resolved
    }

    /// Swaps two axes (copies).
    public func transposed(_ first: Int, _ second: Int) throws -> Tensor {
        let a = try resolved(axis: first, op: "transposed")
        let b = try resolved(axis: second, op: "transposed")
        let (low, high) = (min(a, b), max(a, b))
        if low == high { return self }
        var swapped = shape
        swapped.swapAt(low, high)
        // [outer, low, middle, high, inner] -> [outer, high, middle, low, inner]
        let outer = shape[..<low].reduce(1, *)
        let middle = shape[(low + 1)..<high].reduce(1, *)
        let inner = shape[(high + 1)...].reduce(1, *)
        let (n, m) = (shape[low], shape[high])
        return Tensor(shape: swapped) { out in
            let (from, to) = (storage.pointer, out.baseAddress!)
            if middle == 1, inner == 1 {
                for o in 0..<outer { ck_transpose(from + o * n * m, to + o * n * m, n, m) }
                return
            }
            for o in 0..<outer {
                for k in 0..<m {
                    for j in 0..<middle {
                        for i in 0..<n {
                            (to + (((o * m + k) * middle + j) * n + i) * inner).update(
                                from: from + (((o * n + i) * middle + j) * m + k) * inner, count: inner)
                        }
                    }
                }
            }
        }
    }

    /// The elements `start..<end` of one axis (copies).
    public func sliced(axis: Int, from start: Int, to end: Int) throws -> Tensor {
        let axis = try resolved(axis: axis, op: "sliced")
        guard start >= 0, end >= start, end <= shape[axis] else {
            throw TensorError.range(
                op: "sliced", expected: "0 <= \(start) <= \(end) <= \(shape[axis])", found: start < 0 ? start : end)
        }
        if start == 0, end == shape[axis] { return self }
        var newShape = shape
        newShape[axis] = end - start
        let outer = shape[..<axis].reduce(1, *)
        let inner = shape[(axis + 1)...].reduce(1, *)
        let (from, run) = (shape[axis] * inner, (end - start) * inner)
        return Tensor(shape: newShape) { out in
            for i in 0..<outer {
                (out.baseAddress! + i * run).update(from: storage.pointer + i * from + start * inner, count: run)
            }
        }
    }

    /// Joins tensors that agree in all axes but one. There must be at least one.
    public static func concatenated(_ parts: [Tensor], axis: Int) throws -> Tensor {
        guard let first = parts.first else {
            throw TensorError.shape(op: "concatenated", expected: "at least one tensor", found: [])
        }
        let axis = try first.resolved(axis: axis, op: "concatenated")
        var shape = first.shape
        shape[axis] = 0
        for part in parts {
            var other = part.shape
            guard other.count == shape.count else {
                throw TensorError.shape(
                    op: "concatenated", expected: "\(first.shape) but for axis \(axis)", found: other)
            }
            let length = other[axis]
            other[axis] = shape[axis]
            guard other == shape else {
                throw TensorError.shape(
                    op: "concatenated", expected: "\(first.shape) but for axis \(axis)", found: part.shape)
            }
            shape[axis] += length
        }
        if parts.count == 1 { return first }
        let outer = shape[..<axis].reduce(1, *)
        let inner = shape[(axis + 1)...].reduce(1, *)
        let row = shape[axis] * inner
        return Tensor(shape: shape) { out in
            var at = 0
            for part in parts {
                let run = part.shape[axis] * inner
                for i in 0..<outer {
                    (out.baseAddress! + i * row + at).update(from: part.storage.pointer + i * run, count: run)
                }
                at += run
            }
        }
    }

    /// Adds zeros in front and behind along one axis.
    public func padded(axis: Int, before: Int, after: Int) throws -> Tensor {
        let axis = try resolved(axis: axis, op: "padded")
        guard before >= 0, after >= 0 else {
            throw TensorError.range(op: "padded", expected: "lengths of 0 or more", found: min(before, after))
        }
        var (front, back) = (shape, shape)
        front[axis] = before
        back[axis] = after
        return try .concatenated([Tensor(zeros: front), self, Tensor(zeros: back)], axis: axis)
    }

    /// Every element of an axis `times` times in a row (torch's `repeat_interleave`).
    public func repeatedElements(axis: Int, times: Int) throws -> Tensor {
        let axis = try resolved(axis: axis, op: "repeatedElements")
        guard times >= 0 else { throw TensorError.range(op: "repeatedElements", expected: "0 or more", found: times) }
        var newShape = shape
        newShape[axis] *= times
        let outer = shape[...axis].reduce(1, *)
        let inner = shape[(axis + 1)...].reduce(1, *)
        return Tensor(shape: newShape) { out in
            for i in 0..<outer {
                for j in 0..<times {
                    (out.baseAddress! + (i * times + j) * inner).update(from: storage.pointer + i * inner, count: inner)
                }
            }
        }
    }
}
