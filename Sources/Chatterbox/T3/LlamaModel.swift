import Checkpoints
import Tensors

/// The decoder-only transformer of T3, without its token embeddings.
/// Source: transformers modeling_llama.py
struct LlamaModel: Sendable {
    private let layers: [LlamaDecoderLayer]
    private let norm: RMSNorm
    let rotary: RotaryEmbedding
    private let configuration: T3Configuration
    /// Heads to watch in each layer.
    private let watched: [[Int]]

    /// - Parameter positions: the most that a sequence may have.
    init(_ layers: LayerReader, configuration: T3Configuration, positions: Int) throws {
        self.layers = try (0..<configuration.layerCount).map {
            try LlamaDecoderLayer(layers.scope("layers.\($0)"), configuration: configuration)
        }
        self.norm = try RMSNorm(
            weight: layers.tensor("norm.weight", [configuration.hiddenSize]), epsilon: configuration.rmsNormEps)
        self.rotary = try RotaryEmbedding(
            headDim: configuration.headDim, theta: configuration.ropeTheta, scaling: configuration.ropeScaling,
            positions: positions)
        self.configuration = configuration
        self.watched = (0..<configuration.layerCount).map { layer in
            configuration.alignmentHeads.filter { $0[0] == layer }.map { $0[1] }
        }
    }

    func makeCaches(rows: Int, capacity: Int) -> [KeyValueCache] {
        layers.map { _ in
            KeyValueCache(
                batch: rows, heads: configuration.headCount, headWidth: configuration.headDim, capacity: capacity)
        }
    }

    /// Runs the positions that follow those in `caches`.
    /// - Parameter x: `[rows, T, D]`.
    /// - Returns: the last position's final state `[rows, D]`, and its attention over all positions so far in row 0,
    ///   averaged over the configuration's alignment heads (empty if there are none).
    func callAsFunction(_ x: Tensor, caches: inout [KeyValueCache]) throws -> (state: Tensor, attention: [Float]) {
        let start = caches[0].length
        let (rows, time) = (x.shape[0], x.shape[1])
        let (cosine, sine) = try rotary.tables(start..<start + time)
        var x = x
        var attention: [Float] = []
        for (i, layer) in layers.enumerated() {
            let seen: Tensor
            (x, seen) = try layer(x, cosine: cosine, sine: sine, cache: &caches[i], watching: watched[i])
            accumulate(seen, heads: watched[i].count, into: &attention)
        }
        let last = time == 1 ? x : try x.sliced(axis: 1, from: time - 1, to: time)
        return (try norm(last.reshaped([rows, configuration.hiddenSize])), attention)
    }

    /// Adds the last query's row of each watched head, `[rows, heads, T, length]`, row 0 alone.
    private func accumulate(_ seen: Tensor, heads: Int, into attention: inout [Float]) {
        guard heads > 0 else { return }
        let (time, length) = (seen.shape[2], seen.shape[3])
        if attention.isEmpty { attention = [Float](repeating: 0, count: length) }
        let share = 1 / Float(configuration.alignmentHeads.count)
        seen.withUnsafeBufferPointer { values in
            for head in 0..<heads {
                let row = (head * time + time - 1) * length
                for position in 0..<length { attention[position] += values[row + position] * share }
            }
        }
    }
}

/// One layer: attention, then a gated feed-forward, each behind a norm and added to its input.
private struct LlamaDecoderLayer: Sendable {
    let inputNorm: RMSNorm
    let postAttentionNorm: RMSNorm
    /// Queries, keys and values in one product.
    let qkv: Linear
    let output: Linear
    /// Gate and up projections in one product.
    let gateUp: Linear
    let down: Linear
    let heads: Int
    let headDim: Int

    init(_ layers: LayerReader, configuration: T3Configuration) throws {
        let hidden = configuration.hiddenSize
        (heads, headDim) = (configuration.headCount, configuration.headDim)
        inputNorm = try RMSNorm(
            weight: layers.tensor("input_layernorm.weight", [hidden]), epsilon: configuration.rmsNormEps)
        postAttentionNorm = try RMSNorm(
            weight: layers.tensor("post_attention_layernorm.weight", [hidden]), epsilon: configuration.rmsNormEps)
        let attention = layers.scope("self_attn")
        qkv = try attention.linear(fusing: ["q_proj", "k_proj", "v_proj"], hidden, heads * headDim, bias: false)
        output = try attention.linear("o_proj", heads * headDim, hidden, bias: false)
        let mlp = layers.scope("mlp")
        gateUp = try mlp.linear(fusing: ["gate_proj", "up_proj"], hidden, configuration.intermediateSize, bias: false)
        down = try mlp.linear("down_proj", configuration.intermediateSize, hidden, bias: false)
    }

    func callAsFunction(
        _ x: Tensor, cosine: Tensor, sine: Tensor, cache: inout KeyValueCache, watching watched: [Int]
    ) throws -> (Tensor, attention: Tensor) {
        let (rows, time) = (x.shape[0], x.shape[1])
        let projected = try qkv(inputNorm(x)).reshaped([rows, time, 3 * heads, headDim]).transposed(1, 2)
        let turned = try projected.sliced(axis: 1, from: 0, to: 2 * heads).rotated(cosine: cosine, sine: sine)
        try cache.append(
            keys: turned.sliced(axis: 1, from: heads, to: 2 * heads),
            values: projected.sliced(axis: 1, from: 2 * heads, to: 3 * heads))
        let (mixed, seen) = try cache.attend(
            turned.sliced(axis: 1, from: 0, to: heads), scale: 1 / Float(headDim).squareRoot(), watching: watched)
        let attended = try x + output(mixed.transposed(1, 2).reshaped([rows, time, heads * headDim]))
        return (try attended + down(gateUp(postAttentionNorm(attended)).siluGated()), seen)
    }
}
