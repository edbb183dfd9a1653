#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Reverb {
    /// The convolution waits for so many samples.
    static let blockSize = 512

    /// Until the sound has fallen by 60 dB, with the time before the first wall.
    public var seconds: Double { preDelayMs / 1000 + decaySeconds }

    private var decaySeconds: Double { 0.15 * pow(14, room) }

    /// Convolution with the room's answer to a click.
    /// - Throws: `AudioError.filter`.
    func node(sampleRateHz: Int) throws -> FilterGraph.Node {
        guard let gain = Self.gain, gain > 0 else { throw AudioError.filter(reason: "afir can't be measured") }
        return Self.node(impulse: impulse(sampleRateHz: sampleRateHz).map { $0 / gain })
    }

    /// What afir multiplies by: 2 in FFmpeg 5.1, of which its manual knows nothing.
    private static let gain: Float? = try? {
        let click = [1] + [Float](repeating: 0, count: 4 * blockSize - 1)
        return try FilterGraph([node(impulse: click)], sampleRateHz: 24000).process(click[...]).first
    }()

    private static func node(impulse: [Float]) -> FilterGraph.Node {
        // No gain is to be made from the impulse; the option's name has changed between FFmpeg's versions.
        FilterGraph.Node(
            name: "afir", options: [("minp", "\(blockSize)"), ("maxp", "8192")],
            optional: [("gtype", "none"), ("irnorm", "-1")], impulse: impulse)
    }

    /// The voice itself, and noise that dies away, its treble sooner: what the echoes of a room are from a little distance on.
    /// The noise is always the same, and has the power of the voice at `wet` of 0.5.
    func impulse(sampleRateHz: Int) -> [Float] {
        let rate = Double(sampleRateHz)
        let (delay, length) = (1 + Int(preDelayMs / 1000 * rate), Int(decaySeconds * rate))
        var state: UInt64 = 1
        var low = 0.0
        var noise = (0..<length).map { index in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let white = Double(state >> 33) / Double(1 << 30) - 1
            let age = Double(index) / Double(length)
            // 60 dB at the end.
            let level = exp(-6.9 * age)
            low += (1 - 0.97 * damping * min(1, 0.2 + 2 * age)) * (white * level - low)
            return low
        }
        let power = noise.reduce(0) { $0 + $1 * $1 }.squareRoot()
        noise = noise.map { $0 * wet / max(power, 1e-9) }
        var impulse = [Float](repeating: 0, count: delay + length)
        for (index, value) in noise.enumerated() { impulse[delay + index] = Float(value) }
        impulse[0] += Float(1 - wet)
        return impulse
    }
}
