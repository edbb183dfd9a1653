#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Speed and effects on one channel of samples as they come, through libavfilter. What leaves doesn't depend on how the
/// samples are cut up; with nothing to do they leave as they came.
///
/// Not `Sendable`: it belongs to the task that made it, or goes over to another one for good (`sending`).
public final class AudioFilter {
    /// Samples that may still be inside are those of this time at most.
    public let maxDelaySeconds: Double
    /// The stream is so much longer, divided by the speed, than what came: the room's sound.
    public let tailSeconds: Double

    private let graph: FilterGraph?
    private let speed: Double
    private let sampleRateHz: Int
    private let frameSize: Int
    private var waiting: [Float] = []
    private var (taken, given) = (0, 0)
    private var finished = false

    /// - Throws: `AudioError.parameter`, `.filter`, `.noMemory`.
    public init(_ effects: AudioEffects, sampleRateHz: Int) throws {
        guard AudioFormat.sampleRateRangeHz.contains(sampleRateHz) else {
            let range = AudioFormat.sampleRateRangeHz
            throw AudioError.parameter(
                field: "sample_rate", value: "\(sampleRateHz)", allowed: "\(range.lowerBound) to \(range.upperBound)")
        }
        try effects.check(sampleRateHz: sampleRateHz)
        (speed, self.sampleRateHz, frameSize) = (effects.speed, sampleRateHz, sampleRateHz / 100)
        guard !effects.isNone else {
            (graph, maxDelaySeconds, tailSeconds) = (nil, 0, 0)
            return
        }
        let tempos = Self.tempos(effects.speed)
        var nodes = tempos.map { FilterGraph.Node(name: "atempo", options: [("tempo", "\($0)")]) }
        nodes += try effects.effects.flatMap { try $0.nodes(sampleRateHz: sampleRateHz) }
        // `level` would make everything as loud as can be.
        nodes.append(
            FilterGraph.Node(
                name: "alimiter", options: [("limit", "0.98"), ("attack", "5"), ("release", "50"), ("level", "0")],
                optional: [("latency", "1")]))
        graph = try FilterGraph(nodes, sampleRateHz: sampleRateHz)
        var (tail, rooms) = (0.0, 0)
        for case .reverb(let reverb) in effects.effects {
            tail += reverb.seconds
            rooms += 1
        }
        tailSeconds = tail
        let block = Double(Reverb.blockSize) / Double(sampleRateHz)
        // A frame and the limiter; a block of each room; the windows of each tempo.
        maxDelaySeconds = 0.02 + Double(rooms) * block + Self.delaySeconds(tempos, sampleRateHz: sampleRateHz)
    }

    /// atempo cuts the samples into overlapping windows of 1/24 s, rounded up to a power of two samples, and moves them by up to
    /// a window to where they fit; the second one does so with what is left by the first.
    private static func delaySeconds(_ tempos: [Double], sampleRateHz: Int) -> Double {
        var window = 1
        while window < sampleRateHz / 24 { window *= 2 }
        var (delay, before) = (0.0, 1.0)
        for tempo in tempos {
            delay += before * (1 + tempo) * Double(window) / Double(sampleRateHz)
            before *= tempo
        }
        return delay
    }

    /// Factors of a speed that atempo does without leaving samples out.
    private static func tempos(_ speed: Double) -> [Double] {
        guard speed != 1 else { return [] }
        return (0.5...2).contains(speed) ? [speed] : [speed.squareRoot(), speed.squareRoot()]
    }

    /// - Returns: What has become ready.
    /// - Throws: `AudioError.filter`; the filter is of no use then.
    public func process(_ samples: [Float]) throws -> [Float] {
        precondition(!finished, "a filter that has finished takes no more samples")
        guard let graph else { return samples }
        taken += samples.count
        waiting += samples.map { $0.isFinite ? min(max($0, -1), 1) : 0 }
        var out: [Float] = []
        var at = 0
        while waiting.count - at >= frameSize {
            out += try graph.process(waiting[at..<(at + frameSize)])
            at += frameSize
        }
        waiting.removeFirst(at)
        given += out.count
        return out
    }

    /// - Returns: What is still inside and the tail: all that has left is `taken / speed` samples and the tail then.
    public func finish() throws -> [Float] {
        precondition(!finished, "a filter finishes once")
        finished = true
        guard let graph, taken > 0 else { return [] }
        let count = Int((Double(taken) / speed + tailSeconds * Double(sampleRateHz)).rounded())
        // Silence that pushes all of it out.
        let push = (tailSeconds + 0.5) * max(1, speed) * Double(sampleRateHz)
        waiting += repeatElement(0, count: Int(push))
        var out: [Float] = []
        for at in stride(from: 0, to: waiting.count, by: frameSize) where given + out.count < count {
            out += try graph.process(waiting[at..<min(at + frameSize, waiting.count)])
        }
        if given + out.count < count { out += try graph.finish() }
        waiting = []
        let rest = max(0, count - given)
        return out.prefix(rest) + [Float](repeating: 0, count: max(0, rest - out.count))
    }
}

extension AudioEffect {
    fileprivate func nodes(sampleRateHz: Int) throws -> [FilterGraph.Node] {
        switch self {
        case .reverb(let reverb): return try [reverb.node(sampleRateHz: sampleRateHz)]
        case .equalizer(let bands):
            return bands.map { band in
                FilterGraph.Node(
                    name: "equalizer",
                    options: [
                        ("f", "\(band.frequencyHz)"), ("t", "q"), ("w", "\(band.q)"), ("g", "\(band.gainDb)"),
                    ])
            }
        case .compressor(let compressor):
            return [
                FilterGraph.Node(
                    name: "acompressor",
                    options: [
                        ("threshold", "\(max(pow(10, compressor.thresholdDb / 20), 0.000976563))"),
                        ("ratio", "\(compressor.ratio)"), ("attack", "\(compressor.attackMs)"),
                        ("release", "\(compressor.releaseMs)"), ("makeup", "\(pow(10, compressor.makeupDb / 20))"),
                    ])
            ]
        }
    }
}
