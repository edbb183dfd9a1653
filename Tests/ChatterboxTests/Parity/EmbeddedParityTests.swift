import Chatterbox
import Foundation
import Tensors
import Testing

private enum EmbeddedCheckpoint {
    static let folder =
        ProcessInfo.processInfo.environment["EMBEDDED_MODEL"].map { URL(fileURLWithPath: $0) }
        ?? Fixture.folder.appendingPathComponent("../../Models/embedded").standardizedFileURL

    static var isPresent: Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path)
    }
}

/// The embedded checkpoint itself against the reference's classes loaded with it. The fixture is made anew with the
/// checkpoint: make_fixtures.py --embedded ../../Models/embedded
@Suite(.enabled(if: EmbeddedCheckpoint.isPresent, "there is no embedded checkpoint"))
struct EmbeddedParityTests {
    private struct Setting: Decodable {
        let voice: String
        let emotion: Float
        let cfg_weight: Float
        let steps: [Int]
    }

    private static func load() throws -> (ChatterboxModel, Fixture, Setting, VoiceConditionals) {
        let fixture = try Fixture("embedded")
        let setting = try fixture.configuration(Setting.self)
        let model = try ChatterboxModel.load(folder: EmbeddedCheckpoint.folder, precision: .float32)
        return (model, fixture, setting, try model.voice(setting.voice))
    }

    @Test func tokens() throws {
        let (model, fixture, setting, voice) = try Self.load()
        var cond = voice.t3
        cond.emotionAdv = setting.emotion
        let expected = try fixture.integers("out.tokens")
        let recorded = try fixture.tensor("out.logits")
        var sampler = TokenSampler(
            temperature: 0, repetitionPenalty: model.configuration.t3.sampling.repetitionPenalty, seed: 0)
        var state = try model.t3.prefill(
            textTokens: fixture.integers("in.text"), conditionals: cond, cfgWeight: setting.cfg_weight)
        var history = [model.configuration.t3.startSpeechToken]
        var alignment: [Float] = []
        for i in expected.indices {
            if let kept = setting.steps.firstIndex(of: i) {
                let pair = try recorded.sliced(axis: 0, from: kept, to: kept + 1)
                let (cond, other) = (
                    try pair.sliced(axis: 1, from: 0, to: 1), try pair.sliced(axis: 1, from: 1, to: 2)
                )
                let combined = try cond + (cond - other) * setting.cfg_weight
                try expectParity(state.logits, combined, "embedded logits \(i)")
            }
            alignment += state.alignment
            history.append(sampler.sample(logits: state.logits, history: history))
            if i < expected.count - 1 { try model.t3.step(history[i + 1], state: &state) }
        }
        #expect(Array(history.dropFirst()) == expected)
        try expectParity(alignment, fixture.tensor("out.alignment"), "embedded alignment")
    }

    @Test func melAndWave() throws {
        let (model, fixture, _, voice) = try Self.load()
        var trace: S3Gen.Trace?
        let mel = try model.s3gen.mel(
            tokens: fixture.integers("in.speech"), context: 0, firstToken: 0, reference: voice.reference,
            noise: .recorded(fixture.tensor("in.noise").transposed(1, 2)), finalize: true,
            stepCount: model.configuration.s3gen.decoder.stepCount
        ) { trace = $0 }
        expectParity(try #require(trace).mu, try fixture.tensor("out.mu"), "embedded mu")
        expectParity(mel, try fixture.tensor("out.mel"), "embedded mel")
        guard let vocoder = model.vocoder as? SourceFilterVocoder else { return }
        let golden = try fixture.tensor("out.mel")
        try expectParity(vocoder.f0(golden), fixture.tensor("vocoder.out.f0"), "embedded F0")
        let noise = try fixture.tensor("vocoder.in.noise")
        var state = vocoder.makeState(noise: .recorded(try noise.reshaped([noise.shape[0], -1])))
        let wave = try vocoder.step(golden, state: &state) + vocoder.flush(state: &state)
        try expectParity(wave, fixture.tensor("vocoder.out.wave"), "embedded wave")
    }

    /// Every voice speaks, and differently.
    @Test func voices() throws {
        let (model, fixture, _, _) = try Self.load()
        let names = model.configuration.voices.names
        #expect(names.count >= 4)
        let mels = try names.map { name in
            try model.s3gen.mel(
                tokens: fixture.integers("in.speech"), context: 0, firstToken: 0,
                reference: model.voice(name).reference, seed: 1, finalize: true)
        }
        for (i, mel) in mels.enumerated() {
            #expect(!mel.values.contains { $0.isNaN })
            #expect(!mels[..<i].contains(mel))
        }
        #expect(throws: ChatterboxError.unknownVoice(name: "nobody", available: names)) { try model.voice("nobody") }
    }
}
