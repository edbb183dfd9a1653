import Tensors

/// Multi-head attention of a decoder's layer over the positions so far, from the fused projection of queries, keys and
/// values to the output's projection.
struct SelfAttention: Sendable {
    private let qkv: Linear
    private let output: Linear
    private let heads: Int
    private let headDim: Int

    /// - Parameters:
    ///   - qkv: to `3 * heads * headDim`: queries, keys, values.
    ///   - output: from `heads * headDim`.
    init(qkv: Linear, output: Linear, configuration: T3Configuration) {
        self.qkv = qkv
        self.output = output
        (heads, headDim) = (configuration.headCount, configuration.headDim)
    }

    /// - Parameters:
    ///   - x: `[rows, T, D]`, behind the layer's norm.
    ///   - rotary: of the `T` positions; nil for a backbone that has learned its positions.
    ///   - watched: heads whose attention is wanted.
    /// - Returns: `[rows, T, D]`, and the attention `[rows, watched.count, T, length]`.
    func callAsFunction(
        _ x: Tensor, rotary: RotaryEmbedding.Tables? = nil, cache: inout KeyValueCache, watching watched: [Int]
    ) throws -> (Tensor, attention: Tensor) {
        let (rows, time) = (x.shape[0], x.shape[1])
        let projected = try qkv(x).reshaped([rows, time, 3 * heads, headDim]).transposed(1, 2)
        var turned = try projected.sliced(axis: 1, from: 0, to: 2 * heads)
        if let rotary { turned = try turned.rotated(cosine: rotary.cosine, sine: rotary.sine) }
        try cache.append(
            keys: turned.sliced(axis: 1, from: heads, to: 2 * heads),
            values: projected.sliced(axis: 1, from: 2 * heads, to: 3 * heads))
        let (mixed, seen) = try cache.attend(
            turned.sliced(axis: 1, from: 0, to: heads), scale: 1 / Float(headDim).squareRoot(), watching: watched)
        return (try output(mixed.transposed(1, 2).reshaped([rows, time, heads * headDim])), seen)
    }
}
