import Tensors

/// Multi-head attention of a decoder's layer over the positions so far, from the fused projection of queries, keys and
/// values to the output's projection. The projections are of all sequences together; each attends to its own positions.
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
    ///   - x: `[N, D]`, the rows of the spans behind the layer's norm.
    ///   - layer: whose caches to take.
    ///   - rotary: of each span's positions; nil for a backbone that has learned its positions.
    ///   - watched: heads whose attention is wanted.
    /// - Returns: `[N, D]`, and by span the attention `[rows, watched.count, T, length]`.
    func callAsFunction(
        _ x: Tensor, layer: Int, spans: [DecoderSpan], rotary: [RotaryEmbedding.Tables]? = nil,
        states: inout [DecoderState], watching watched: [Int]
    ) throws -> (Tensor, attention: [Tensor]) {
        let projected = try qkv(x)
        var parts = [(output: Tensor, attention: Tensor)?](repeating: nil, count: spans.count)
        try states.withUnsafeMutableBufferPointer { states in
            try parts.withUnsafeMutableBufferPointer { parts in
                // Every index is a sequence of its own.
                nonisolated(unsafe) let (states, parts) = (states, parts)
                try Cores.forEach(spans.count) { index in
                    let span = spans[index]
                    let own = try projected.sliced(axis: 0, from: span.range.lowerBound, to: span.range.upperBound)
                        .reshaped([span.rows, span.positions.count, 3 * heads, headDim]).transposed(1, 2)
                    let (output, attention) = try attend(
                        own, rotary: rotary?[index], cache: &states[index].caches[layer], watching: watched,
                        hiding: states[index].hidden.isEmpty ? .init() : states[index].hidden[layer])
                    parts[index] = (
                        try output.transposed(1, 2).reshaped([span.range.count, heads * headDim]), attention
                    )
                }
            }
        }
        let whole = parts.compactMap(\.self)
        return (try output(.concatenated(whole.map(\.output), axis: 0)), whole.map(\.attention))
    }

    /// - Parameter projected: queries, keys and values of one sequence, `[rows, 3 * heads, T, headDim]`.
    /// - Returns: `[rows, heads, T, headDim]`.
    private func attend(
        _ projected: Tensor, rotary: RotaryEmbedding.Tables?, cache: inout KeyValueCache, watching watched: [Int],
        hiding hidden: HiddenPositions
    ) throws -> (output: Tensor, attention: Tensor) {
        var turned = try projected.sliced(axis: 1, from: 0, to: 2 * heads)
        if let rotary { turned = try turned.rotated(cosine: rotary.cosine, sine: rotary.sine) }
        try cache.append(
            keys: turned.sliced(axis: 1, from: heads, to: 2 * heads),
            values: projected.sliced(axis: 1, from: 2 * heads, to: 3 * heads))
        return try cache.attend(
            turned.sliced(axis: 1, from: 0, to: heads), scale: 1 / Float(headDim).squareRoot(), watching: watched,
            hiding: hidden)
    }
}
