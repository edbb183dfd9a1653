import AudioDSP
import Checkpoints
import Tensors

/// A recording's speaker as an x-vector, S3Gen's `embedding`.
/// Source: resemble-ai/chatterbox models/s3gen/xvector.py
public struct CAMPPlus: Sendable {
    /// The sizes of the class; the official ones by default.
    public struct Configuration: Sendable, Codable, Equatable {
        public var featureCount: Int
        public var embeddingSize: Int
        public var growthRate: Int
        public var bottleneckFactor: Int
        public var initChannels: Int
        public var headChannels: Int

        public init(
            featureCount: Int = 80, embeddingSize: Int = 192, growthRate: Int = 32, bottleneckFactor: Int = 4,
            initChannels: Int = 128, headChannels: Int = 32
        ) {
            (self.featureCount, self.embeddingSize, self.growthRate) = (featureCount, embeddingSize, growthRate)
            self.bottleneckFactor = bottleneckFactor
            (self.initChannels, self.headChannels) = (initChannels, headChannels)
        }

        enum CodingKeys: String, CodingKey {
            case featureCount = "feat_dim"
            case embeddingSize = "embedding_size"
            case growthRate = "growth_rate"
            case bottleneckFactor = "bn_size"
            case initChannels = "init_channels"
            case headChannels = "m_channels"
        }
    }

    /// Of the recordings.
    public static let sampleRateHz = 16000
    /// Layers and dilation of the three dense blocks; fixed in the reference.
    private static let blocks: [(layers: Int, dilation: Int)] = [(12, 1), (24, 2), (16, 2)]

    private let filterBank: KaldiFilterBank
    private let head: FCM
    private let tdnn: Conv1d
    private let tdnnNorm: BatchNorm
    private let blocks: [(dense: [CAMDenseTDNNLayer], transit: TransitLayer)]
    private let outNorm: BatchNorm
    private let dense: Conv1d
    private let denseNorm: BatchNorm

    /// Reads the weights of `speaker_encoder.` in S3Gen's checkpoint.
    /// - Throws: `CheckpointError`, `TensorError`.
    public init(
        _ reader: WeightReader, configuration: Configuration = Configuration(), precision: Precision = .float32
    ) throws {
        filterBank = try KaldiFilterBank(sampleRateHz: Self.sampleRateHz, count: configuration.featureCount)
        let layers = LayerReader(reader: reader, precision: precision)
        let xvector = layers.scope("xvector")
        head = try FCM(layers.scope("head"), configuration: configuration)
        var channels = configuration.initChannels
        tdnn = try xvector.conv1d(
            "tdnn.linear", head.outputs, channels, kernel: 5, stride: 2, padding: (2, 2), bias: false)
        tdnnNorm = try xvector.batchNorm("tdnn.nonlinear.batchnorm", channels)
        blocks = try Self.blocks.enumerated().map { index, block in
            let scope = xvector.scope("block\(index + 1)")
            let dense = try (0..<block.layers).map { layer in
                try CAMDenseTDNNLayer(
                    scope.scope("tdnnd\(layer + 1)"), inputs: channels + layer * configuration.growthRate,
                    bottleneck: configuration.bottleneckFactor * configuration.growthRate,
                    outputs: configuration.growthRate, dilation: block.dilation)
            }
            channels += block.layers * configuration.growthRate
            let transit = try TransitLayer(xvector.scope("transit\(index + 1)"), inputs: channels)
            channels /= 2
            return (dense, transit)
        }
        outNorm = try xvector.batchNorm("out_nonlinear.batchnorm", channels)
        dense = try xvector.conv1d(
            "dense.linear", 2 * channels, configuration.embeddingSize, kernel: 1, padding: (0, 0), bias: false)
        denseNorm = try xvector.batchNorm("dense.nonlinear.batchnorm", configuration.embeddingSize, affine: false)
    }

    /// - Parameter samples: 16 kHz.
    /// - Returns: `[1, embeddingSize]`, of any length.
    /// - Throws: `AudioError.transform` below 25 ms.
    public func callAsFunction(_ samples: [Float]) throws -> Tensor { try embedding(features(samples)) }

    /// Kaldi's log-mel energies without their mean over time, `[frames, featureCount]`.
    package func features(_ samples: [Float]) throws -> Tensor {
        let bands = try filterBank(samples)
        return try bands - bands.meanOverTime()
    }

    /// - Parameter features: `[frames, featureCount]`.
    package func embedding(_ features: Tensor) throws -> Tensor {
        var x = try tdnnNorm(tdnn(head(features))).relu()
        for block in blocks {
            for layer in block.dense { x = try Tensor.concatenated([x, layer(x)], axis: 2) }
            x = try block.transit(x)
        }
        x = try outNorm(x).relu()
        let pooled = try x.reshaped([x.shape[1], x.shape[2]]).meanAndDeviation()
        return try denseNorm(dense(pooled.reshaped([1, 1, -1]))).reshaped([1, -1])
    }
}

extension Tensor {
    /// `[T, C]` to `[1, C]`.
    func meanOverTime() throws -> Tensor {
        let (time, channels) = (shape[0], shape[1])
        var sums = [Double](repeating: 0, count: channels)
        withUnsafeBufferPointer { x in
            for t in 0..<time { for c in 0..<channels { sums[c] += Double(x[t * channels + c]) } }
        }
        return try Tensor(sums.map { Float($0 / Double(time)) }, shape: [1, channels])
    }

    /// `[T, C]` to `[1, 2 C]`: means, then standard deviations (over `T - 1`).
    fileprivate func meanAndDeviation() throws -> Tensor {
        let mean = try meanOverTime()
        let centred = try self - mean
        let variance = try (centred * centred).meanOverTime() * (Float(shape[0]) / Float(max(shape[0] - 1, 1)))
        let deviation = Tensor(shape: variance.shape) { out in
            variance.withUnsafeBufferPointer { x in for i in 0..<out.count { out[i] = x[i].squareRoot() } }
        }
        return try Tensor.concatenated([mean, deviation], axis: 1)
    }
}
