import AudioDSP
import Chatterbox
import Foundation
import Tensors
import Testing

/// `prepare_conditionals` of the reference, at small sizes.
@Suite struct VoiceClonerTests {
    static func cloner(loudness: Double?, promptLength: Int = 20, minSeconds: Double = 3) throws -> VoiceCloner {
        let (voiceEncoder, tokenizer) = (try Fixture("voice_encoder"), try Fixture("s3_tokenizer"))
        let speakerEncoder = try Fixture("camp_plus")
        let configuration = CloningConfiguration(
            file: "ve.safetensors", loudness: loudness, minSeconds: minSeconds,
            voiceEncoder: try voiceEncoder.configuration(VoiceEncoder.Configuration.self),
            tokenizer: try tokenizer.configuration(S3TokenizerV2.Configuration.self),
            speakerEncoder: try speakerEncoder.configuration(CAMPPlus.Configuration.self))
        var t3 = try Fixture("t3_prompt").configuration(T3Configuration.self)
        t3.speechCondPromptLength = promptLength
        return try VoiceCloner(
            voiceEncoder: voiceEncoder.weights, tokenizer: tokenizer.weights, speakerEncoder: speakerEncoder.weights,
            configuration: configuration, t3: t3,
            s3gen: Fixture("flow_meanflow").configuration(S3GenConfiguration.self))
    }

    static func recording() throws -> [Float] { try Fixture("recording").tensor("in.wave24").values }

    @Test(arguments: [("plain", nil), ("normalized", -27.0)])
    func conditionals(name: String, loudness: Double?) throws {
        let golden = try Fixture("conditionals")
        let voice = try Self.cloner(loudness: loudness).conditionals(of: Self.recording(), name: name)
        #expect(voice.name == name)
        expectParity(voice.t3.speakerEmb, try golden.tensor("\(name).t3.speaker_emb"), "\(name): speaker_emb")
        #expect(try voice.t3.promptSpeechTokens == golden.integers("\(name).t3.cond_prompt_speech_tokens"))
        #expect(try voice.reference.promptToken == golden.integers("\(name).gen.prompt_token"))
        expectParity(voice.reference.promptFeat, try golden.tensor("\(name).gen.prompt_feat"), "\(name): prompt_feat")
        expectParity(voice.reference.embedding, try golden.tensor("\(name).gen.embedding"), "\(name): embedding")
    }

    @Test func promptsAreCutAsTheReferenceCutsThem() throws {
        let long = Array([[Float]](repeating: try Self.recording(), count: 4).joined())
        let voice = try Self.cloner(loudness: nil, promptLength: 300).conditionals(of: long, name: "long")
        #expect(voice.t3.promptSpeechTokens.count == 300)
        #expect(voice.reference.promptToken.count == 250)
        #expect(voice.reference.promptFeat.shape == [1, 500, 80])
        let none = try Self.cloner(loudness: nil, promptLength: 0).conditionals(of: Self.recording(), name: "none")
        #expect(none.t3.promptSpeechTokens.isEmpty)
    }

    @Test func fingerprintsTellVoicesApartAndNotNames() throws {
        let cloner = try Self.cloner(loudness: nil)
        let recording = try Self.recording()
        let first = try cloner.conditionals(of: recording, name: "a")
        #expect(try cloner.conditionals(of: recording, name: "b").fingerprint == first.fingerprint)
        let other = try cloner.conditionals(of: recording.map { $0 * 0.9 }, name: "a")
        #expect(other.fingerprint != first.fingerprint)
    }

    /// A media file to a voice; what is no good is said.
    @Test func mediaFiles() throws {
        let cloner = try Self.cloner(loudness: nil, minSeconds: 2)
        let recording = try Self.recording()
        let file = Data(WAV.file(PCM16.samples(recording), sampleRateHz: 24000))
        let voice = try cloner.voice(of: file, name: "file")
        #expect(voice.reference.promptToken.count == 81)
        let direct = try cloner.conditionals(of: recording, name: "direct")
        expectParity(voice.t3.speakerEmb, direct.t3.speakerEmb, "16 bits in place of 32")
        #expect(throws: AudioError.recording(property: .duration, found: "1.5 s", allowed: "2 s to 60 s")) {
            try cloner.voice(
                of: Data(WAV.file(PCM16.samples(recording[..<36000]), sampleRateHz: 24000)), name: "short")
        }
        #expect(throws: AudioError.unknownFormat) { try cloner.voice(of: Data("no recording".utf8), name: "text") }
    }

    /// Made once, whoever asks and how many at once; what failed is tried anew.
    @Test func clonedVoicesAreMadeOnceAndForgottenInOrder() async throws {
        let cloner = try Self.cloner(loudness: nil, minSeconds: 2)
        let made = Counter()
        let voices = ClonedVoices(capacity: 2) {
            made.add()
            return cloner
        }
        #expect(throws: AudioError.unknownFormat) { try voices.voice(of: Data("no recording".utf8)) }
        let recording = try Self.recording()
        let files = [1, 0.8, 0.6].map { gain in
            Data(WAV.file(PCM16.samples(recording.map { $0 * Float(gain) }), sampleRateHz: 24000))
        }
        let fingerprints = try await withThrowingTaskGroup(of: UInt64.self) { group in
            for _ in 0..<6 { group.addTask { try voices.voice(of: files[0]).fingerprint } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(fingerprints.count == 1)
        #expect(made.count == 1)
        let all = try (files + files).map { try voices.voice(of: $0).fingerprint }
        #expect(Set(all).count == 3 && Array(all[..<3]) == Array(all[3...]) && fingerprints.contains(all[0]))
    }

    private final class Counter: Sendable {
        private let lock = NSLock()
        nonisolated(unsafe) private var value = 0  // reached under the lock alone
        func add() { lock.withLock { value += 1 } }
        var count: Int { lock.withLock { value } }
    }
}
