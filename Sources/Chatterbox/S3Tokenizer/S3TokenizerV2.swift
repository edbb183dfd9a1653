import AudioDSP
import Checkpoints
import Tensors

#if canImport(Glibc)
    import func Glibc.log10
#else
    import func Darwin.log10
#endif

/// A recording as speech tokens, 25 a second.
/// Source: resemble-ai/chatterbox models/s3tokenizer/s3tokenizer.py, PyPI s3tokenizer model_v2.py
public struct S3TokenizerV2: Sendable {
    /// The sizes of the class; the official ones by default.
    public struct Configuration: Sendable, Codable, Equatable {
        public var melCount: Int
        public var width: Int
        public var headCount: Int
        public var layerCount: Int

        public init(melCount: Int = 128, width: Int = 1280, headCount: Int = 20, layerCount: Int = 6) {
            (self.melCount, self.width, self.headCount, self.layerCount) = (melCount, width, headCount, layerCount)
        }

        enum CodingKeys: String, CodingKey {
            case melCount = "n_mels"
            case width = "n_audio_state"
            case headCount = "n_audio_head"
            case layerCount = "n_audio_layer"
        }
    }

    /// Of the recordings.
    public static let sampleRateHz = 16000
    /// 30 s of mel frames: what the encoder hears in one pass.
    public static let maxFrames = 3000
    /// Values of each of the codebook's 8 digits; 3⁸ tokens.
    private static let levels: Float = 3

    private let configuration: Configuration
    private let fourier: ShortTimeFourier
    private let filters: Linear
    private let encoder: AudioEncoderV2
    private let projectDown: Linear

    /// Reads the weights of `tokenizer.` in S3Gen's checkpoint.
    /// - Throws: `CheckpointError`, `TensorError`, `AudioError`.
    public init(
        _ reader: WeightReader, configuration: Configuration = Configuration(), precision: Precision = .float32
    ) throws {
        self.configuration = configuration
        let layers = LayerReader(reader: reader, precision: precision)
        let window = try layers.tensor("window", [400])
        // A manifest's stand-in has one value.
        fourier = try ShortTimeFourier(size: 400, hop: 160, window: window.count == 400 ? window.values : nil)
        filters = try Linear(
            weight: layers.tensor("_mel_filters", [configuration.melCount, 201]), bias: nil, precision: .float32)
        encoder = try AudioEncoderV2(layers.scope("encoder"), configuration: configuration)
        // Rounding decides the digits: never in less than 32 bits.
        projectDown = try LayerReader(reader: reader, precision: .float32)
            .linear("quantizer._codebook.project_down", configuration.width, 8)
    }

    /// - Parameters:
    ///   - samples: 16 kHz, at most 30 s.
    ///   - limit: most tokens wanted; later samples are not heard.
    /// - Throws: `ChatterboxError.tooLong`; `AudioError.transform` below 12.5 ms.
    public func callAsFunction(_ samples: [Float], limit: Int? = nil) throws -> [Int32] {
        let mel = try logMel(samples)
        let frames = limit.map { min($0 * 4, mel.shape[1]) } ?? mel.shape[1]
        return try tokens(mel.sliced(axis: 1, from: 0, to: frames))
    }

    /// Whisper's: logarithms of the squared magnitudes in mel bands, 8 below the largest at least, scaled.
    /// - Returns: `[1, frames, melCount]`, 100 frames a second.
    package func logMel(_ samples: [Float]) throws -> Tensor {
        let spectra = try fourier.centredFrames(samples)
        let frames = spectra.real.shape[0] - 1
        let bands = try filters(spectra.power.sliced(axis: 0, from: 0, to: frames))
        return bands.withUnsafeBufferPointer { bands in
            let logarithms = bands.map { Float(log10(Double(max($0, 1e-10)))) }
            let floor = (logarithms.max() ?? 0) - 8
            return Tensor(shape: [1, frames, configuration.melCount]) { out in
                for i in 0..<out.count { out[i] = (max(logarithms[i], floor) + 4) / 4 }
            }
        }
    }

    /// - Parameter mel: `[1, frames, melCount]`.
    package func tokens(_ mel: Tensor) throws -> [Int32] {
        guard mel.shape[1] <= Self.maxFrames else {
            throw ChatterboxError.tooLong(
                what: "mel frames of a recording", count: mel.shape[1], limit: Self.maxFrames)
        }
        guard mel.shape[1] > 0 else { return [] }
        let digits = try projectDown(encoder(mel)).tanh()
        return digits.withUnsafeBufferPointer { digits in
            (0..<digits.count / 8).map { token in
                var (code, power) = (Float(0), Float(1))
                for digit in 0..<8 {
                    // Just below 1, so that no digit comes out as 3.
                    code += ((digits[token * 8 + digit] * 0.999).rounded(.toNearestOrEven) + 1) * power
                    power *= Self.levels
                }
                return Int32(code)
            }
        }
    }
}
