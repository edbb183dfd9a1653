import Checkpoints
import Tensors

/// The front of `CAMPPlus`: convolutions over frequency and time that divide the frequencies by 8.
/// Source: resemble-ai/chatterbox models/s3gen/xvector.py
struct FCM: Sendable {
    /// Channels of the output, all frequencies of each channel in a row.
    let outputs: Int
    private let conv1: Conv2d
    private let norm1: BatchNorm
    private let blocks: [BasicResBlock]
    private let conv2: Conv2d
    private let norm2: BatchNorm

    init(_ layers: LayerReader, configuration: CAMPPlus.Configuration) throws {
        let channels = configuration.headChannels
        outputs = channels * (configuration.featureCount / 8)
        conv1 = try layers.conv2d("conv1", 1, channels, kernel: 3)
        norm1 = try layers.batchNorm("bn1", channels)
        blocks = try [("layer1.0", 2), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)].map { name, stride in
            try BasicResBlock(layers.scope(name), channels: channels, stride: stride)
        }
        conv2 = try layers.conv2d("conv2", channels, channels, kernel: 3, stride: 2)
        norm2 = try layers.batchNorm("bn2", channels)
    }

    /// - Parameter features: `[T, F]`.
    /// - Returns: `[1, T, outputs]`.
    func callAsFunction(_ features: Tensor) throws -> Tensor {
        let (time, count) = (features.shape[0], features.shape[1])
        var x = try norm1(conv1(features.transposed(0, 1).reshaped([count, time, 1]))).relu()
        for block in blocks { x = try block(x) }
        x = try norm2(conv2(x)).relu()  // [F / 8, T, C]
        return try x.transposed(0, 1).transposed(1, 2).reshaped([1, time, outputs])
    }
}

/// Source: resemble-ai/chatterbox models/s3gen/xvector.py
struct BasicResBlock: Sendable {
    private let conv1: Conv2d
    private let norm1: BatchNorm
    private let conv2: Conv2d
    private let norm2: BatchNorm
    private let shortcut: (conv: Conv2d, norm: BatchNorm)?

    init(_ layers: LayerReader, channels: Int, stride: Int) throws {
        conv1 = try layers.conv2d("conv1", channels, channels, kernel: 3, stride: stride)
        norm1 = try layers.batchNorm("bn1", channels)
        conv2 = try layers.conv2d("conv2", channels, channels, kernel: 3)
        norm2 = try layers.batchNorm("bn2", channels)
        shortcut =
            stride == 1
            ? nil
            : (
                try layers.conv2d("shortcut.0", channels, channels, kernel: 1, stride: stride),
                try layers.batchNorm("shortcut.1", channels)
            )
    }

    /// - Parameter x: `[F, T, C]`.
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        let y = try norm2(conv2(norm1(conv1(x)).relu()))
        return try (y + (shortcut.map { try $0.norm($0.conv(x)) } ?? x)).relu()
    }
}
