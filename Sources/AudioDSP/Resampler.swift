#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import Tensors

/// Changes the sample rate by a band-limited interpolation: a sinc under Hann's window.
/// Source: torchaudio functional `resample`, method `sinc_interp_hann`, the same numbers for a half width of 6.
public struct Resampler: Sendable {
    private let from: Int
    private let to: Int
    private let width: Int
    /// One output a phase: `to` outputs of a stride of `from` inputs.
    private let kernel: Conv1d

    /// - Parameters:
    ///   - from: Sample rate of the input, in Hz.
    ///   - to: Sample rate of the output, in Hz.
    ///   - halfWidth: Zero crossings of the sinc on either side; more makes the edge of the pass band steeper.
    ///   - rolloff: Edge of the pass band in relation to half the lower sample rate.
    /// - Throws: `AudioError.transform` unless both rates are above 0.
    public init(from: Int, to: Int, halfWidth: Int = 6, rolloff: Double = 0.99) throws {
        guard from > 0, to > 0, halfWidth > 0 else {
            throw AudioError.transform(expected: "sample rates above 0", found: min(from, to, halfWidth))
        }
        var (divisor, rest) = (from, to)
        while rest > 0 { (divisor, rest) = (rest, divisor % rest) }
        let (from, to) = (from / divisor, to / divisor)
        let base = Double(min(from, to)) * rolloff
        let width = Int((Double(halfWidth * from) / base).rounded(.up))
        let taps = 2 * width + from
        let weight = Tensor(shape: [to, 1, taps]) { out in
            for phase in 0..<to {
                for tap in 0..<taps {
                    let time = (Double(tap - width) / Double(from) - Double(phase) / Double(to)) * base
                    let t = min(max(time, -Double(halfWidth)), Double(halfWidth))
                    let window = pow(cos(t * Double.pi / Double(halfWidth) / 2), 2)
                    let x = t * Double.pi
                    out[phase * taps + tap] = Float((x == 0 ? 1 : sin(x) / x) * window * base / Double(from))
                }
            }
        }
        (self.from, self.to, self.width) = (from, to, width)
        kernel = try Conv1d(
            weight: weight, bias: nil, stride: from, padding: (width, width + from), layout: .channelsLast,
            precision: .float32)
    }

    /// - Returns: `ceil(samples.count * to / from)` samples.
    public func callAsFunction(_ samples: [Float]) throws -> [Float] {
        guard from != to, !samples.isEmpty else { return samples }
        let out = try kernel(Tensor(samples, shape: [1, samples.count, 1]))
        return Array(out.values.prefix((samples.count * to + from - 1) / from))
    }
}
