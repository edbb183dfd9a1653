import Checkpoints
import Tensors

/// T3's backbone in the english and multilingual models: rotary positions, RMS norms, gated feed-forward.
/// Source: transformers modeling_llama.py
struct LlamaModel: DecoderStack {
    let layers: [LlamaDecoderLayer]
    let watched: WatchedHeads
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
        watched = WatchedHeads(configuration)
        positionCount = positions
    }

    func begin(_ x: Tensor, positions: Range<Int>) throws -> (Tensor, (cosine: Tensor, sine: Tensor)) {
        (x, try rotary.tables(positions))
    }

    func end(_ x: Tensor) throws -> Tensor { try norm(x) }
}

struct LlamaDecoderLayer: DecoderLayer {
    private let inputNorm: RMSNorm
    private let postAttentionNorm: RMSNorm
    /// Queries, keys and values in one product.
    private let qkv: Linear
    private let output: Linear
    /// Gate and up projections in one product.
    private let gateUp: Linear
    private let down: Linear
    private let heads: Int
    private let headDim: Int

    init(_ layers: LayerReader, configuration: T3Configuration, epsilon: Float) throws {
        let hidden = configuration.hiddenSize
        (heads, headDim) = (configuration.headCount, configuration.headDim)
        inputNorm = try RMSNorm(weight: layers.tensor("input_layernorm.weight", [hidden]), epsilon: epsilon)
        postAttentionNorm = try RMSNorm(
            weight: layers.tensor("post_attention_layernorm.weight", [hidden]), epsilon: epsilon)
        let attention = layers.scope("self_attn")
        qkv = try attention.linear(fusing: ["q_proj", "k_proj", "v_proj"], hidden, heads * headDim, bias: false)
        output = try attention.linear("o_proj", heads * headDim, hidden, bias: false)
        let mlp = layers.scope("mlp")
        gateUp = try mlp.linear(fusing: ["gate_proj", "up_proj"], hidden, configuration.intermediateSize, bias: false)
        down = try mlp.linear("down_proj", configuration.intermediateSize, hidden, bias: false)
    }

    func callAsFunction(
        _ x: Tensor, positions: (cosine: Tensor, sine: Tensor), cache: inout KeyValueCache, watching watched: [Int]
    ) throws -> (Tensor, attention: Tensor) {
        let (rows, time) = (x.shape[0], x.shape[1])
        let projected = try qkv(inputNorm(x)).reshaped([rows, time, 3 * heads, headDim]).transposed(1, 2)
        let turned = try projected.sliced(axis: 1, from: 0, to: 2 * heads)
            .rotated(cosine: positions.cosine, sine: positions.sine)
        try cache.append(
            keys: turned.sliced(axis: 1, from: heads, to: 2 * heads),
            values: projected.sliced(axis: 1, from: 2 * heads, to: 3 * heads))
        let (mixed, seen) = try cache.attend(
            turned.sliced(axis: 1, from: 0, to: heads), scale: 1 / Float(headDim).squareRoot(), watching: watched)
        let attended = try x + output(mixed.transposed(1, 2).reshaped([rows, time, heads * headDim]))
        return (try attended + down(gateUp(postAttentionNorm(attended)).siluGated()), seen)
    }
}
