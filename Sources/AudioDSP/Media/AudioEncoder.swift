import CFFmpeg

/// Samples of one channel in, the bytes of an encoded stream out, as soon as the codec gives them.
///
/// The bytes don't depend on how the samples are cut up. docs/adr/0012-encoded-audio.md has the delays, and what a decoder
/// gets: as many samples as went in from WAV, PCM, FLAC, Opus, µ-law and A-law, and from MP3 if the length was told; MP3 and
/// AAC can only end with a whole frame otherwise.
///
/// Not `Sendable`: it belongs to the task that made it, or goes over to another one for good (`sending`).
public final class AudioEncoder {
    public let format: AudioFormat
    /// Of the encoded stream.
    public let sampleRateHz: Int

    private let resampler: MonoResampler
    private let writer: any SampleWriter
    private let expected: Int?
    private var sampleCount = 0
    private var finished = false

    /// - Parameters:
    ///   - outputSampleRateHz: One of the format's; nil: `format.defaultSampleRateHz(source:)`.
    ///   - bitRate: In bits a second, for MP3, Opus and AAC. An encoder may take the next one that it knows.
    ///   - totalSampleCount: How many samples will come, if that is known: WAV, FLAC and MP3 say so in front then.
    /// - Throws: `AudioError.parameter`, `.encoder`, `.noMemory`.
    public init(
        format: AudioFormat, inputSampleRateHz: Int, outputSampleRateHz: Int? = nil, bitRate: Int? = nil,
        totalSampleCount: Int? = nil
    ) throws {
        guard (1000...384_000).contains(inputSampleRateHz) else {
            throw AudioError.parameter(
                field: "input_sample_rate", value: "\(inputSampleRateHz)", allowed: "1000 to 384000")
        }
        let rate = outputSampleRateHz ?? format.defaultSampleRateHz(source: inputSampleRateHz)
        try Self.check(format: format, sampleRateHz: rate, bitRate: bitRate)
        guard totalSampleCount.map({ (0...1 << 40).contains($0) }) ?? true else {
            throw AudioError.parameter(
                field: "total_sample_count", value: "\(totalSampleCount ?? 0)", allowed: "0 to \(1 << 40)")
        }
        (self.format, sampleRateHz, expected) = (format, rate, totalSampleCount)
        resampler = try MonoResampler(from: inputSampleRateHz, to: rate)
        let count = totalSampleCount.map { MonoResampler.count($0, from: inputSampleRateHz, to: rate) }
        let bitRate = bitRate ?? format.defaultBitRate(sampleRateHz: rate)
        switch format {
        case .wav: writer = PCMWriter(header: WAV.header(sampleRateHz: rate, sampleCount: count))
        case .pcm: writer = PCMWriter(header: [])
        case .mp3, .aac:
            writer = try BlockWriter(format, sampleRateHz: rate, bitRate: bitRate, sampleCount: count)
        case .opus, .flac, .mulaw, .alaw:
            writer = try CodecWriter(format, sampleRateHz: rate, bitRate: bitRate, sampleCount: count)
        }
    }

    /// Whether a format can be had so.
    /// - Throws: `AudioError.parameter` naming `sample_rate` or `bit_rate`, the value, and what is allowed.
    public static func check(format: AudioFormat, sampleRateHz: Int?, bitRate: Int? = nil) throws {
        let rate = sampleRateHz ?? format.defaultSampleRateHz(source: 24000)
        if let rates = format.sampleRatesHz {
            guard rates.contains(rate) else {
                throw AudioError.parameter(
                    field: "sample_rate", value: "\(rate)",
                    allowed: "\(rates.map(String.init).joined(separator: ", ")) Hz for \(format.rawValue)")
            }
        } else if !AudioFormat.sampleRateRangeHz.contains(rate) {
            let range = AudioFormat.sampleRateRangeHz
            throw AudioError.parameter(
                field: "sample_rate", value: "\(rate)",
                allowed: "\(range.lowerBound) to \(range.upperBound) Hz for \(format.rawValue)")
        }
        guard let bitRate else { return }
        guard let range = format.bitRates(sampleRateHz: rate) else {
            throw AudioError.parameter(field: "bit_rate", value: "\(bitRate)", allowed: "none for \(format.rawValue)")
        }
        guard range.contains(bitRate) else {
            throw AudioError.parameter(
                field: "bit_rate", value: "\(bitRate)",
                allowed: "\(range.lowerBound) to \(range.upperBound) for \(format.rawValue) at \(rate) Hz")
        }
    }

    /// A whole file at once.
    /// - Throws: `AudioError`, as `init` does.
    public static func file(
        _ samples: [Float], format: AudioFormat, inputSampleRateHz: Int, outputSampleRateHz: Int? = nil,
        bitRate: Int? = nil
    ) throws -> [UInt8] {
        let encoder = try AudioEncoder(
            format: format, inputSampleRateHz: inputSampleRateHz, outputSampleRateHz: outputSampleRateHz,
            bitRate: bitRate, totalSampleCount: samples.count)
        return try encoder.encode(samples) + encoder.finish()
    }

    /// The next samples: ±1, beyond is clipped, NaN is silence.
    /// - Returns: All the bytes that are ready; the first have the header. Often none.
    /// - Throws: `AudioError.encoder`, also for more samples than were told; the encoder is of no use then.
    public func encode(_ samples: [Float]) throws -> [UInt8] {
        precondition(!finished, "an encoder that has finished takes no more samples")
        sampleCount += samples.count
        if let expected, sampleCount > expected {
            throw AudioError.encoder(reason: "\(sampleCount) samples came, \(expected) were told")
        }
        return try writer.write(resampler.process(samples.map { $0.isNaN ? 0 : min(max($0, -1), 1) }))
    }

    /// The end of the stream.
    /// - Throws: `AudioError.encoder`, also for fewer samples than were told.
    public func finish() throws -> [UInt8] {
        precondition(!finished, "an encoder finishes once")
        finished = true
        if let expected, sampleCount != expected {
            throw AudioError.encoder(reason: "\(sampleCount) samples came, \(expected) were told")
        }
        return try writer.write(resampler.finish()) + writer.finish()
    }
}

/// Samples at the stream's own rate to its bytes.
protocol SampleWriter: AnyObject {
    func write(_ samples: [Float]) throws -> [UInt8]
    func finish() throws -> [UInt8]
}

/// 16-bit samples.
final class PCMWriter: SampleWriter {
    private var header: [UInt8]

    init(header: [UInt8]) { self.header = header }

    func write(_ samples: [Float]) -> [UInt8] {
        defer { header = [] }
        return header + PCM16.bytes(PCM16.samples(samples))
    }

    func finish() -> [UInt8] { write([]) }
}

/// Codecs whose last frame may be short, so that as many samples leave a decoder as went in.
final class CodecWriter: SampleWriter {
    private let encoder: MediaEncoder
    private let muxer: MediaMuxer?
    private var waiting: [Float] = []

    init(_ format: AudioFormat, sampleRateHz: Int, bitRate: Int, sampleCount: Int?) throws {
        switch format {
        case .opus:
            encoder = try MediaEncoder(
                "libopus", sampleFormat: AV_SAMPLE_FMT_FLT, sampleRateHz: sampleRateHz, bitRate: bitRate,
                options: ["application": "audio", "frame_duration": "20"])
            // A page a packet, since a page leaves when it is full; some tools take serial number 0 ill.
            muxer = try MediaMuxer("ogg", encoder: encoder, options: ["page_duration": "20000", "serial_offset": "1"])
        case .flac:
            encoder = try MediaEncoder(
                "flac", sampleFormat: AV_SAMPLE_FMT_S16, sampleRateHz: sampleRateHz, bitRate: 0,
                frameSize: sampleRateHz / 25)
            muxer = try MediaMuxer("flac", encoder: encoder, sampleCount: sampleCount)
        default:
            encoder = try MediaEncoder(
                format == .mulaw ? "pcm_mulaw" : "pcm_alaw", sampleFormat: AV_SAMPLE_FMT_S16,
                sampleRateHz: sampleRateHz, bitRate: 0)
            muxer = nil
        }
    }

    func write(_ samples: [Float]) throws -> [UInt8] {
        waiting += samples
        var bytes: [UInt8] = []
        let size = encoder.frameSize > 0 ? encoder.frameSize : max(waiting.count, 1)
        var at = 0
        while waiting.count - at >= size {
            try encode(waiting[at..<(at + size)], into: &bytes)
            at += size
        }
        waiting.removeFirst(at)
        return try bytes + (muxer?.bytes() ?? [])
    }

    func finish() throws -> [UInt8] {
        var bytes: [UInt8] = []
        if !waiting.isEmpty { try encode(waiting[...], into: &bytes) }
        try encode(nil, into: &bytes)
        try muxer?.finish()
        return try bytes + (muxer?.bytes() ?? [])
    }

    private func encode(_ samples: ArraySlice<Float>?, into bytes: inout [UInt8]) throws {
        try encoder.encode(samples) { packet in
            if let muxer {
                try muxer.write(packet)
            } else {
                bytes += UnsafeBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size))
            }
        }
    }
}
