import Checkpoints
import Tensors

/// T3's backbone in the english and multilingual models: rotary positions, RMS norms, gated feed-forward.
/// Source: transformers modeling_llama.py
struct LlamaModel: DecoderStack {
    let layers: [LlamaDecoderLayer]
    let watched: [[Int]]
    let positionCount: Int
    let rotary: RotaryEmbedding
    private let norm: RMSNorm

    /// - Parameter positions: the most that a sequence may have.
    init(_ layers: LayerReader, configuration: T3Configuration, positions: Int) throws {
        let epsilon = try configuration.needed(configuration.rmsNormEps, "rms_norm_eps")
        self.layers = try (0..<configuration.layerCount).map {
            try LlamaDecoderLayer(layers.scope("layers.\($0)"), configuration: configuration, epsilon: epsilon)
        }
        norm = try RMSNorm(weight: layers.tensor("norm.weight", [configuration.hiddenSize]), epsilon: epsilon)
        rotary = try RotaryEmbedding(
            headDim: configuration.headDim, theta: configuration.needed(configuration.ropeTheta, "rope_theta"),
            scaling: configuration.ropeScaling, positions: positions)
        watched = configuration.byLayer(configuration.alignmentHeads)
        positionCount = positions
    }

    func begin(_ x: Tensor, spans: [DecoderSpan]) throws -> (Tensor, [RotaryEmbedding.Tables]) {
        (x, try spans.map { try rotary.tables($0.positions) })
    }

    func end(_ x: Tensor) throws -> Tensor { try norm(x) }
}

struct LlamaDecoderLayer: DecoderLayer {
    private let inputNorm: RMSNorm
    private let postAttentionNorm: RMSNorm
    private let attention: SelfAttention
    /// Gate and up projections in one product.
    private let gateUp: Linear
    private let down: Linear

    init(_ layers: LayerReader, configuration: T3Configuration, epsilon: Float) throws {
        let hidden = configuration.hiddenSize
        let width = configuration.headCount * configuration.headDim
        inputNorm = try RMSNorm(weight: layers.tensor("input_layernorm.weight", [hidden]), epsilon: epsilon)
        postAttentionNorm = try RMSNorm(
            weight: layers.tensor("post_attention_layernorm.weight", [hidden]), epsilon: epsilon)
        let projections = layers.scope("self_attn")
        attention = SelfAttention(
            qkv: try projections.linear(fusing: ["q_proj", "k_proj", "v_proj"], hidden, width, bias: false),
            output: try projections.linear("o_proj", width, hidden, bias: false), configuration: configuration)
        let mlp = layers.scope("mlp")
        gateUp = try mlp.linear(fusing: ["gate_proj", "up_proj"], hidden, configuration.intermediateSize, bias: false)
        down = try mlp.linear("down_proj", configuration.intermediateSize, hidden, bias: false)
    }

    func callAsFunction(
        _ x: Tensor, index: Int, spans: [DecoderSpan], positions: [RotaryEmbedding.Tables],
        states: inout [DecoderState], watching watched: [Int]
    ) throws -> (Tensor, attention: [Tensor]) {
        let (mixed, seen) = try attention(
            inputNorm(x), layer: index, spans: spans, rotary: positions, states: &states, watching: watched)
        let attended = try x + mixed
        return (try attended + down(gateUp(postAttentionNorm(attended)).siluGated()), seen)
    }
}
