import Chatterbox
import Checkpoints
import Foundation
import Tensors
import Testing

/// A whole official folder at the published sizes against the reference's classes. `make parity` writes the folder and its
/// golden values (Tests/Fixtures/make_parity.py) and names it in OFFICIAL_PARITY; without it there is nothing to test.
@Suite(.serialized, .enabled(if: OfficialParity.folder != nil, "OFFICIAL_PARITY names no folder"))
struct OfficialParityTests {
    /// The bars: relative to the largest value of a stage.
    private static let bars = [
        "T3 logits": Float(1e-3), "mu": 1e-3, "velocity": 1e-3, "mel": 1e-3, "wave": 1e-3, "embedding": 1e-3,
    ]

    private static func report(_ stage: String, bar: String, _ found: [Float], _ expected: [Float]) {
        let error = relativeError(found, expected)
        print("| \(stage) | \(error) | \(bars[bar] ?? 0) |")
        #expect(error <= bars[bar] ?? 0, "\(stage): relative error \(error)")
    }

    @Test func wholeModel() throws {
        let golden = try OfficialParity()
        let model = try ChatterboxModel.load(
            folder: golden.url, precision: .float32,
            selection: .init(
                models: OfficialModel.named(golden.setting.model),
                decoder: OfficialModel.Decoder(rawValue: golden.setting.decoder)))
        let voice = try model.voice("default")
        try Self.tokens(golden, model, voice)
        let mel = try Self.flow(golden, model, voice)
        #expect(!mel.values.contains { !$0.isFinite })
        try Self.vocoder(golden, model)
        try Self.encoders(golden, model)
    }

    private static func tokens(_ golden: OfficialParity, _ model: ChatterboxModel, _ voice: VoiceConditionals) throws {
        var cond = voice.t3
        cond.emotionAdv = 0.7
        let expected = try golden.file.integers("t3.out.tokens")
        let recorded = try golden.file.tensor("t3.out.logits")
        let (rows, size) = (recorded.shape[1], recorded.shape[2])
        let weight = golden.setting.cfg_weight
        let last = model.configuration.t3.sampling.repetitionPenaltyLast ?? false
        var sampler = TokenSampler(temperature: 0, repetitionPenalty: 1.2, repetitionPenaltyLast: last, seed: 0)
        var state = try model.t3.prefill(
            textTokens: golden.file.integers("t3.in.text"), conditionals: cond, cfgWeight: weight)
        var history = [model.configuration.t3.startSpeechToken]
        var worst: (prefill: Float, cached: Float) = (0, 0)
        for (step, token) in expected.enumerated() {
            let pair = try recorded.sliced(axis: 0, from: step, to: step + 1).values
            let wanted = (0..<size).map { pair[$0] + weight * (pair[$0] - pair[(rows - 1) * size + $0]) }
            let error = relativeError(state.logits, wanted)
            if step == 0 { worst.prefill = error } else { worst.cached = max(worst.cached, error) }
            history.append(sampler.sample(logits: state.logits, history: history))
            #expect(history[step + 1] == token, "greedy token \(step)")
            if step < expected.count - 1 { try model.t3.step(token, state: &state) }
        }
        print("| T3 logits, prefill | \(worst.prefill) | \(bars["T3 logits"]!) |")
        print("| T3 logits, \(expected.count - 1) cached steps, the worst | \(worst.cached) | \(bars["T3 logits"]!) |")
        let same = zip(history.dropFirst(), expected).count { $0 == $1 }
        print("| T3 greedy tokens | \(same) of \(expected.count) the same | all |")
        #expect(max(worst.prefill, worst.cached) <= bars["T3 logits"]!)
    }

    private static func flow(
        _ golden: OfficialParity, _ model: ChatterboxModel, _ voice: VoiceConditionals
    ) throws -> Tensor {
        var trace: S3Gen.Trace?
        let mel = try model.s3gen.mel(
            tokens: golden.file.integers("s3gen.in.tokens"), context: 0, firstToken: 0, reference: voice.reference,
            noise: .recorded(golden.tensor("s3gen.out.noise").transposed(1, 2)), finalize: true,
            stepCount: model.configuration.s3gen.decoder.stepCount
        ) { trace = $0 }
        let seen = try #require(trace)
        report("S3Gen encoder, mu", bar: "mu", seen.mu.values, try golden.tensor("s3gen.out.mu").values)
        let velocities = try golden.tensor("s3gen.out.velocities")
        for (step, velocity) in seen.velocities.enumerated() {
            let wanted = try velocities.sliced(axis: 0, from: step, to: step + 1).values
            report("S3Gen velocity, step \(step + 1)", bar: "velocity", try velocity.transposed(1, 2).values, wanted)
        }
        report("S3Gen mel", bar: "mel", mel.values, try golden.tensor("s3gen.out.mel").values)
        return mel
    }

    private static func vocoder(_ golden: OfficialParity, _ model: ChatterboxModel) throws {
        let hift = try #require(model.vocoder as? HiFTGenerator)
        let noise = try golden.tensor("hift.in.noise")
        let (sines, frames) = (noise.shape[0], noise.shape[1] / 480)
        let rows = try noise.reshaped([sines, frames, 480]).transposed(0, 1).reshaped([frames, sines * 480])
        var state = hift.makeState(noise: .recorded(rows), phaseOffsets: try golden.tensor("hift.in.phase").values)
        let wave = try hift.step(golden.tensor("hift.in.mel"), state: &state) + hift.flush(state: &state)
        report("HiFT wave", bar: "wave", wave, try golden.tensor("hift.out.wave").values)
    }

    /// Those of recordings, on the committed one.
    private static func encoders(_ golden: OfficialParity, _ model: ChatterboxModel) throws {
        let recording = try Fixture("recording").tensor("in.wave16").values
        let cloning = try #require(model.configuration.cloning)
        func reader(_ file: String) throws -> WeightReader {
            try WeightReader(openCheckpoint(golden.url.appendingPathComponent(file)))
        }
        let s3gen = try reader(model.configuration.s3gen.file)
        report(
            "VoiceEncoder embedding", bar: "embedding", try VoiceEncoder(reader(cloning.file))(recording).values,
            try golden.tensor("recording.out.voice_encoder").values)
        report(
            "CAMPPlus embedding", bar: "embedding", try CAMPPlus(s3gen.scope("speaker_encoder"))(recording).values,
            try golden.tensor("recording.out.speaker_encoder").values)
        let codes = try S3TokenizerV2(s3gen.scope("tokenizer"))(recording)
        let expected = try golden.file.integers("recording.out.tokens")
        let same = zip(codes, expected).count { $0 == $1 }
        print("| S3TokenizerV2 codes | \(same) of \(expected.count) the same | all |")
        #expect(codes == expected)
    }
}

/// The folder and what the reference made of it.
private struct OfficialParity {
    struct Setting: Decodable {
        let model: String
        let decoder: String
        let cfg_weight: Float
    }

    static let folder = ProcessInfo.processInfo.environment["OFFICIAL_PARITY"].map { URL(fileURLWithPath: $0) }

    let url: URL
    let file: SafetensorsFile
    let setting: Setting

    init() throws {
        url = try #require(Self.folder)
        file = try SafetensorsFile(url: url.appendingPathComponent("parity.safetensors"))
        setting = try JSONDecoder().decode(
            Setting.self, from: Data(contentsOf: url.appendingPathComponent("parity.json")))
    }

    func tensor(_ key: String) throws -> Tensor { try file.tensor(key) }
}
