import AudioDSP
import Foundation
import Testing

@Suite struct MediaFileTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../Fixtures/media").standardizedFileURL

    static func bytes(_ name: String) throws -> Data { try Data(contentsOf: folder.appendingPathComponent(name)) }

    private static func correlation(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Float {
        func dot(_ x: ArraySlice<Float>, _ y: ArraySlice<Float>) -> Float { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
        return dot(a, b) / max((dot(a, a) * dot(b, b)).squareRoot(), 1e-9)
    }

    /// The same speech from each format: as long, in step with the original, and like it.
    @Test(arguments: [
        ("speech.flac", 0.999999), ("speech.mp3", 0.97), ("speech.m4a", 0.95), ("speech.opus", 0.9),
        ("speech.ogg", 0.97),
        ("speech.webm", 0.9),
    ])
    func everyFormat(name: String, likeness: Double) throws {
        let original = try WAV.read([UInt8](Self.bytes("speech.wav"))).samples
        let found = try MediaFile.decode(Self.bytes(name), sampleRateHz: 24000)
        // A codec works in blocks: its last one may reach beyond the end, or be missing where there is no length.
        #expect(abs(found.count - original.count) < 2400, "\(found.count) against \(original.count)")
        let count = min(found.count, original.count) - 2400
        let correlation = Self.correlation(found[..<count], original[..<count])
        #expect(Double(correlation) > likeness, "\(name): \(correlation)")
    }

    @Test func wavSamplesAreExact() throws {
        let bytes = try Self.bytes("speech.wav")
        let original = try WAV.read([UInt8](bytes)).samples
        let found = try MediaFile.decode(bytes, sampleRateHz: 24000)
        #expect(found.count == original.count)
        #expect(zip(found, original).allSatisfy { abs($0 - $1) < 1e-4 })
        let file = Self.folder.appendingPathComponent("speech.wav")
        #expect(try MediaFile.decode(contentsOf: file, sampleRateHz: 24000) == found)
    }

    @Test func channelsAreAveragedAndRatesChanged() throws {
        let mono = try MediaFile.decode(Self.bytes("speech.wav"), sampleRateHz: 24000)
        let stereo = try MediaFile.decode(Self.bytes("stereo.wav"), sampleRateHz: 24000)
        #expect(abs(stereo.count - 12000) <= 2)
        let likeness = Self.correlation(stereo[..<11800], mono[..<11800])
        #expect(likeness > 0.98, "\(likeness)")
        // ffmpeg has put 3 dB less into each of the two channels; their average keeps that.
        let (power, expected) = (stereo.reduce(0) { $0 + $1 * $1 }, mono[..<12000].reduce(0) { $0 + $1 * $1 })
        #expect(abs(power / expected - 0.5) < 0.01, "\(power) against \(expected)")
        // Two channels of opposite sign leave nothing.
        let cancelled = (0..<24000).flatMap { [Int16($0 % 1000), -Int16($0 % 1000)] }
        let silence = try MediaFile.decode(WAV.file(cancelled, sampleRateHz: 24000, channels: 2), sampleRateHz: 24000)
        #expect(silence.count == 24000 && silence.allSatisfy { abs($0) < 1e-6 })
    }

    /// A filter for such rates would take all memory, from a file of some bytes.
    @Test(arguments: [1, 3999, 384_001, 192_000_000, 2_147_483_647])
    func ratesThatNobodyRecordsAt(_ rate: Int) throws {
        let error = #expect(throws: AudioError.self) {
            try MediaFile.decode(WAV.file([Int16](repeating: 9, count: 5000), sampleRateHz: rate), sampleRateHz: 16000)
        }
        guard case .damaged(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("at \(rate) Hz; allowed are"))
    }

    @Test func resamplingIsFlatAndClean() throws {
        func tone(_ hz: Double, _ rate: Int) -> [Float] {
            (0..<rate).map { Float(0.5 * sin(2 * .pi * hz * Double($0) / Double(rate))) }
        }
        func decoded(_ hz: Double, from: Int) throws -> [Float] {
            try MediaFile.decode(WAV.file(PCM16.samples(tone(hz, from)), sampleRateHz: from), sampleRateHz: 24000)
        }
        for rate in [8000, 16000, 22050, 44100, 48000, 96000] {
            let hz = min(Double(rate), 24000) * 0.4
            let found = try decoded(hz, from: rate)
            #expect(abs(found.count - 24000) <= 1, "\(rate): \(found.count)")
            let worst = zip(found, tone(hz, 24000)).dropFirst(500).dropLast(500).map { abs($0 - $1) }.max() ?? 1
            #expect(worst < 1e-3, "\(rate): \(worst)")
        }
        // 14 kHz has no place at 24 kHz, where it would sound as 10 kHz.
        let gone = try decoded(14000, from: 48000).dropFirst(500).dropLast(500).map(abs).max() ?? 1
        #expect(gone < 1e-4, "\(gone)")
    }

    @Test func nothingOutsideIsOpened() throws {
        for name in ["playlist.m3u8", "list.ffconcat"] {
            #expect(throws: AudioError.unknownFormat, "\(name)") {
                try MediaFile.decode(Self.bytes(name), sampleRateHz: 24000)
            }
        }
    }

    @Test func limitsHold() throws {
        let bytes = try Self.bytes("speech.mp3")
        #expect(throws: AudioError.tooLarge(byteCount: bytes.count, limit: 100)) {
            try MediaFile.decode(bytes, sampleRateHz: 24000, limits: .init(byteCount: 100))
        }
        #expect(throws: AudioError.tooLong(limitSeconds: 1)) {
            try MediaFile.decode(bytes, sampleRateHz: 24000, limits: .init(seconds: 1))
        }
        #expect(throws: AudioError.self) {
            try MediaFile.decode(contentsOf: Self.folder.appendingPathComponent("none"), sampleRateHz: 24000)
        }
    }

    /// Every cut and many a flipped byte of every format ends in samples or in an error, never in a crash.
    @Test(arguments: [
        "speech.wav", "speech.flac", "speech.mp3", "speech.m4a", "speech.opus", "speech.webm", "picture.mp4",
    ])
    func damagedFilesEnd(name: String) throws {
        let whole = try [UInt8](Self.bytes(name))
        var state: UInt64 = 7
        for round in 0..<24 {
            var bytes = Array(whole.prefix(round < 8 ? whole.count * round / 8 : whole.count))
            for _ in 0..<(round < 8 ? 0 : 1 << (round % 8)) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % min(bytes.count, 4096)] = UInt8(truncatingIfNeeded: state >> 24)
            }
            do {
                let samples = try MediaFile.decode(bytes, sampleRateHz: 24000)
                #expect(!samples.isEmpty && samples.allSatisfy(\.isFinite))
            } catch let error as AudioError {
                #expect(!"\(error)".isEmpty)
            }
        }
    }
}

@Suite struct RecordingQualityTests {
    /// Syllables of voiced sound between pauses, over faint noise.
    static func speech(seconds: Double, amplitude: Double = 0.3, noise: Double = 0.0005, rate: Int = 24000) -> [Float] {
        var state: UInt64 = 1
        return (0..<Int(seconds * Double(rate))).map { index in
            let time = Double(index) / Double(rate)
            let syllable = max(0, sin(2 * .pi * 2.5 * time))
            let voice = (1...6).reduce(0.0) { $0 + sin(2 * .pi * 130 * Double($1) * time) / Double($1) }
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let hiss = Double(state >> 40) / Double(1 << 23) - 1
            return Float(amplitude * syllable * voice + noise * hiss)
        }
    }

    @Test func goodRecordingsPass() throws {
        let quality = RecordingQuality(Self.speech(seconds: 6), sampleRateHz: 24000)
        try quality.check(RecordingQuality.Limits())
        #expect(quality.seconds == 6)
        #expect(quality.signalToNoise > 25)
        let real = try MediaFile.decode(MediaFileTests.bytes("speech.wav"), sampleRateHz: 24000)
        var limits = RecordingQuality.Limits(seconds: 1...60)
        limits.soundingSeconds = 0.5
        try RecordingQuality(real, sampleRateHz: 24000).check(limits)
    }

    /// Ten ways that a recording can be no good, each told apart, with what was found and what is allowed.
    @Test func tenBrokenRecordings() throws {
        func wav(_ samples: [Float]) -> [UInt8] { WAV.file(PCM16.samples(samples), sampleRateHz: 24000) }
        let good = Self.speech(seconds: 6)
        let unsupported =
            Array(try MediaFileTests.bytes("speech.wav").prefix(20)) + [0x99, 0x99]
            + Array(try MediaFileTests.bytes("speech.wav").dropFirst(22))
        let cases: [(String, [UInt8], String)] = [
            ("nothing", [], "the recording has no bytes"),
            (
                "text", Array(repeating: Array("This is no recording. ".utf8), count: 200).flatMap { $0 },
                "no media file"
            ),
            ("too large", wav(Self.speech(seconds: 25)), "allowed are 1000000"),
            ("a picture", [UInt8](try MediaFileTests.bytes("picture.mp4")), "has no sound in it"),
            ("a codec nobody knows", unsupported, "can't be decoded here"),
            ("a header alone", Array(wav(good).prefix(44)), "damaged: it holds no samples"),
            ("too short", wav(Array(good.prefix(24000))), "duration is 1 s, allowed is 2 s to 15 s"),
            ("silent", wav([Float](repeating: 0, count: 72000)), "loudness is silence, allowed is -50 LUFS or more"),
            ("clipped", wav(good.map { max(-1, min(1, $0 * 12)) }), "share of clipped samples is"),
            ("noisy", wav(Self.speech(seconds: 6, noise: 0.4)), "distance of speech from noise is"),
            ("too long", wav(Self.speech(seconds: 17)), "duration is 17 s"),
            ("far too long", wav(Self.speech(seconds: 20.5)), "longer than 20 s"),
            (
                "mostly silent", wav(Array(good.prefix(24000)) + [Float](repeating: 0, count: 48000)),
                "duration without its silence is"
            ),
        ]
        var messages: Set<String> = []
        for (name, bytes, expected) in cases {
            let error = #expect(throws: AudioError.self, "\(name)") {
                let samples = try MediaFile.decode(
                    bytes, sampleRateHz: 24000, limits: .init(byteCount: 1_000_000, seconds: 20))
                try RecordingQuality(samples, sampleRateHz: 24000).check(.init(seconds: 2...15))
            }
            let message = error.map { "\($0)" } ?? ""
            #expect(message.contains(expected), "\(name): \(message)")
            messages.insert(message)
        }
        #expect(messages.count == cases.count)
    }
}
