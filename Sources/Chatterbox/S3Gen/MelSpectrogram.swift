import AudioDSP
import Tensors

/// S3Gen's mel of a recording: log magnitudes of 80 bands, 50 frames a second.
/// Source: resemble-ai/chatterbox models/s3gen/utils/mel.py
public struct MelSpectrogram: Sendable {
    /// Of the recordings.
    public static let sampleRateHz = 24000
    static let size = 1920
    static let hop = 480

    private let fourier: ShortTimeFourier
    private let filters: Linear

    /// - Throws: `TensorError`.
    public init() throws {
        fourier = try ShortTimeFourier(size: Self.size, hop: Self.hop)
        filters = try Linear(
            weight: MelFilters.slaney(
                sampleRateHz: Self.sampleRateHz, size: Self.size, count: 80, frequencies: 0...8000),
            bias: nil, precision: .float32)
    }

    /// - Parameter samples: 24 kHz.
    /// - Returns: `[1, samples.count / 480, 80]`.
    /// - Throws: `AudioError.transform` up to 30 ms.
    public func callAsFunction(_ samples: [Float]) throws -> Tensor {
        let margin = (Self.size - Self.hop) / 2
        guard samples.count > margin else {
            throw AudioError.transform(expected: "more than \(margin) samples", found: samples.count)
        }
        let front = samples[1...margin].reversed()
        let back = samples[(samples.count - 1 - margin)..<(samples.count - 1)].reversed()
        let power = try fourier.frames(front + samples + back).power
        let magnitudes = Tensor(shape: power.shape) { out in
            power.withUnsafeBufferPointer { x in for i in 0..<out.count { out[i] = (x[i] + 1e-9).squareRoot() } }
        }
        let mel = try filters(magnitudes).log(floor: 1e-5)
        return try mel.reshaped([1, mel.shape[0], mel.shape[1]])
    }
}
