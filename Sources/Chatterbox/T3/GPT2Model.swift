import Checkpoints
import Tensors

/// T3's backbone in nano and turbo: learned positions over the whole sequence, layer norms, GELU.
/// Source: transformers modeling_gpt2.py
struct GPT2Model: DecoderStack {
    let layers: [GPT2Block]
    let watched: [[Int]]
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
        watched = configuration.byLayer(configuration.alignmentHeads)
    }

    func begin(_ x: Tensor, spans: [DecoderSpan]) throws -> (Tensor, Void) {
        let positions = spans.flatMap { span in
            (0..<span.rows).flatMap { _ in span.positions.map { Int32($0) } }
        }
        return (try x + positionEmbedding(positions), ())
    }

    func end(_ x: Tensor) throws -> Tensor { try finalNorm(x) }
}

struct GPT2Block: DecoderLayer {
    private let norm1: LayerNorm
    private let attention: SelfAttention
    private let norm2: LayerNorm
    private let up: Linear
    private let down: Linear

    init(_ layers: LayerReader, configuration: T3Configuration, epsilon: Float) throws {
        let hidden = configuration.hiddenSize
        norm1 = try layers.layerNorm("ln_1", hidden, epsilon: epsilon)
        attention = SelfAttention(
            qkv: try layers.transposedLinear("attn.c_attn", hidden, 3 * hidden),
            output: try layers.transposedLinear("attn.c_proj", hidden, hidden), configuration: configuration)
        norm2 = try layers.layerNorm("ln_2", hidden, epsilon: epsilon)
        up = try layers.transposedLinear("mlp.c_fc", hidden, configuration.intermediateSize)
        down = try layers.transposedLinear("mlp.c_proj", configuration.intermediateSize, hidden)
    }

    func callAsFunction(
        _ x: Tensor, index: Int, spans: [DecoderSpan], positions: Void, states: inout [DecoderState],
        watching watched: [Int]
    ) throws -> (Tensor, attention: [Tensor]) {
        let (mixed, seen) = try attention(norm1(x), layer: index, spans: spans, states: &states, watching: watched)
        let attended = try x + mixed
        return (try attended + down(up(norm2(attended)).geluTanh()), seen)
    }
}
