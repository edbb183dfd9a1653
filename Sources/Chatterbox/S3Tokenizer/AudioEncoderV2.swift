import Checkpoints
import Tensors

/// Log-mel at 100 frames a second to states at 25.
/// Source: PyPI s3tokenizer model_v2.py `AudioEncoderV2`
struct AudioEncoderV2: Sendable {
    private let conv1: Conv1d
    private let conv2: Conv1d
    private let blocks: [ResidualAttentionBlock]
    private let rotary: RotaryEmbedding

    init(_ layers: LayerReader, configuration: S3TokenizerV2.Configuration) throws {
        let width = configuration.width
        conv1 = try layers.conv1d("conv1", configuration.melCount, width, kernel: 3, stride: 2, padding: (1, 1))
        conv2 = try layers.conv1d("conv2", width, width, kernel: 3, stride: 2, padding: (1, 1))
        blocks = try (0..<configuration.layerCount).map {
            try ResidualAttentionBlock(layers.scope("blocks.\($0)"), width: width, headCount: configuration.headCount)
        }
        rotary = try RotaryEmbedding(
            headDim: width / configuration.headCount, theta: 10000, scaling: nil,
            positions: S3TokenizerV2.maxFrames / 4)
    }

    /// - Parameter mel: `[1, T, melCount]`.
    /// - Returns: `[1, ceil(T / 4), width]`.
    func callAsFunction(_ mel: Tensor) throws -> Tensor {
        var x = try conv2(conv1(mel).gelu()).gelu()
        let (cosine, sine) = try rotary.tables(0..<x.shape[1])
        for block in blocks { x = try block(x, cosine: cosine, sine: sine) }
        return x
    }
}

/// Source: PyPI s3tokenizer model_v2.py `ResidualAttentionBlock`
struct ResidualAttentionBlock: Sendable {
    private let attn: FSMNMultiHeadAttention
    private let attnNorm: LayerNorm
    private let expand: Linear
    private let contract: Linear
    private let mlpNorm: LayerNorm

    init(_ layers: LayerReader, width: Int, headCount: Int) throws {
        attn = try FSMNMultiHeadAttention(layers.scope("attn"), width: width, headCount: headCount)
        attnNorm = try layers.layerNorm("attn_ln", width)
        expand = try layers.linear("mlp.0", width, 4 * width)
        contract = try layers.linear("mlp.2", 4 * width, width)
        mlpNorm = try layers.layerNorm("mlp_ln", width)
    }

    func callAsFunction(_ x: Tensor, cosine: Tensor, sine: Tensor) throws -> Tensor {
        let x = try x + attn(attnNorm(x), cosine: cosine, sine: sine)
        return try x + contract(expand(mlpNorm(x)).gelu())
    }
}

/// Attention with rotary positions, and beside it a memory of the neighbours' values: a convolution of each channel.
/// Source: PyPI s3tokenizer model_v2.py `FSMNMultiHeadAttention`
struct FSMNMultiHeadAttention: Sendable {
    /// Fixed in the reference.
    private static let kernel = 31

    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let out: Linear
    private let memory: Conv1d
    private let headCount: Int
    private let headDim: Int

    init(_ layers: LayerReader, width: Int, headCount: Int) throws {
        (self.headCount, headDim) = (headCount, width / headCount)
        query = try layers.linear("query", width, width)
        key = try layers.linear("key", width, width, bias: false)
        value = try layers.linear("value", width, width)
        out = try layers.linear("out", width, width)
        let weight = try layers.tensor("fsmn_block.weight", [width, 1, Self.kernel])
        memory = try Conv1d(
            weight: weight, bias: nil, padding: (Self.kernel / 2, Self.kernel / 2), groups: weight.shape[0],
            layout: .channelsLast, precision: layers.precision)
    }

    /// - Parameter x: `[1, T, width]`.
    func callAsFunction(_ x: Tensor, cosine: Tensor, sine: Tensor) throws -> Tensor {
        func heads(_ x: Tensor) throws -> Tensor {
            try x.reshaped([1, x.shape[1], headCount, headDim]).transposed(1, 2)
        }
        let values = try value(x)
        let mixed = try attention(
            q: heads(query(x)).rotated(cosine: cosine, sine: sine),
            k: heads(key(x)).rotated(cosine: cosine, sine: sine),
            v: heads(values), scale: 1 / Float(headDim).squareRoot())
        return try out(mixed.transposed(1, 2).reshaped(x.shape)) + (memory(values) + values)
    }
}
