#if canImport(Glibc)
    import func Glibc.log10
#else
    import func Darwin.log10
#endif

/// What a recording is like, and whether a voice can be made of it.
public struct RecordingQuality: Sendable, Equatable {
    /// What `AudioError.recording` may find fault with.
    public enum Property: String, Sendable, CaseIterable {
        case duration
        case loudness
        case speech = "duration without its silence"
        case clipping = "share of clipped samples"
        case noise = "distance of speech from noise"
    }

    /// What is good enough.
    public struct Limits: Sendable, Equatable {
        public var seconds: ClosedRange<Double>
        /// Integrated, in LUFS.
        public var loudness = -50.0
        /// What is left without silence.
        public var soundingSeconds = 1.6
        /// Samples at full scale, of all.
        public var clippedShare = 0.005
        /// From the quietest tenth to the louder half of the recording, in dB.
        public var signalToNoise = 10.0

        public init(seconds: ClosedRange<Double> = 2...60) { self.seconds = seconds }
    }

    public let seconds: Double
    /// Integrated loudness in LUFS; nil if nothing is audible.
    public let loudness: Double?
    /// Frames no quieter than 30 dB below the louder half.
    public let soundingSeconds: Double
    /// Samples at 98 % of full scale and beyond, of all.
    public let clippedShare: Double
    /// How far the louder half of the frames lies above the quietest tenth, in dB: about the distance between speech and
    /// what is heard in its pauses.
    public let signalToNoise: Double

    /// - Parameter samples: ±1.
    public init(_ samples: [Float], sampleRateHz: Int) {
        seconds = Double(samples.count) / Double(max(sampleRateHz, 1))
        loudness = Loudness.integrated(samples, sampleRateHz: sampleRateHz)
        clippedShare = Double(samples.count { abs($0) >= 0.98 }) / Double(max(samples.count, 1))
        let frame = max(sampleRateHz / 50, 1)
        let powers = stride(from: 0, to: samples.count - frame + 1, by: frame).map { start in
            samples[start..<(start + frame)].reduce(0) { $0 + Double($1) * Double($1) } / Double(frame)
        }.sorted()
        func level(_ part: ArraySlice<Double>) -> Double {
            10 * log10(max(part.reduce(0, +) / Double(max(part.count, 1)), 1e-12))
        }
        let loud = level(powers[(powers.count / 2)...])
        signalToNoise = loud - level(powers[..<((powers.count + 9) / 10)])
        soundingSeconds = 0.02 * Double(powers.count { 10 * log10(max($0, 1e-12)) > max(loud - 30, -70) })
    }

    /// - Throws: `AudioError.recording`, the first thing that is wrong.
    public func check(_ limits: Limits) throws {
        func require(_ fine: Bool, _ property: Property, _ found: String, _ allowed: String) throws {
            guard fine else { throw AudioError.recording(property: property, found: found, allowed: allowed) }
        }
        func plain(_ value: Double, _ unit: String) -> String {
            let tenths = (value * 10).rounded() / 10
            return (tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)") + " " + unit
        }
        try require(
            limits.seconds.contains(seconds), .duration, plain(seconds, "s"),
            "\(plain(limits.seconds.lowerBound, "s")) to \(plain(limits.seconds.upperBound, "s"))")
        try require(
            loudness.map { $0 >= limits.loudness } ?? false, .loudness,
            loudness.map { plain($0, "LUFS") } ?? "silence", "\(plain(limits.loudness, "LUFS")) or more")
        try require(
            soundingSeconds >= limits.soundingSeconds, .speech, plain(soundingSeconds, "s"),
            "\(plain(limits.soundingSeconds, "s")) or more")
        try require(
            clippedShare <= limits.clippedShare, .clipping, plain(100 * clippedShare, "%"),
            "\(plain(100 * limits.clippedShare, "%")) or less; record at a lower level")
        try require(
            signalToNoise >= limits.signalToNoise, .noise, plain(signalToNoise, "dB"),
            "\(plain(limits.signalToNoise, "dB")) or more; record in a quieter room")
    }
}
