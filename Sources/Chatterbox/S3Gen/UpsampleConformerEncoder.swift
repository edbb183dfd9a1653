import Foundation
import Tensors

/// Token embeddings at 25 Hz to mel-rate features at 50 Hz, with attention over the whole pass.
/// Source: resemble-ai/chatterbox models/s3gen/transformer/upsample_encoder.py
struct UpsampleConformerEncoder: Sendable {
    private let embed: LinearInput
    private let preLookahead: PreLookaheadLayer
    private let encoders: [ConformerEncoderLayer]
    private let up: Conv1d
    private let upEmbed: LinearInput
    private let upEncoders: [ConformerEncoderLayer]
    private let afterNorm: LayerNorm
    private let width: Int

    private static let upsampling = 2

    init(_ layers: LayerReader, configuration: S3GenConfiguration) throws {
        let encoder = configuration.encoder
        width = encoder.outputSize
        embed = try LinearInput(layers.scope("embed"), configuration.inputSize, width)
        preLookahead = try PreLookaheadLayer(
            layers.scope("pre_lookahead_layer"), width: width, lookahead: configuration.preLookaheadLength)
        encoders = try (0..<encoder.blockCount).map {
            try ConformerEncoderLayer(layers.scope("encoders.\($0)"), configuration: encoder)
        }
        up = try layers.causalConv1d("up_layer.conv", width, width, kernel: 2 * Self.upsampling + 1)
        upEmbed = try LinearInput(layers.scope("up_embed"), width, width)
        upEncoders = try (0..<encoder.upBlockCount).map {
            try ConformerEncoderLayer(layers.scope("up_encoders.\($0)"), configuration: encoder)
        }
        afterNorm = try layers.layerNorm("after_norm", width)
    }

    /// - Parameter x: `[1, T, inputSize]`.
    /// - Returns: `[1, 2 T, outputSize]`.
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        var x = try preLookahead(embed(x))
        var positions = try RelativePositions(length: x.shape[1], width: width)
        for layer in encoders { x = try layer(x, positions: positions) }
        x = try upEmbed(up(x.repeatedElements(axis: 1, times: Self.upsampling)))
        positions = try RelativePositions(length: x.shape[1], width: width)
        for layer in upEncoders { x = try layer(x, positions: positions) }
        return try afterNorm(x)
    }
}

/// Linear, norm, and the scale that goes with positional encodings.
/// Source: models/s3gen/transformer/subsampling.py `LinearNoSubsampling`
private struct LinearInput: Sendable {
    let linear: Linear
    let norm: LayerNorm
    let scale: Float

    init(_ layers: LayerReader, _ inputs: Int, _ outputs: Int) throws {
        linear = try layers.linear("out.0", inputs, outputs)
        norm = try layers.layerNorm("out.1", outputs)
        scale = Float(outputs).squareRoot()
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor { try norm(linear(x)) * scale }
}

/// Lets every token see the few after it. Source: models/s3gen/transformer/upsample_encoder.py
private struct PreLookaheadLayer: Sendable {
    let conv1: Conv1d
    let conv2: Conv1d

    init(_ layers: LayerReader, width: Int, lookahead: Int) throws {
        conv1 = try layers.conv1d("conv1", width, width, kernel: lookahead + 1, padding: (0, lookahead))
        conv2 = try layers.causalConv1d("conv2", width, width, kernel: 3)
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor { try x + conv2(conv1(x).leakyReLU(slope: 0.01)) }
}

/// Sinusoids of the distances between `length` positions, from `length - 1` ahead of the key down to as far behind.
/// Source: models/s3gen/transformer/embedding.py `EspnetRelPositionalEncoding`
struct RelativePositions: Sendable {
    /// `[2 length - 1, width]`; row r is for distance `length - 1 - r`.
    let table: Tensor
    let length: Int

    init(length: Int, width: Int) throws {
        let factor = -logf(10000) / Float(width)
        let frequencies = (0..<width / 2).map { expf(Float(2 * $0) * factor) }
        let rows = max(2 * length - 1, 0)
        self.length = length
        self.table = Tensor(shape: [rows, width]) { out in
            for row in 0..<rows {
                let distance = Float(length - 1 - row)
                for (pair, frequency) in frequencies.enumerated() {
                    out[row * width + 2 * pair] = sinf(distance * frequency)
                    out[row * width + 2 * pair + 1] = cosf(distance * frequency)
                }
            }
        }
    }
}

/// Attention with relative positions, then a feed-forward; norms in front.
/// Source: models/s3gen/transformer/encoder_layer.py, attention.py `RelPositionMultiHeadedAttention`
private struct ConformerEncoderLayer: Sendable {
    let attentionNorm: LayerNorm
    let qkv: Linear
    let linearPos: Linear
    let biasU: Tensor
    let biasV: Tensor
    let output: Linear
    let feedForwardNorm: LayerNorm
    let w1: Linear
    let w2: Linear
    let heads: Int
    let width: Int
    let precision: Precision

    init(_ layers: LayerReader, configuration: S3GenConfiguration.Encoder) throws {
        precision = layers.precision
        (heads, width) = (configuration.attentionHeads, configuration.outputSize)
        attentionNorm = try layers.layerNorm("norm_mha", width, epsilon: 1e-12)
        let attention = layers.scope("self_attn")
        qkv = try attention.linear(fusing: ["linear_q", "linear_k", "linear_v"], width, width)
        linearPos = try attention.linear("linear_pos", width, width, bias: false)
        biasU = try attention.tensor("pos_bias_u", [heads, width / heads])
        biasV = try attention.tensor("pos_bias_v", [heads, width / heads])
        output = try attention.linear("linear_out", width, width)
        feedForwardNorm = try layers.layerNorm("norm_ff", width, epsilon: 1e-12)
        let feedForward = layers.scope("feed_forward")
        w1 = try feedForward.linear("w_1", width, configuration.linearUnits)
        w2 = try feedForward.linear("w_2", configuration.linearUnits, width)
    }

    func callAsFunction(_ x: Tensor, positions: RelativePositions) throws -> Tensor {
        let projected = try x.mapRows(to: qkv.outputs) { try qkv(attentionNorm($0)) }
        let mixed = try selfAttention(
            projected, heads: heads, scale: 1 / Float(width / heads).squareRoot(),
            relative: RelativeAttention(distances: linearPos(positions.table), biasU: biasU, biasV: biasV),
            precision: precision)
        return try x.mapRows(with: mixed, to: width) { x, mixed in
            let attended = try x + output(mixed)
            return try attended + w2(w1(feedForwardNorm(attended)).silu())
        }
    }
}
