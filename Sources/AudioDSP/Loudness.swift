#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Integrated loudness by ITU-R BS.1770-4: K-weighting, blocks of 400 ms that overlap by three quarters, an absolute gate
/// at -70 LUFS and a relative one 10 LU below what passes it. One channel.
/// Source: pyloudnorm `Meter`, whose filters these are (made for each sample rate by the audio-EQ cookbook).
public enum Loudness {
    /// Samples in the shortest measurable signal: a block.
    private static let blockSeconds = 0.4

    /// - Returns: LUFS; nil if the signal is shorter than 400 ms or nowhere above the absolute gate.
    public static func integrated(_ samples: [Float], sampleRateHz: Int) -> Double? {
        let rate = Double(sampleRateHz)
        guard rate > 0, Double(samples.count) >= blockSeconds * rate else { return nil }
        var weighted = samples.map(Double.init)
        Biquad.highShelf(gain: 4, quality: 1 / 2.0.squareRoot(), frequency: 1500, rate: rate).apply(&weighted)
        Biquad.highPass(quality: 0.5, frequency: 38, rate: rate).apply(&weighted)
        let step = 0.25
        let duration = Double(samples.count) / rate
        let count = Int(((duration - blockSeconds) / (blockSeconds * step)).rounded(.toNearestOrEven)) + 1
        let powers = (0..<max(count, 0)).map { block in
            let start = min(Int(blockSeconds * Double(block) * step * rate), weighted.count)
            let end = min(Int(blockSeconds * (Double(block) * step + 1) * rate), weighted.count)
            return weighted[start..<end].reduce(0) { $0 + $1 * $1 } / (blockSeconds * rate)
        }
        func level(_ power: Double) -> Double { -0.691 + 10 * log10(power) }
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        let audible = powers.filter { level($0) >= -70 }
        guard !audible.isEmpty else { return nil }
        let gate = level(mean(audible)) - 10
        let loud = powers.filter { level($0) > gate && level($0) > -70 }
        return loud.isEmpty ? nil : level(mean(loud))
    }

    /// The signal at the loudness asked for, or as it is where none can be measured.
    /// - Parameter target: LUFS. Peaks may go beyond ±1, as in the reference.
    public static func normalized(_ samples: [Float], sampleRateHz: Int, target: Double) -> [Float] {
        guard let loudness = integrated(samples, sampleRateHz: sampleRateHz) else { return samples }
        let gain = Float(pow(10, (target - loudness) / 20))
        return samples.map { $0 * gain }
    }
}

/// A filter of second order.
private struct Biquad {
    var b: (Double, Double, Double)
    var a: (Double, Double)

    static func highShelf(gain: Double, quality: Double, frequency: Double, rate: Double) -> Biquad {
        let amplitude = pow(10, gain / 40)
        let angle = 2 * Double.pi * frequency / rate
        let (cosine, slope) = (cos(angle), 2 * amplitude.squareRoot() * sin(angle) / (2 * quality))
        let (up, down) = (amplitude + 1, amplitude - 1)
        let a0 = up - down * cosine + slope
        return Biquad(
            b: (
                amplitude * (up + down * cosine + slope) / a0, -2 * amplitude * (down + up * cosine) / a0,
                amplitude * (up + down * cosine - slope) / a0
            ), a: (2 * (down - up * cosine) / a0, (up - down * cosine - slope) / a0))
    }

    static func highPass(quality: Double, frequency: Double, rate: Double) -> Biquad {
        let angle = 2 * Double.pi * frequency / rate
        let (cosine, alpha) = (cos(angle), sin(angle) / (2 * quality))
        let edge = (1 + cosine) / 2 / (1 + alpha)
        return Biquad(b: (edge, -2 * edge, edge), a: (-2 * cosine / (1 + alpha), (1 - alpha) / (1 + alpha)))
    }

    func apply(_ samples: inout [Double]) {
        var (first, second) = (0.0, 0.0)
        for i in samples.indices {
            let x = samples[i]
            let y = b.0 * x + first
            first = b.1 * x - a.0 * y + second
            second = b.2 * x - a.1 * y
            samples[i] = y
        }
    }
}
