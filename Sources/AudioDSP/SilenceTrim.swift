#if canImport(Glibc)
    import func Glibc.log10
#else
    import func Darwin.log10
#endif

/// Cuts silence off both ends of a recording.
/// Source: librosa effects.py `trim`, frames of 2048 samples every 512.
public enum SilenceTrim {
    /// Where the recording is no quieter than `decibels` below its loudest frame; empty if it has no sound at all.
    public static func range(_ samples: [Float], decibels: Double = 20) -> Range<Int> {
        let (frame, hop) = (2048, 512)
        let levels = levels(samples, frame: frame, hop: hop)
        guard let loudest = levels.max(), loudest > 0 else { return 0..<0 }
        // Powers below -100 dB count as -100 dB.
        func decibel(_ power: Double) -> Double { 10 * log10(max(power, 1e-10)) }
        let reference = decibel(loudest)
        let sounding = levels.indices.filter { decibel(levels[$0]) - reference > -decibels }
        guard let first = sounding.first, let last = sounding.last else { return 0..<0 }
        return min(first * hop, samples.count)..<min((last + 1) * hop, samples.count)
    }

    public static func trimmed(_ samples: [Float], decibels: Double = 20) -> [Float] {
        Array(samples[range(samples, decibels: decibels)])
    }

    /// Mean square of each frame, centred on its hop; silence surrounds the samples.
    static func levels(_ samples: [Float], frame: Int, hop: Int) -> [Double] {
        var sums = [0.0]
        sums.reserveCapacity(samples.count + 1)
        for sample in samples { sums.append(sums[sums.count - 1] + Double(sample) * Double(sample)) }
        return (0...(samples.count / hop)).map { index in
            let start = max(0, index * hop - frame / 2)
            let end = min(samples.count, index * hop + frame / 2)
            return max(0, sums[max(end, start)] - sums[start]) / Double(frame)
        }
    }
}
