import Chatterbox
import Checkpoints
import Foundation
import Tensors
import Testing

/// A whole official folder at the published sizes against the reference's classes. `make parity` writes the folder and its
/// golden values (Tests/Fixtures/make_parity.py) and names it in OFFICIAL_PARITY; without it there is nothing to test.
@Suite(.serialized, .enabled(if: OfficialParity.folder != nil, "OFFICIAL_PARITY names no folder"))
struct OfficialParityTests {
    /// The bar of fp32, and that of lower precisions, which only tells what is broken: relative to a stage's largest value.
    private static func bar(_ precision: Precision) -> Float { precision == .float32 ? 1e-3 : 0.15 }

    /// What the page says of a model: a row for each stage, a column for each precision.
    private final class Table {
        private var stages: [String] = []
        private var cells: [String: [Precision: String]] = [:]

        func set(_ stage: String, _ precision: Precision, _ text: String) {
            if cells[stage] == nil { stages.append(stage) }
            cells[stage, default: [:]][precision] = text
        }

        func report(_ stage: String, _ precision: Precision, _ error: Float) {
            set(stage, precision, String(format: "%.1e", Double(error)))
            #expect(error <= OfficialParityTests.bar(precision), "\(stage) in \(precision): relative error \(error)")
        }

        func report(_ stage: String, _ precision: Precision, _ found: [Float], _ expected: [Float]) {
            report(stage, precision, relativeError(found, expected))
        }

        func show() {
            for stage in stages {
                let row = Precision.allCases.map { cells[stage]?[$0] ?? "" }
                print("| \(([stage] + row).joined(separator: " | ")) |")
            }
        }
    }

    @Test func wholeModel() throws {
        let golden = try OfficialParity()
        let table = Table()
        for precision in Precision.allCases {
            let model = try ChatterboxModel.load(
                folder: golden.url, precision: precision,
                selection: .init(
                    models: OfficialModel.named(golden.setting.model),
                    decoder: OfficialModel.Decoder(rawValue: golden.setting.decoder)))
            let voice = try model.voice("default")
            try Self.tokens(golden, model, voice, precision, table)
            // int8 is for T3 alone: all else is as in bfloat16 then.
            if precision == .int8 { continue }
            let mel = try Self.flow(golden, model, voice, precision, table)
            #expect(!mel.values.contains { !$0.isFinite })
            try Self.vocoder(golden, model, precision, table)
            // What hears recordings is in float32 always.
            if precision == .float32 { try Self.encoders(golden, model, table) }
        }
        table.show()
    }

    private static func tokens(
        _ golden: OfficialParity, _ model: ChatterboxModel, _ voice: VoiceConditionals, _ precision: Precision,
        _ table: Table
    ) throws {
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
        // The reference's tokens are fed whatever is drawn here, so that every step can be compared.
        var (history, drawn) = ([model.configuration.t3.startSpeechToken], [Int32]())
        var worst: (prefill: Float, cached: Float) = (0, 0)
        for (step, token) in expected.enumerated() {
            let pair = try recorded.sliced(axis: 0, from: step, to: step + 1).values
            let wanted = (0..<size).map { pair[$0] + weight * (pair[$0] - pair[(rows - 1) * size + $0]) }
            let error = relativeError(state.logits, wanted)
            if step == 0 { worst.prefill = error } else { worst.cached = max(worst.cached, error) }
            drawn.append(sampler.sample(logits: state.logits, history: history))
            history.append(token)
            if step < expected.count - 1 { try model.t3.step(token, state: &state) }
        }
        table.report("T3 logits, prefill", precision, worst.prefill)
        table.report("T3 logits, \(expected.count - 1) cached steps, the worst", precision, worst.cached)
        let same = zip(drawn, expected).count { $0 == $1 }
        table.set("T3 greedy tokens", precision, "\(same) of \(expected.count) the same")
        if precision == .float32 { #expect(drawn == expected) }
    }

    private static func flow(
        _ golden: OfficialParity, _ model: ChatterboxModel, _ voice: VoiceConditionals, _ precision: Precision,
        _ table: Table
    ) throws -> Tensor {
        var trace: S3Gen.Trace?
        let mel = try model.s3gen.mel(
            tokens: golden.file.integers("s3gen.in.tokens"), context: 0, firstToken: 0, reference: voice.reference,
            noise: .recorded(golden.tensor("s3gen.out.noise").transposed(1, 2)), finalize: true,
            stepCount: model.configuration.s3gen.decoder.stepCount
        ) { trace = $0 }
        let seen = try #require(trace)
        table.report("S3Gen encoder, mu", precision, seen.mu.values, try golden.tensor("s3gen.out.mu").values)
        let velocities = try golden.tensor("s3gen.out.velocities")
        for (step, velocity) in seen.velocities.enumerated() {
            let wanted = try velocities.sliced(axis: 0, from: step, to: step + 1).values
            table.report("S3Gen velocity, step \(step + 1)", precision, try velocity.transposed(1, 2).values, wanted)
        }
        table.report("S3Gen mel", precision, mel.values, try golden.tensor("s3gen.out.mel").values)
        return mel
    }

    private static func vocoder(
        _ golden: OfficialParity, _ model: ChatterboxModel, _ precision: Precision, _ table: Table
    ) throws {
        let hift = try #require(model.vocoder as? HiFTGenerator)
        let noise = try golden.tensor("hift.in.noise")
        let (sines, frames) = (noise.shape[0], noise.shape[1] / 480)
        let rows = try noise.reshaped([sines, frames, 480]).transposed(0, 1).reshaped([frames, sines * 480])
        var state = hift.makeState(noise: .recorded(rows), phaseOffsets: try golden.tensor("hift.in.phase").values)
        let wave = try hift.step(golden.tensor("hift.in.mel"), state: &state) + hift.flush(state: &state)
        table.report("HiFT wave", precision, wave, try golden.tensor("hift.out.wave").values)
    }

    /// Those of recordings, on the committed one.
    private static func encoders(_ golden: OfficialParity, _ model: ChatterboxModel, _ table: Table) throws {
        let recording = try Fixture("recording").tensor("in.wave16").values
        let cloning = try #require(model.configuration.cloning)
        func reader(_ file: String) throws -> WeightReader {
            try WeightReader(openCheckpoint(golden.url.appendingPathComponent(file)))
        }
        let s3gen = try reader(model.configuration.s3gen.file)
        table.report(
            "VoiceEncoder embedding", .float32, try VoiceEncoder(reader(cloning.file))(recording).values,
            try golden.tensor("recording.out.voice_encoder").values)
        table.report(
            "CAMPPlus embedding", .float32, try CAMPPlus(s3gen.scope("speaker_encoder"))(recording).values,
            try golden.tensor("recording.out.speaker_encoder").values)
        let codes = try S3TokenizerV2(s3gen.scope("tokenizer"))(recording)
        let expected = try golden.file.integers("recording.out.tokens")
        let same = zip(codes, expected).count { $0 == $1 }
        table.set("S3TokenizerV2 codes", .float32, "\(same) of \(expected.count) the same")
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
