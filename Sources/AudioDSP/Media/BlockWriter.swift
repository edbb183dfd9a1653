import CFFmpeg

/// MP3 and AAC: whole frames only, and a delay that the first of them cover.
///
/// The frames that are sent are those that hold samples, and no more. Where the last one would hold but little that is quiet
/// (−60 dBFS), it isn't sent, so that a stream ends less than 20 ms after its samples if a frame is shorter than 40 ms. A
/// sample that can be heard is never left out.
final class BlockWriter: SampleWriter {
    private static let quiet: Float = 1.0 / 1024

    private let encoder: MediaEncoder
    private let muxer: MediaMuxer
    /// ADTS can't say how much of the start is delay, so the first packet, which is the delay alone, is dropped. What the second
    /// one makes is right only where it is quiet: so many samples of the start are waited for, and silence put in front if
    /// they aren't quiet.
    private let dropsPriming: Bool
    private let lengthIsTold: Bool
    private let sampleRateHz: Int
    private var header: [UInt8]
    private var waiting: [Float] = []
    private var started = false
    /// Samples so far, with the silence in front; those up to the last that isn't quiet; packets so far.
    private var (sampleCount, soundingCount, packetCount) = (0, 0, 0)

    init(_ format: AudioFormat, sampleRateHz: Int, bitRate: Int, sampleCount: Int?) throws {
        self.sampleRateHz = sampleRateHz
        dropsPriming = format == .aac
        lengthIsTold = format == .mp3 && sampleCount != nil
        if format == .aac {
            encoder = try MediaEncoder(
                "aac", sampleFormat: AV_SAMPLE_FMT_FLTP, sampleRateHz: sampleRateHz, bitRate: bitRate)
            muxer = try MediaMuxer("adts", encoder: encoder)
            header = []
        } else {
            // Without the reservoir a frame needs no other one, and leaves as soon as it is full.
            encoder = try MediaEncoder(
                "libmp3lame", sampleFormat: AV_SAMPLE_FMT_FLTP, sampleRateHz: sampleRateHz, bitRate: bitRate,
                options: ["reservoir": "0"])
            muxer = try MediaMuxer("mp3", encoder: encoder, options: ["id3v2_version": "0", "write_xing": "0"])
            header = MP3Header.frame(
                sampleRateHz: sampleRateHz, bitRate: bitRate, delay: encoder.initialPadding,
                frameSize: encoder.frameSize, sampleCount: sampleCount)
        }
        guard encoder.frameSize > 0, !dropsPriming || encoder.initialPadding == encoder.frameSize else {
            throw AudioError.encoder(
                reason: "frames of \(encoder.frameSize) samples with a delay of \(encoder.initialPadding)")
        }
    }

    func write(_ samples: [Float]) throws -> [UInt8] {
        add(samples)
        if !started {
            guard waiting.count >= encoder.frameSize else { return takeHeader() }
            start()
        }
        var at = 0
        while waiting.count - at >= encoder.frameSize {
            try encode(waiting[at..<(at + encoder.frameSize)])
            at += encoder.frameSize
        }
        waiting.removeFirst(at)
        return try takeHeader() + muxer.bytes()
    }

    func finish() throws -> [UInt8] {
        if !started { start() }
        let size = encoder.frameSize
        // How much of a quiet end may go.
        let spared = lengthIsTold ? 0 : min(max(size - sampleRateHz / 50, 0), sampleRateHz / 50)
        let needed = max(soundingCount, sampleCount - spared)
        let last = needed == 0 ? 0 : (needed + encoder.initialPadding + size - 1) / size
        // Silence, until the encoder has given so many packets.
        waiting += repeatElement(0, count: (size - waiting.count % size) % size + 4 * size)
        for at in stride(from: 0, to: waiting.count, by: size) where packetCount < last {
            try encode(waiting[at..<(at + size)], until: last)
        }
        try encode(nil, until: last)
        guard packetCount >= last else {
            throw AudioError.encoder(reason: "\(packetCount) packets came out, \(last) are needed")
        }
        try muxer.finish()
        return try takeHeader() + muxer.bytes()
    }

    private func takeHeader() -> [UInt8] {
        defer { header = [] }
        return header
    }

    private func add(_ samples: [Float]) {
        waiting += samples
        if let last = samples.lastIndex(where: { abs($0) > Self.quiet }) { soundingCount = sampleCount + last + 1 }
        sampleCount += samples.count
    }

    private func start() {
        started = true
        guard dropsPriming, sampleCount > 0 else { return }
        let first = waiting.prefix(encoder.frameSize).firstIndex { abs($0) > Self.quiet }
        let missing = encoder.frameSize - (first ?? encoder.frameSize)
        waiting.insert(contentsOf: repeatElement(0, count: missing), at: 0)
        sampleCount += missing
        if soundingCount > 0 { soundingCount += missing }
    }

    private func encode(_ samples: ArraySlice<Float>?, until last: Int = .max) throws {
        try encoder.encode(samples) { packet in
            packetCount += 1
            guard packetCount <= last, !(dropsPriming && packetCount == 1) else { return }
            try muxer.write(packet)
        }
    }
}
