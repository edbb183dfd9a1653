#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import Tensors

/// Log-mel energies as Kaldi computes them: frames of 25 ms every 10 ms, each without its mean, pre-emphasised, under
/// Povey's window, zero-padded to a power of two.
/// Source: torchaudio compliance/kaldi.py `fbank`, without dither.
public struct KaldiFilterBank: Sendable {
    /// Of the samples.
    public let sampleRateHz: Int
    private let frame: Int
    private let hop: Int
    private let size: Int
    private let window: [Float]
    private let transform: RealFourierTransform
    private let filters: Linear

    /// - Parameters:
    ///   - count: Mel bands, from 20 Hz to half the sample rate.
    /// - Throws: `TensorError`.
    public init(sampleRateHz: Int = 16000, count: Int = 80) throws {
        self.sampleRateHz = sampleRateHz
        let frame = sampleRateHz / 40
        (self.frame, hop) = (frame, sampleRateHz / 100)
        var size = 2
        while size < frame { size *= 2 }
        self.size = size
        window = (0..<frame).map {
            Float(pow(0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(frame - 1)), 0.85))
        }
        transform = try RealFourierTransform(size: size)
        filters = try Linear(
            weight: Self.filters(sampleRateHz: sampleRateHz, size: size, count: count), bias: nil, precision: .float32)
    }

    /// - Parameter samples: ±1.
    /// - Returns: `[frames, count]`; frames lie wholly within the samples.
    /// - Throws: `AudioError.transform` if there are fewer samples than a frame has.
    public func callAsFunction(_ samples: [Float]) throws -> Tensor {
        guard samples.count >= frame else {
            throw AudioError.transform(expected: "at least \(frame) samples", found: samples.count)
        }
        let count = (samples.count - frame) / hop + 1
        let windowed = Tensor(shape: [count, size]) { out in
            for index in 0..<count {
                let start = index * hop
                let mean = samples[start..<(start + frame)].reduce(0, +) / Float(frame)
                var before = samples[start] - mean
                for i in 0..<size {
                    guard i < frame else {
                        out[index * size + i] = 0
                        continue
                    }
                    let x = samples[start + i] - mean
                    out[index * size + i] = (x - 0.97 * before) * window[i]
                    before = x
                }
            }
        }
        let (real, imaginary) = try transform.forward(windowed)
        return try filters(Spectrogram(real: real, imaginary: imaginary).power).log(floor: .ulpOfOne)
    }

    /// Triangles on the mel scale itself; the bin at half the sample rate has no part. `[count, size / 2 + 1]`.
    private static func filters(sampleRateHz: Int, size: Int, count: Int) -> Tensor {
        func mel(_ hz: Double) -> Double { 1127 * log(1 + hz / 700) }
        let low = mel(20)
        let step = (mel(Double(sampleRateHz) / 2) - low) / Double(count + 1)
        let bins = size / 2 + 1
        return Tensor(shape: [count, bins]) { out in
            for band in 0..<count {
                for bin in 0..<bins {
                    let place = (mel(Double(bin) * Double(sampleRateHz) / Double(size)) - low) / step - Double(band)
                    out[band * bins + bin] = bin == bins - 1 ? 0 : Float(max(0, min(place, 2 - place)))
                }
            }
        }
    }
}
