import AudioDSP
import Testing

@Suite struct WAVTests {
    @Test func samplesAreRoundedAndClipped() {
        let wave: [Float] = [
            0, 1, -1, 2, -2, 0.5 / 32767, 1.5 / 32767, -0.5 / 32767, 0.6 / 32767, .nan, .infinity, -.infinity,
        ]
        #expect(PCM16.samples(wave) == [0, 32767, -32767, 32767, -32768, 0, 2, 0, 1, 0, 32767, -32768])
        #expect(PCM16.bytes([1, -2, 0x1234]) == [1, 0, 0xFE, 0xFF, 0x34, 0x12])
    }

    @Test func headers() {
        #expect(
            WAV.header(sampleRateHz: 24000, sampleCount: 10) == [
                0x52, 0x49, 0x46, 0x46, 56, 0, 0, 0, 0x57, 0x41, 0x56, 0x45, 0x66, 0x6D, 0x74, 0x20, 16, 0, 0, 0, 1, 0,
                1, 0,
                0xC0, 0x5D, 0, 0, 0x80, 0xBB, 0, 0, 2, 0, 16, 0, 0x64, 0x61, 0x74, 0x61, 20, 0, 0, 0,
            ])
        for count in [nil, Int(UInt32.max)] {
            let streamed = WAV.header(sampleRateHz: 24000, sampleCount: count)
            #expect(streamed.count == WAV.headerSize)
            #expect(streamed[4..<8] == [0xFF, 0xFF, 0xFF, 0xFF])
            #expect(streamed[40...] == [0xFF, 0xFF, 0xFF, 0xFF])
        }
    }

    @Test func aFileReadsBack() throws {
        let samples: [Int16] = [0, 1, -1, 32767, -32767, 1234]
        let contents = try WAV.read(WAV.file(samples, sampleRateHz: 16000, channels: 2))
        #expect(contents.sampleRateHz == 16000 && contents.channels == 2)
        #expect(PCM16.samples(contents.samples) == samples)
        let streamed = WAV.header(sampleRateHz: 24000, sampleCount: nil) + PCM16.bytes(samples)
        #expect(try PCM16.samples(WAV.read(streamed).samples) == samples)
    }

    @Test func otherChunksAreSkippedAndFloatsRead() throws {
        var file = WAV.header(sampleRateHz: 8000, sampleCount: 0)
        (file[20], file[34]) = (3, 32)
        let data = Array("LIST".utf8) + [3, 0, 0, 0, 1, 2, 3, 0] + Array("data".utf8) + [4, 0, 0, 0, 0, 0, 0x80, 0xBF]
        file.replaceSubrange(36..., with: data)
        #expect(try WAV.read(file).samples == [-1])
        (file[20], file[34]) = (1, 24)
        #expect(throws: AudioError.unsupportedWAV(formatTag: 1, bitsPerSample: 24)) { try WAV.read(file) }
    }

    @Test func brokenFilesAreRefused() {
        let file = WAV.file([1, 2, 3], sampleRateHz: 24000)
        for length in [0, 11, 12, 30, 44, 49] {
            #expect(throws: AudioError.self, "\(length) bytes") { try WAV.read(Array(file.prefix(length))) }
        }
        #expect(throws: AudioError.notWAV(reason: "data without fmt")) {
            try WAV.read(Array(file[..<12] + file[36...]))
        }
    }
}
