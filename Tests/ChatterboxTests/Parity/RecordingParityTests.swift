import AudioDSP
import Chatterbox
import Checkpoints
import Foundation
import Tensors
import Testing

/// What turns a recording into a voice, against the reference's own classes and front ends.
@Suite struct RecordingParityTests {
    private static func recording() throws -> (fixture: Fixture, at24: [Float], at16: [Float]) {
        let fixture = try Fixture("recording")
        return (fixture, try fixture.tensor("in.wave24").values, try fixture.tensor("in.wave16").values)
    }

    @Test func frontEnds() throws {
        let (fixture, at24, at16) = try Self.recording()
        let short = Array(at16[8000..<20000])
        expectParity(
            try MelSpectrogram()(Array(at24[12000..<36000])), try fixture.tensor("out.s3gen_mel"), "S3Gen mel")
        let voiceEncoder = try Fixture("voice_encoder")
        expectParity(
            try VoiceEncoder(
                voiceEncoder.weights, configuration: voiceEncoder.configuration(VoiceEncoder.Configuration.self)
            )
            .mel(short), try fixture.tensor("out.ve_mel"), "voice encoder mel")
        let tokenizer = try Fixture("s3_tokenizer")
        expectParity(
            try S3TokenizerV2(
                tokenizer.weights, configuration: tokenizer.configuration(S3TokenizerV2.Configuration.self)
            ).logMel(short), try fixture.tensor("out.whisper_mel"), "S3Tokenizer mel")
        let campPlus = try Fixture("camp_plus")
        expectParity(
            try CAMPPlus(campPlus.weights, configuration: campPlus.configuration(CAMPPlus.Configuration.self))
                .features(short), try fixture.tensor("out.fbank"), "Kaldi filter bank")
        expectParity(
            MelFilters.slaney(sampleRateHz: 16000, size: 400, count: 128, frequencies: 0...8000),
            try fixture.tensor("out.whisper_filters"), "Slaney filters")
    }

    @Test func trimmingLoudnessAndResampling() throws {
        let (fixture, at24, at16) = try Self.recording()
        let bounds = try fixture.integers("out.trim")
        #expect(SilenceTrim.range(at16) == Int(bounds[0])..<Int(bounds[1]))
        for (rate, samples) in [(24000, at24), (16000, at16)] {
            let expected = try fixture.tensor("out.loudness\(rate / 1000)").values[0]
            let found = try #require(Loudness.integrated(samples, sampleRateHz: rate))
            #expect(abs(Float(found) - expected) < 1e-3, "\(found) LUFS against \(expected)")
        }
        try expectParity(
            Resampler(from: 24000, to: 16000)(Array(at24[12000..<20001])), fixture.tensor("out.resampled"), "resampled")
        try expectParity(
            Resampler(from: 16000, to: 24000)(Array(at16[8000..<10000])), fixture.tensor("out.resampled_up"),
            "resampled up")
    }

    @Test func voiceEncoder() throws {
        let (_, _, at16) = try Self.recording()
        let fixture = try Fixture("voice_encoder")
        let weights = fixture.weights
        let encoder = try VoiceEncoder(weights, configuration: fixture.configuration(VoiceEncoder.Configuration.self))
        try weights.finish(ignoring: VoiceEncoder.unused)
        expectParity(try encoder(at16), try fixture.tensor("out.whole"), "voice encoder, whole")
        expectParity(try encoder(Array(at16[8000..<17000])), try fixture.tensor("out.short"), "voice encoder, short")
        let loud = Array((at16 + at16 + at16)[..<110000]).map { $0 * 3 }
        expectParity(try encoder(loud), try fixture.tensor("out.loud"), "voice encoder, long and loud")
        #expect(throws: AudioError.self) { try encoder([Float](repeating: 0, count: 16000)) }
    }

    @Test func campPlus() throws {
        let (_, _, at16) = try Self.recording()
        let fixture = try Fixture("camp_plus")
        let weights = fixture.weights
        let model = try CAMPPlus(weights, configuration: fixture.configuration(CAMPPlus.Configuration.self))
        try weights.finish()
        expectParity(try model(at16), try fixture.tensor("out.whole"), "CAMPPlus, whole")
        expectParity(try model(Array(at16[8000..<17000])), try fixture.tensor("out.short"), "CAMPPlus, short")
        #expect(throws: AudioError.transform(expected: "at least 400 samples", found: 399)) {
            try model([Float](repeating: 0.1, count: 399))
        }
    }

    @Test func s3Tokenizer() throws {
        let (_, _, at16) = try Self.recording()
        let fixture = try Fixture("s3_tokenizer")
        let weights = fixture.weights
        let tokenizer = try S3TokenizerV2(
            weights, configuration: fixture.configuration(S3TokenizerV2.Configuration.self))
        try weights.finish()
        #expect(try tokenizer(at16) == fixture.integers("out.whole"))
        #expect(try tokenizer(Array(at16[8000..<17000])) == fixture.integers("out.short"))
        #expect(try tokenizer(at16, limit: 20) == fixture.integers("out.limited"))
        #expect(throws: ChatterboxError.tooLong(what: "mel frames of a recording", count: 3001, limit: 3000)) {
            try tokenizer([Float](repeating: 0.1, count: 16000 * 30 + 160))
        }
    }

    /// The official files' keys and shapes are read, all of them.
    @Test func officialShapes() throws {
        var shapes = ["similarity_weight": [1], "similarity_bias": [1], "proj.weight": [256, 256], "proj.bias": [256]]
        for layer in 0..<3 {
            shapes["lstm.weight_ih_l\(layer)"] = [1024, layer == 0 ? 40 : 256]
            shapes["lstm.weight_hh_l\(layer)"] = [1024, 256]
            shapes["lstm.bias_ih_l\(layer)"] = [1024]
            shapes["lstm.bias_hh_l\(layer)"] = [1024]
        }
        let reader = try WeightReader(SafetensorsFile(contents: Self.zeros(shapes), name: "ve"))
        _ = try VoiceEncoder(reader)
        try reader.finish(ignoring: VoiceEncoder.unused)
    }

    /// A safetensors file of zeros.
    private static func zeros(_ shapes: [String: [Int]]) throws -> Data {
        var (header, offset): ([String: [String: Any]], Int) = ([:], 0)
        for (name, shape) in shapes {
            let end = offset + shape.reduce(1, *) * 4
            header[name] = ["dtype": "F32", "shape": shape, "data_offsets": [offset, end]]
            offset = end
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) } + json + Data(count: offset)
    }
}
