import Foundation
import Tensors

/// The velocity of the flow: a one-level U-net of causal convolutions and transformers with full attention.
/// All tensors are `[B, T, C]`.
/// Source: resemble-ai/chatterbox models/s3gen/decoder.py, matcha/decoder.py, matcha/transformer.py
struct ConditionalDecoder: Sendable {
    private let time1: Linear
    private let time2: Linear
    /// Mixes the embeddings of t and r; meanflow models alone have it.
    private let timeMixer: Linear?
    private let down: Stage
    private let downsample: Conv1d
    private let mid: [Stage]
    private let up: Stage
    private let upsample: Conv1d
    private let finalBlock: CausalBlock1D
    private let finalProjection: Linear
    private let inChannels: Int

    /// Resnet, then transformers.
    private struct Stage: Sendable {
        let resnet: CausalResnetBlock1D
        let transformers: [BasicTransformerBlock]

        init(_ layers: LayerReader, _ inputs: Int, timeWidth: Int, configuration: S3GenConfiguration.Decoder) throws {
            let channels = configuration.channels[0]
            resnet = try CausalResnetBlock1D(layers.scope("0"), inputs, channels, timeWidth: timeWidth)
            transformers = try (0..<configuration.blockCount).map {
                try BasicTransformerBlock(layers.scope("1.\($0)"), channels, configuration: configuration)
            }
        }

        func callAsFunction(_ x: Tensor, time: Tensor) throws -> Tensor {
            try transformers.reduce(resnet(x, time: time)) { try $1($0) }
        }
    }

    init(_ layers: LayerReader, configuration: S3GenConfiguration) throws {
        let decoder = configuration.decoder
        let channels = decoder.channels[0]
        let timeWidth = 4 * channels
        inChannels = decoder.inChannels
        time1 = try layers.linear("time_mlp.linear_1", inChannels, timeWidth)
        time2 = try layers.linear("time_mlp.linear_2", timeWidth, timeWidth)
        timeMixer =
            decoder.meanflow ? try layers.linear("time_embed_mixer", 2 * timeWidth, timeWidth, bias: false) : nil
        func stage(_ name: String, _ inputs: Int) throws -> Stage {
            try Stage(layers.scope(name), inputs, timeWidth: timeWidth, configuration: decoder)
        }
        down = try stage("down_blocks.0", inChannels)
        downsample = try layers.causalConv1d("down_blocks.0.2", channels, channels, kernel: 3)
        mid = try (0..<decoder.midBlockCount).map { try stage("mid_blocks.\($0)", channels) }
        up = try stage("up_blocks.0", 2 * channels)
        upsample = try layers.causalConv1d("up_blocks.0.2", channels, channels, kernel: 3)
        finalBlock = try CausalBlock1D(layers.scope("final_block"), channels, channels)
        let projection = try layers.weight("final_proj.weight", [configuration.outputSize, channels, 1])
        finalProjection = try Linear(
            weight: projection.withoutLastAxis(),
            bias: layers.tensor("final_proj.bias", [configuration.outputSize]), precision: layers.precision)
    }

    /// - Parameters:
    ///   - x: `[B, T, inChannels]`: state, mu, speaker and prompt mel, side by side.
    ///   - t: time of the state, 0 to 1.
    ///   - r: the time to step to, which meanflow models need.
    /// - Returns: `[B, T, outputSize]`.
    func callAsFunction(_ x: Tensor, t: Float, r: Float) throws -> Tensor {
        var time = try embedding(t)
        if let timeMixer { time = try timeMixer(Tensor.concatenated([time, embedding(r)], axis: 1)) }
        // Every resnet projects its Mish.
        time = time.mish()
        let skip = try down(x, time: time)
        var y = try downsample(skip)
        for stage in mid { y = try stage(y, time: time) }
        y = try up(Tensor.concatenated([y, skip], axis: 2), time: time)
        return try finalProjection(finalBlock(upsample(y)))
    }

    /// Sinusoids of a time, then a small network: `[1, 4 channels]`.
    private func embedding(_ time: Float) throws -> Tensor {
        let half = inChannels / 2
        let factor = -logf(10000) / Float(half - 1)
        let angles = (0..<half).map { 1000 * time * expf(Float($0) * factor) }
        let sinusoids = try Tensor(angles.map(sinf) + angles.map(cosf), shape: [1, inChannels])
        return try time2(time1(sinusoids).silu())
    }
}

/// Causal convolution, norm over channels, Mish.
private struct CausalBlock1D: Sendable {
    let conv: Conv1d
    let norm: LayerNorm

    init(_ layers: LayerReader, _ inputs: Int, _ outputs: Int) throws {
        conv = try layers.causalConv1d("block.0", inputs, outputs, kernel: 3)
        norm = try layers.layerNorm("block.2", outputs)
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
        try conv(x).mapRows(to: conv.outputs) { try norm($0).mish() }
    }
}

private struct CausalResnetBlock1D: Sendable {
    let time: Linear
    let block1: CausalBlock1D
    let block2: CausalBlock1D
    let residual: Linear

    init(_ layers: LayerReader, _ inputs: Int, _ outputs: Int, timeWidth: Int) throws {
        time = try layers.linear("mlp.1", timeWidth, outputs)
        block1 = try CausalBlock1D(layers.scope("block1"), inputs, outputs)
        block2 = try CausalBlock1D(layers.scope("block2"), outputs, outputs)
        let weight = try layers.weight("res_conv.weight", [outputs, inputs, 1])
        residual = try Linear(
            weight: weight.withoutLastAxis(), bias: layers.tensor("res_conv.bias", [outputs]),
            precision: layers.precision)
    }

    /// - Parameter embedding: `[1, timeWidth]`, behind its Mish.
    func callAsFunction(_ x: Tensor, time embedding: Tensor) throws -> Tensor {
        try block2(block1(x) + time(embedding)) + residual(x)
    }
}

private struct BasicTransformerBlock: Sendable {
    let norm1: LayerNorm
    let qkv: Linear
    let output: Linear
    let norm3: LayerNorm
    let project: Linear
    let down: Linear
    let heads: Int
    let headDim: Int
    let precision: Precision

    init(_ layers: LayerReader, _ width: Int, configuration: S3GenConfiguration.Decoder) throws {
        precision = layers.precision
        (heads, headDim) = (configuration.headCount, configuration.headDim)
        norm1 = try layers.layerNorm("norm1", width)
        let attention = layers.scope("attn1")
        qkv = try attention.linear(fusing: ["to_q", "to_k", "to_v"], width, heads * headDim, bias: false)
        output = try attention.linear("to_out.0", heads * headDim, width)
        norm3 = try layers.layerNorm("norm3", width)
        project = try layers.linear("ff.net.0.proj", width, 4 * width)
        down = try layers.linear("ff.net.2", 4 * width, width)
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
        let projected = try x.mapRows(to: qkv.outputs) { try qkv(norm1($0)) }
        let mixed = try selfAttention(
            projected, heads: heads, scale: 1 / Float(headDim).squareRoot(), precision: precision)
        return try x.mapRows(with: mixed, to: x.shape[2]) { x, mixed in
            let attended = try x + output(mixed)
            return try attended + down(project(norm3(attended)).gelu())
        }
    }
}
