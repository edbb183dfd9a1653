import AudioDSP
import Checkpoints
import Tensors

/// A recording's speaker as a point on a sphere, T3's `speaker_emb` (GE2E).
/// Source: resemble-ai/chatterbox models/voice_encoder/voice_encoder.py
public struct VoiceEncoder: Sendable {
    /// The sizes of the class; the official ones by default.
    public struct Configuration: Sendable, Codable, Equatable {
        public var melCount: Int
        public var hiddenSize: Int
        public var embeddingSize: Int

        public init(melCount: Int = 40, hiddenSize: Int = 256, embeddingSize: Int = 256) {
            (self.melCount, self.hiddenSize, self.embeddingSize) = (melCount, hiddenSize, embeddingSize)
        }

        enum CodingKeys: String, CodingKey {
            case melCount = "num_mels"
            case hiddenSize = "ve_hidden_size"
            case embeddingSize = "speaker_embed_size"
        }
    }

    /// Of the recordings.
    public static let sampleRateHz = 16000
    /// Frames of a partial, 1.6 s.
    static let partialFrames = 160
    /// Frames from a partial to the next: the reference's rate of 1.3.
    static let partialStep = 77

    public let configuration: Configuration
    private let fourier: ShortTimeFourier
    private let filters: Linear
    private let lstm: [LSTM]
    private let projection: Linear

    /// Reads all weights of ve.safetensors; the caller audits, ignoring `unused`.
    /// - Throws: `CheckpointError`, `TensorError`.
    public init(_ reader: WeightReader, configuration: Configuration = Configuration()) throws {
        self.configuration = configuration
        fourier = try ShortTimeFourier(size: 400, hop: 160)
        filters = try Linear(
            weight: MelFilters.slaney(
                sampleRateHz: Self.sampleRateHz, size: 400, count: configuration.melCount, frequencies: 0...8000),
            bias: nil, precision: .float32)
        // Small, and run once a voice: full precision costs nothing.
        let layers = LayerReader(reader: reader, precision: .float32)
        let width = configuration.hiddenSize
        lstm = try (0..<3).map { index in
            try layers.lstm("lstm", layer: index, index == 0 ? configuration.melCount : width, width)
        }
        projection = try layers.linear("proj", width, configuration.embeddingSize)
    }

    /// Weights of ve.safetensors that are only for training.
    public static let unused = ["similarity_*": "scale the loss of training"]

    /// - Parameters:
    ///   - samples: 16 kHz.
    ///   - trimmed: whether silence at both ends is cut off first, as the reference does for cloning.
    /// - Returns: `[1, embeddingSize]`, of length 1.
    /// - Throws: `AudioError.transform` if nothing is left of the samples.
    public func callAsFunction(_ samples: [Float], trimmed: Bool = true) throws -> Tensor {
        try embedding(partialsOf: mel(trimmed ? SilenceTrim.trimmed(samples) : samples))
    }

    /// Squared magnitudes in mel bands, `[frames, melCount]`.
    package func mel(_ samples: [Float]) throws -> Tensor { try filters(fourier.centredFrames(samples).power) }

    /// The mean of the overlapping partials' embeddings.
    package func embedding(partialsOf mel: Tensor, minimumCoverage: Double = 0.8) throws -> Tensor {
        let frames = mel.shape[0]
        let (count, length) = Self.partials(frames: frames, minimumCoverage: minimumCoverage)
        let whole =
            length > frames ? try mel.padded(axis: 0, before: 0, after: length - frames) : mel
        let partials = try (0..<count).map { index in
            try whole.sliced(
                axis: 0, from: index * Self.partialStep, to: index * Self.partialStep + Self.partialFrames
            ).reshaped([1, Self.partialFrames, configuration.melCount])
        }
        let embeddings = try embeddings(of: Tensor.concatenated(partials, axis: 0))
        let width = configuration.embeddingSize
        let mean = Tensor(shape: [1, width]) { out in
            embeddings.withUnsafeBufferPointer { values in
                for i in 0..<width {
                    out[i] = (0..<count).reduce(0) { $0 + values[$1 * width + i] } / Float(count)
                }
            }
        }
        return Self.normalized(mean)
    }

    /// - Parameter partials: `[B, T, melCount]`.
    /// - Returns: `[B, embeddingSize]`, each of length 1.
    package func embeddings(of partials: Tensor) throws -> Tensor {
        let hidden = try lstm.reduce(partials) { try $1($0) }
        let last = try hidden.sliced(axis: 1, from: hidden.shape[1] - 1, to: hidden.shape[1])
        return Self.normalized(try projection(last.reshaped([partials.shape[0], configuration.hiddenSize])).relu())
    }

    /// How many partials there are, and up to which frame they reach: the last one if most of it is covered, and one at
    /// least.
    static func partials(frames: Int, minimumCoverage: Double) -> (count: Int, frames: Int) {
        let spare = max(frames - partialFrames + partialStep, 0)
        var count = spare / partialStep
        let covered = Double(spare % partialStep + partialFrames - partialStep) / Double(partialFrames)
        if count == 0 || covered >= minimumCoverage { count += 1 }
        return (count, partialFrames + partialStep * (count - 1))
    }

    /// Rows of length 1; a row of zeros, which no direction has, stays one.
    private static func normalized(_ x: Tensor) -> Tensor {
        let width = x.shape[1]
        return Tensor(shape: x.shape) { out in
            x.withUnsafeBufferPointer { values in
                for row in 0..<x.shape[0] {
                    let part = row * width..<(row + 1) * width
                    let length = part.reduce(0) { $0 + values[$1] * values[$1] }.squareRoot()
                    for i in part { out[i] = values[i] / max(length, 1e-12) }
                }
            }
        }
    }
}
