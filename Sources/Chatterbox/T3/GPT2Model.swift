import Checkpoints
import Tensors

/// T3's backbone in nano and turbo: learned positions over the whole sequence, layer norms, GELU.
/// Source: transformers modeling_gpt2.py
struct GPT2Model: DecoderStack {
    let layers: [GPT2Block]
    let watched: WatchedHeads
    let positionCount: Int
    private let positionEmbedding: Embedding
    private let finalNorm: LayerNorm

    init(_ layers: LayerReader, configuration: T3Configuration) throws {
        let epsilon = try configuration.needed(configuration.layerNormEps, "layer_norm_epsilon")
        positionCount = try configuration.needed(configuration.positionCount, "n_positions")
        positionEmbedding = try layers.embedding("wpe", positionCount, configuration.hiddenSize)
        self.layers = try (0..<configuration.layerCount).map {
            try GPT2Block(layers.scope("h.\($0)"), configuration: configuration, epsilon: epsilon)
        }
        finalNorm = try layers.layerNorm("ln_f", configuration.hiddenSize, epsilon: epsilon)
        watched = WatchedHeads(configuration)
    }

    func begin(_ x: Tensor, positions: Range<Int>) throws -> (Tensor, Void) {
        (try x + positionEmbedding(positions.map { Int32($0) }), ())
    }

    func end(_ x: Tensor) throws -> Tensor { try finalNorm(x) }
}

struct GPT2Block: DecoderLayer {
    private let norm1: LayerNorm
    /// Queries, keys and values in one product.
    private let qkv: Linear
    private let output: Linear
    private let norm2: LayerNorm
    private let up: Linear
    private let down: Linear
    private let heads: Int
    private let headDim: Int

    init(_ layers: LayerReader, configuration: T3Configuration, epsilon: Float) throws {
        let hidden = configuration.hiddenSize
        (heads, headDim) = (configuration.headCount, configuration.headDim)
        norm1 = try layers.layerNorm("ln_1", hidden, epsilon: epsilon)
        qkv = try layers.transposedLinear("attn.c_attn", hidden, 3 * hidden)
        output = try layers.transposedLinear("attn.c_proj", hidden, hidden)
        norm2 = try layers.layerNorm("ln_2", hidden, epsilon: epsilon)
        up = try layers.transposedLinear("mlp.c_fc", hidden, configuration.intermediateSize)
        down = try layers.transposedLinear("mlp.c_proj", configuration.intermediateSize, hidden)
    }

    func callAsFunction(
        _ x: Tensor, positions: Void, cache: inout KeyValueCache, watching watched: [Int]
    ) throws -> (Tensor, attention: Tensor) {
        let (rows, time) = (x.shape[0], x.shape[1])
        let projected = try qkv(norm1(x)).reshaped([rows, time, 3 * heads, headDim]).transposed(1, 2)
        try cache.append(
            keys: projected.sliced(axis: 1, from: heads, to: 2 * heads),
            values: projected.sliced(axis: 1, from: 2 * heads, to: 3 * heads))
        let (mixed, seen) = try cache.attend(
            projected.sliced(axis: 1, from: 0, to: heads), scale: 1 / Float(headDim).squareRoot(), watching: watched)
        let attended = try x + output(mixed.transposed(1, 2).reshaped([rows, time, heads * headDim]))
        return (try attended + down(up(norm2(attended)).geluTanh()), seen)
    }
}
