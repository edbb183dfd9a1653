import CKernels

/// Terms that relative positions add to attention, as in Transformer-XL.
public struct RelativeAttention: Sendable {
    /// `[2 T - 1, H D]`: projected positions, from distance `T - 1` (the key before the query) down to `1 - T`.
    public let distances: Tensor
    /// `[H, D]`, added to queries that meet keys.
    public let biasU: Tensor
    /// `[H, D]`, added to queries that meet distances.
    public let biasV: Tensor

    public init(distances: Tensor, biasU: Tensor, biasV: Tensor) {
        (self.distances, self.biasU, self.biasV) = (distances, biasU, biasV)
    }
}

/// Full attention of sequences to themselves, over the idle cores.
/// - Parameters:
///   - qkv: `[B, T, 3 H D]`: queries, keys, values, each head after head.
///   - relative: for `softmax(((q + u) kᵀ + (q + v) pᵀ) scale)`.
///   - precision: of the products; `float32`, or bfloat16 for all others.
/// - Returns: `[B, T, H D]`.
/// - Throws: `TensorError.shape` if shapes do not fit.
public func selfAttention(
    _ qkv: Tensor, heads: Int, scale: Float, relative: RelativeAttention? = nil, precision: Precision
) throws -> Tensor {
    guard qkv.shape.count == 3, heads > 0, qkv.shape[2] % (3 * heads) == 0 else {
        throw TensorError.shape(op: "selfAttention", expected: "[B, T, 3 * \(heads) * D]", found: qkv.shape)
    }
    let (batch, time, inner) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3)
    let width = inner / heads
    if let relative {
        guard relative.distances.shape == [max(2 * time - 1, 0), inner] else {
            throw TensorError.shape(
                op: "selfAttention", expected: "distances of [\(2 * time - 1), \(inner)]",
                found: relative.distances.shape)
        }
        guard relative.biasU.shape == [heads, width], relative.biasV.shape == [heads, width] else {
            throw TensorError.shape(
                op: "selfAttention", expected: "biases of [\(heads), \(width)]", found: relative.biasU.shape)
        }
    }
    return try Tensor(shape: [batch, time, inner]) { out in
        guard time > 0, width > 0 else { return }
        for b in 0..<batch {
            var call = ck_self_attention()
            (call.qkv, call.step) = (UnsafePointer(qkv.storage.pointer + b * time * 3 * inner), 3 * inner)
            (call.out, call.out_step) = (out.baseAddress! + b * time * inner, inner)
            (call.heads, call.width, call.length, call.scale) = (heads, width, time, scale)
            call.bfloat16 = precision != .float32
            call.distances = relative.map { UnsafePointer($0.distances.storage.pointer) }
            call.bias_u = relative.map { UnsafePointer($0.biasU.storage.pointer) }
            call.bias_v = relative.map { UnsafePointer($0.biasV.storage.pointer) }
            guard ck_attend_all(&call) else {
                throw TensorError.kernel(op: "selfAttention", message: "no memory for \(time) positions")
            }
        }
    }
}
