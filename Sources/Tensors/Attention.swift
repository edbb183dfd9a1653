import CKernels

/// `softmax(q kᵀ scale + bias) v`.
/// - Parameters:
///   - q: `[B, H, Tq, D]`.
///   - k: `[B, H, Tk, D]`.
///   - v: `[B, H, Tk, D]`.
///   - bias: Added to the products before softmax; any shape that repeats to `[B, H, Tq, Tk]`.
///   - causal: The last query sees all keys, the one before it all but the last, and so on.
/// - Returns: `[B, H, Tq, D]`.
/// - Throws: `TensorError.shape` if shapes do not fit.
public func attention(
    q: Tensor, k: Tensor, v: Tensor, scale: Float, bias: Tensor? = nil, causal: Bool = false
) throws -> Tensor {
    guard q.shape.count == 4 else {
        throw TensorError.shape(op: "attention", expected: "q of [B, H, T, D]", found: q.shape)
    }
    let (batch, heads, rows, width) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3])
    guard k.shape.count == 4, [k.shape[0], k.shape[1], k.shape[3]] == [batch, heads, width] else {
        throw TensorError.shape(op: "attention", expected: "k of [\(batch), \(heads), T, \(width)]", found: k.shape)
    }
    guard v.shape == k.shape else {
        throw TensorError.shape(op: "attention", expected: "v of \(k.shape)", found: v.shape)
    }
    let length = k.shape[2]
    guard !causal || length >= rows else {
        throw TensorError.shape(op: "attention", expected: "at least \(rows) keys", found: k.shape)
    }
    let strides = try bias?.strides(repeatedTo: [batch, heads, rows, length], op: "attention bias")
    var packed = PackedHeads(width: width, capacity: length)
    return try Tensor(shape: q.shape) { out in
        for b in 0..<batch {
            for h in 0..<heads {
                let at = b * heads + h
                try packed.write(
                    keys: k.storage.pointer + at * length * width, values: v.storage.pointer + at * length * width,
                    count: length, head: 0, at: 0)
                let place = strides.map { b * $0[0] + h * $0[1] } ?? 0
                try packed.attend(
                    q.storage.pointer + at * rows * width, head: 0, rows: rows, length: length, scale: scale,
                    causal: causal,
                    bias: bias.map { $0.storage.pointer + place }, biasSteps: strides.map { ($0[2], $0[3]) } ?? (0, 0),
                    probabilities: nil, into: out.baseAddress! + at * rows * width)
            }
        }
    }
}

extension Tensor {
    /// Rotary positions, Llama's way: channel `i` turns with channel `i + D/2`.
    /// - Parameters:
    ///   - cosine: `[T, D/2]`; self is `[..., T, D]`.
    ///   - sine: `[T, D/2]`.
    public func rotated(cosine: Tensor, sine: Tensor) throws -> Tensor {
        guard shape.count >= 2, let width = shape.last, width % 2 == 0 else {
            throw TensorError.shape(op: "rotated", expected: "[..., T, D] with D even", found: shape)
        }
        let (time, half) = (shape[shape.count - 2], width / 2)
        guard cosine.shape == [time, half], sine.shape == [time, half] else {
            throw TensorError.shape(
                op: "rotated", expected: "cosine and sine of [\(time), \(half)]", found: cosine.shape)
        }
        return Tensor(shape: shape) { out in
            for row in 0..<(width > 0 ? count / width : 0) {
                let at = row % time * half
                ck_rotate(
                    storage.pointer + row * width, cosine.storage.pointer + at, sine.storage.pointer + at,
                    out.baseAddress! + row * width, half)
            }
        }
    }
}
