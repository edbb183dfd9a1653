import AudioDSP
import Foundation
import Testing

/// Numbers that look random and are the same each time.
struct Lottery {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func number(below bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    mutating func number(in range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * Double(number(below: 1_000_001)) / 1_000_000
    }
}

/// The `ffmpeg` command, which decodes with nothing of ours.
enum FFmpegCommand {
    static func decode(_ bytes: [UInt8], format: AudioFormat, sampleRateHz: Int) throws -> [Float] {
        let out = try run(
            "ffmpeg", bytes, format: format, input: "-i", ["-f", "f32le", "-ac", "1", "-ar", "\(sampleRateHz)"])
        return out.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    static func probe(_ bytes: [UInt8], format: AudioFormat, entries: String) throws -> [String] {
        let out = try run("ffprobe", bytes, format: format, input: "-i", ["-show_entries", entries, "-of", "csv=p=0"])
        return String(decoding: out, as: UTF8.self).split(whereSeparator: { ",\n".contains($0) }).map(String.init)
    }

    private static func run(
        _ tool: String, _ bytes: [UInt8], format: AudioFormat, input: String, _ arguments: [String]
    ) throws -> Data {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("\(UUID().uuidString).\(format.fileExtension)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let raw: [String] =
            switch format {
            case .pcm: ["-f", "s16le", "-ar", "24000", "-ac", "1"]
            case .mulaw, .alaw: ["-f", format.rawValue, "-ar", "8000", "-ac", "1"]
            default: []
            }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [tool, "-v", "error"] + raw + [input, file.path] + arguments + (tool == "ffmpeg" ? ["-"] : [])
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let out = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(tool) and \(format)")
        return out
    }
}

@Suite struct AudioEncoderTests {
    /// Speech between moments of silence, as a model makes it.
    static func speech(sampleCount: Int) throws -> [Float] {
        let speech = try WAV.read([UInt8](MediaFileTests.bytes("speech.wav"))).samples
        return [Float](repeating: 0, count: 1200) + speech.prefix(sampleCount - 2400)
            + [Float](repeating: 0, count: 1200)
    }

    static func encode(
        _ format: AudioFormat, _ samples: [Float], rate: Int? = nil, bitRate: Int? = nil, whole: Bool = false,
        pieces: () -> Int = { 4800 }
    ) throws -> [UInt8] {
        let encoder = try AudioEncoder(
            format: format, inputSampleRateHz: 24000, outputSampleRateHz: rate, bitRate: bitRate,
            totalSampleCount: whole ? samples.count : nil)
        var (bytes, at): ([UInt8], Int) = ([], 0)
        while at < samples.count {
            let end = min(samples.count, at + pieces())
            bytes += try encoder.encode(Array(samples[at..<end]))
            at = end
        }
        return try bytes + encoder.finish()
    }

    static func decode(_ bytes: [UInt8], _ format: AudioFormat, rate: Int = 24000) throws -> [Float] {
        switch format {
        case .pcm:
            try MediaFile.decode(WAV.header(sampleRateHz: rate, sampleCount: nil) + bytes, sampleRateHz: 24000)
        case .mulaw, .alaw: try FFmpegCommand.decode(bytes, format: format, sampleRateHz: 24000)
        default: try MediaFile.decode(bytes, sampleRateHz: 24000)
        }
    }

    static func likeness(_ a: [Float], _ b: [Float]) -> Double {
        func dot(_ x: [Float], _ y: [Float]) -> Double { zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
        return dot(a, b) / max((dot(a, a) * dot(b, b)).squareRoot(), 1e-9)
    }

    static let likenesses: [AudioFormat: Double] = [
        .wav: 0.99999, .pcm: 0.99999, .flac: 0.99999, .mp3: 0.99, .opus: 0.98, .aac: 0.98, .mulaw: 0.94, .alaw: 0.94,
    ]

    /// As long as what went in, in step with it and like it, by our decoder and by the command, streamed and whole.
    @Test(arguments: AudioFormat.allCases, [false, true])
    func everyFormatDecodes(format: AudioFormat, whole: Bool) throws {
        var lottery = Lottery(UInt64(format.rawValue.utf8.reduce(0) { $0 + Int($1) }))
        for _ in 0..<4 {
            let samples = try Self.speech(sampleCount: 24000 + lottery.number(below: 24000))
            let bytes = try Self.encode(format, samples, whole: whole) { 1 + lottery.number(below: 6000) }
            for decoded in [
                try Self.decode(bytes, format), try FFmpegCommand.decode(bytes, format: format, sampleRateHz: 24000),
            ] {
                // AAC ends with a whole frame always, MP3 unless the length is told.
                let slack = format == .aac || format == .mp3 && !whole ? 480 : 1
                #expect(abs(decoded.count - samples.count) <= slack, "\(decoded.count), \(samples.count)")
                let likeness = Self.likeness(decoded, samples)
                #expect(likeness > Self.likenesses[format] ?? 1, "\(likeness)")
            }
        }
    }

    /// Loud from the first sample to the last: all of it is there, and what is added is less than two frames.
    @Test(arguments: AudioFormat.allCases, [false, true])
    func nothingIsLost(format: AudioFormat, whole: Bool) throws {
        var lottery = Lottery(5)
        for _ in 0..<4 {
            let count = 12000 + lottery.number(below: 3000)
            let samples = (0..<count).map { Float(0.4 * sin(Double($0) * (0.02 + 0.00001 * Double($0)))) }
            let decoded = try Self.decode(Self.encode(format, samples, whole: whole), format)
            let extra = decoded.count - count
            #expect(extra >= -1 && extra < (format == .aac ? 1040 : format == .mp3 && !whole ? 577 : 2), "\(extra)")
            // AAC's start can be one frame late, which is 512 of these samples.
            let shift = format == .aac ? 512 : 0
            let (start, end) = (Array(decoded[shift..<(shift + 480)]), Array(decoded[(shift + count - 480)...]))
            #expect(Self.likeness(start, Array(samples.prefix(480))) > 0.95)
            #expect(Self.likeness(end, Array(samples.suffix(480))) > 0.95)
        }
    }

    @Test(arguments: AudioFormat.allCases)
    func bytesDoNotDependOnThePieces(format: AudioFormat) throws {
        let samples = try Self.speech(sampleCount: 30000)
        var lottery = Lottery(11)
        for (rate, whole) in [(nil, false), (nil, true), (format.sampleRatesHz?.first ?? 22050, false)] {
            let once = try Self.encode(format, samples, rate: rate, whole: whole) { samples.count }
            for largest in [3, 500, 20000] {
                let pieces = try Self.encode(format, samples, rate: rate, whole: whole) {
                    1 + lottery.number(below: largest)
                }
                #expect(pieces == once, "\(format) in pieces of up to \(largest)")
            }
        }
    }

    /// What has come out after each tenth of a second can be decoded, and is little behind.
    @Test(arguments: AudioFormat.allCases)
    func delayIsBounded(format: AudioFormat) throws {
        let samples = try Self.speech(sampleCount: 48000)
        let encoder = try AudioEncoder(format: format, inputSampleRateHz: 24000)
        var bytes: [UInt8] = []
        for at in stride(from: 0, to: 48000, by: 2400) {
            bytes += try encoder.encode(Array(samples[at..<(at + 2400)]))
            guard at >= 2400 else { continue }
            let decoded = try Self.decode(bytes, format)
            #expect(decoded.count > at + 2400 - 2400, "\(format): \(decoded.count) of \(at + 2400)")
        }
    }

    @Test(arguments: AudioFormat.allCases)
    func everyRateAndBitRate(format: AudioFormat) throws {
        let samples = try Self.speech(sampleCount: 26000)
        for rate in format.sampleRatesHz ?? [8000, 11025, 16000, 22050, 24000, 44100, 48000] where format != .pcm {
            let range = format.bitRates(sampleRateHz: rate)
            for bitRate in range.map({ [nil, $0.lowerBound, $0.upperBound] }) ?? [nil] {
                let bytes = try Self.encode(format, samples, rate: rate, bitRate: bitRate)
                // The frames of low rates are long.
                let decoded = try Self.decode(bytes, format)
                let slack =
                    format == .aac ? 2 * 1024 * 24000 / rate : format == .mp3 ? 1152 * 24000 / min(rate, 24000) : 2
                #expect(abs(decoded.count - samples.count) <= slack, "\(rate), \(decoded.count)")
                guard bitRate == nil, format != .mulaw, format != .alaw else { continue }
                let found = try FFmpegCommand.probe(bytes, format: format, entries: "stream=sample_rate")
                #expect(found.first == "\(format == .opus ? 48000 : rate)")
            }
        }
    }

    @Test func aKnownLengthIsInFront() throws {
        let samples = try Self.speech(sampleCount: 24001)
        for format in [AudioFormat.wav, .flac, .mp3] {
            let bytes = try Self.encode(format, samples, whole: true)
            #expect(try AudioEncoder.file(samples, format: format, inputSampleRateHz: 24000) == bytes)
            let found = try FFmpegCommand.probe(bytes, format: format, entries: "format=start_time,duration")
                .compactMap(Double.init)
            // What FFmpeg says of an MP3 file counts its delay, and says where the sound starts.
            let duration = try #require(found.last) - (format == .mp3 ? try #require(found.first) : 0)
            #expect(
                abs(duration - Double(samples.count) / 24000) < (format == .mp3 ? 0.0241 : 1e-4),
                "\(format) \(duration)")
        }
        let wav = try Self.encode(.wav, samples, rate: 16000, whole: true)
        #expect(Array(wav.prefix(44)) == WAV.header(sampleRateHz: 16000, sampleCount: 16001))
        #expect(wav.count == 44 + 2 * 16001)
        let streamed = try Self.encode(.wav, samples)
        #expect(streamed == WAV.header(sampleRateHz: 24000, sampleCount: nil) + PCM16.bytes(PCM16.samples(samples)))
    }

    @Test func emptyAndTinyStreams() throws {
        for format in AudioFormat.allCases {
            for count in [0, 1, 100, 1023] {
                let samples = [Float](repeating: 0.5, count: count)
                let bytes = try Self.encode(format, samples, whole: count % 2 == 0)
                guard count > 99 else { continue }
                let decoded = try Self.decode(bytes, format)
                #expect(decoded.count >= count - 1, "\(format), \(count): \(decoded.count)")
            }
        }
    }

    @Test func oddSamplesAreTakenIn() throws {
        let odd: [Float] = [.nan, .infinity, -.infinity, 3e38, -3e38, .leastNonzeroMagnitude, 2, -2]
        let samples = (0..<12000).map { odd[$0 % odd.count] }
        for format in AudioFormat.allCases {
            let decoded = try Self.decode(Self.encode(format, samples), format)
            #expect(decoded.allSatisfy { $0.isFinite && abs($0) < 4 })
        }
    }

    @Test func whatIsNotToBeHadIsNamed() throws {
        func message(_ body: () throws -> AudioEncoder) -> String {
            do {
                _ = try body()
                return ""
            } catch { return "\(error)" }
        }
        let cases: [(AudioFormat, Int?, Int?, String)] = [
            (.mp3, 23000, nil, "sample_rate is 23000, allowed is 8000, 11025, 12000"),
            (.mulaw, 24000, nil, "sample_rate is 24000, allowed is 8000 Hz for mulaw"),
            (.wav, 96000, nil, "sample_rate is 96000, allowed is 8000 to 48000 Hz for wav"),
            (.opus, nil, 1000, "bit_rate is 1000, allowed is 6000 to 256000 for opus at 24000 Hz"),
            (.flac, nil, 64000, "bit_rate is 64000, allowed is none for flac"),
        ]
        for (format, rate, bitRate, expected) in cases {
            let found = message {
                try AudioEncoder(
                    format: format, inputSampleRateHz: 24000, outputSampleRateHz: rate, bitRate: bitRate)
            }
            #expect(found.hasPrefix(expected), "\(found)")
        }
        #expect(message { try AudioEncoder(format: .wav, inputSampleRateHz: 0) }.hasPrefix("input_sample_rate is 0"))
        #expect(
            message { try AudioEncoder(format: .wav, inputSampleRateHz: 24000, totalSampleCount: -1) }
                .hasPrefix("total_sample_count is -1"))
    }

    @Test func aLengthThatWasToldHolds() throws {
        for (count, piece) in [(100, 101), (100, 99)] {
            let encoder = try AudioEncoder(format: .wav, inputSampleRateHz: 24000, totalSampleCount: count)
            #expect(throws: AudioError.encoder(reason: "\(piece) samples came, \(count) were told")) {
                _ = try encoder.encode([Float](repeating: 0, count: piece)) + encoder.finish()
            }
        }
    }
}
