import Chatterbox
import Checkpoints
import Foundation
import SpeechEngine
import Testing

/// Folders of the official models: recognised, loaded, audited, spoken with.
@Suite struct OfficialModelTests {
    private static let models = OfficialModel.allCases

    private static func with(
        _ model: OfficialModel, decoder: OfficialModel.Decoder? = nil, _ body: (OfficialFolder) throws -> Void
    ) throws {
        let folder = try OfficialFolder(model, decoder: decoder)
        defer { folder.remove() }
        try body(folder)
    }

    @Test(arguments: models)
    func loads(_ model: OfficialModel) throws {
        try Self.with(model) { folder in
            let loaded = try ChatterboxModel.load(folder: folder.url, precision: .float32)
            let voice = try loaded.voice("default")
            #expect(voice.t3.speakerEmb.shape == [1, 12] && voice.t3.promptSpeechTokens.count == 13)
            #expect(voice.reference.promptToken.count == 4 && voice.reference.embedding.shape == [1, 10])
            // The recording has a frame more than its tokens have.
            #expect(voice.reference.promptFeat.shape == [1, 8, 80])
            let audit = try ModelAudit(folder: folder.url)
            #expect(audit.problems == [])
            #expect(audit.files.map(\.name) == [folder.t3File, folder.s3genFile, "conds.pt"])
            let ignored = Set(audit.ignored.map(\.key))
            #expect(ignored.isSuperset(of: ["text_head.weight", "tokenizer.window", "gen.prompt_token_len"]))
        }
    }

    @Test(arguments: models)
    func speaks(_ model: OfficialModel) async throws {
        let folder = try OfficialFolder(model)
        defer { folder.remove() }
        try await Self.speak(folder)
    }

    /// The english T3 with the quick decoder.
    @Test func speaksWithTheOtherDecoder() async throws {
        let folder = try OfficialFolder(.english, decoder: .meanflow)
        defer { folder.remove() }
        try await Self.speak(folder)
    }

    /// Random weights say nothing, but as many samples as tokens ask for, the same for the same seed, and chunk by chunk.
    private static func speak(_ folder: OfficialFolder) async throws {
        var configuration = SpeechEngine.Configuration(modelFolder: folder.url, precision: .float32, threads: 1)
        configuration.maxSessions = 2
        let engine = SpeechEngine(configuration: configuration)
        try engine.load()
        #expect(engine.voices == ["default"])
        var request = SpeechRequest(
            input: "Hello there, this is a test.", chunkSize: 10, contextWindow: 10, maxNewTokens: 100,
            enableAlignmentMonitoring: false, seed: 3)
        var runs: [[Int16]] = []
        for seed: UInt64 in [3, 3, 4] {
            request.seed = seed
            var samples: [Int16] = []
            var chunks = 0
            var tokens = 0
            for try await event in try engine.speak(request) {
                switch event {
                case .chunk(let chunk):
                    samples += chunk.samples
                    chunks += 1
                case .finished(let summary): tokens = summary.tokens
                }
            }
            #expect(tokens > 0 && samples.count >= tokens * 960)
            #expect(tokens < 30 || chunks > 1)
            #expect(samples.contains { $0 != 0 })
            runs.append(samples)
        }
        #expect(runs[0] == runs[1])
        #expect(runs[0] != runs[2])
        engine.shutdown()
    }

    /// One tensor missing, renamed, misshapen or too many: refused by its name, by loading and by the audit.
    @Test(arguments: models, ["missing", "renamed", "misshapen", "extra"])
    func refuses(_ model: OfficialModel, _ flaw: String) throws {
        try Self.with(model) { folder in
            for (file, key) in [
                (folder.t3File, "cond_enc.spkr_enc.weight"),
                (folder.s3genFile, "flow.encoder.encoders.1.self_attn.pos_bias_u"),
                (folder.s3genFile, "mel2wav.conv_pre.parametrizations.weight.original1"),
            ] {
                let whole = try Data(contentsOf: folder.url.appendingPathComponent(file))
                var found: [Int] = []
                try folder.change(file) { tensors in
                    let tensor = try #require(tensors[key])
                    found = tensor.shape
                    switch flaw {
                    case "missing": tensors[key] = nil
                    case "renamed":
                        tensors[key] = nil
                        tensors[key + "_"] = tensor
                    case "misshapen": tensors[key]?.shape = [tensor.shape.reduce(1, *)]
                    default: tensors[key + "_"] = tensor
                    }
                }
                let missing = CheckpointError.missing(file: file, key: key, expected: found)
                let extra = CheckpointError.unread(file: file, keys: [key + "_"])
                let misshapen = CheckpointError.shape(
                    file: file, key: key, expected: found, found: [found.reduce(1, *)])
                let expected: [CheckpointError] =
                    switch flaw {
                    case "missing": [missing]
                    case "renamed": [missing, extra]
                    case "misshapen": [misshapen]
                    default: [extra]
                    }
                #expect(throws: expected[0]) { try ChatterboxModel.load(folder: folder.url, precision: .float32) }
                #expect(try ModelAudit(folder: folder.url).problems == expected)
                try whole.write(to: folder.url.appendingPathComponent(file))
            }
        }
    }

    /// What loading doesn't look at.
    @Test func auditsNumbersAndTypes() throws {
        try Self.with(.nano) { folder in
            try folder.change(folder.t3File) { tensors in
                tensors["speech_head.bias"]?.bytes.replaceSubrange(0..<4, with: [0, 0, 0x80, 0x7F])
                tensors["text_head.weight"]?.bytes.replaceSubrange(4..<8, with: [0, 0, 0xC0, 0x7F])
                tensors["tfmr.ln_f.bias"]?.dtype = "I32"
            }
            #expect(
                try ModelAudit(folder: folder.url).problems == [
                    .dtype(file: folder.t3File, key: "tfmr.ln_f.bias", expected: "a floating type", found: "I32"),
                    .notFinite(file: folder.t3File, key: "speech_head.bias", count: 1, of: 70),
                    .notFinite(file: folder.t3File, key: "text_head.weight", count: 1, of: 40 * 32),
                ])
        }
    }

    // MARK: recognition

    private static func configuration(
        _ files: [String], _ selection: OfficialModel.Selection = .init()
    ) throws -> ModelConfiguration {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("names-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for file in files { try Data().write(to: folder.appendingPathComponent(file)) }
        do {
            return try OfficialModel.configuration(of: folder, selection: selection)
        } catch let error as ChatterboxError {
            throw error.inFolder("F")
        }
    }

    private static let gpt2 = ["s3gen_meanflow.safetensors", "conds.pt", "vocab.json", "merges.txt"]
    private static let english = ["t3_cfg.safetensors", "s3gen.safetensors", "conds.pt", "tokenizer.json"]
    private static let multilingual = ["s3gen.pt", "conds.pt", "grapheme_mtl_merged_expanded_v1.json"]

    @Test func recognises() throws {
        let nano = try Self.configuration(Self.gpt2 + ["t3_nano_v1.safetensors"])
        #expect(nano.name == "nano" && nano.t3.hiddenSize == 768 && nano.s3gen.decoder.meanflow)
        let turbo = try Self.configuration(Self.gpt2 + ["t3_turbo_v1.safetensors"])
        #expect(turbo.name == "turbo" && turbo.t3.layerCount == 24)
        let english = try Self.configuration(Self.english)
        #expect(english.name == "english" && english.s3gen.file == "s3gen.safetensors")
        #expect(english.s3gen.decoder.stepCount == 10 && english.t3.sampling.repetitionPenalty == 1.2)
        let v2 = try Self.configuration(Self.multilingual + ["t3_mtl23ls_v2.safetensors"])
        #expect(v2.name == "multilingual-v2" && v2.s3gen.file == "s3gen.pt" && v2.t3.textVocabularySize == 2454)
        let both = try Self.configuration(
            Self.multilingual + ["t3_mtl23ls_v2.safetensors", "t3_mtl23ls_v3.safetensors", "Cangjie5_TC.json"])
        #expect(both.name == "multilingual-v3")
        guard case .tokenizer(let text) = both.text else {
            Issue.record("\(both.text)")
            return
        }
        #expect(text.cangjie == "Cangjie5_TC.json" && text.type == .multilingual)
    }

    @Test func choices() throws {
        let all = Self.english + Self.multilingual + ["t3_mtl23ls_v2.safetensors"]
        #expect(throws: ChatterboxError.severalModels(folder: "F", models: ["english", "multilingual-v2"])) {
            try Self.configuration(all)
        }
        #expect(try Self.configuration(all, .init(models: [.english])).name == "english")
        #expect(
            try Self.configuration(all, .init(models: OfficialModel.named("multilingual"))).name == "multilingual-v2")
        #expect(
            throws: ChatterboxError.missingFiles(folder: "F", model: "nano", files: ["t3_nano_v1.safetensors"])
        ) { try Self.configuration(all, .init(models: [.nano])) }
        let quick = try Self.configuration(
            Self.english + ["s3gen_meanflow.safetensors"], .init(decoder: .meanflow))
        #expect(quick.s3gen.file == "s3gen_meanflow.safetensors" && quick.s3gen.decoder.meanflow)
        #expect(quick.s3gen.decoder.stepCount == 2 && quick.t3.textVocabularySize == 704)
        #expect(
            throws: ChatterboxError.missingFiles(
                folder: "F", model: "english", files: ["s3gen_meanflow.safetensors"])
        ) { try Self.configuration(Self.english, .init(decoder: .meanflow)) }
    }

    /// A config.json says all; a choice that would have no effect is refused.
    @Test func configurationsLeaveNoChoice() throws {
        try Self.with(.english) { folder in
            let error = ChatterboxError.input(
                what: "variant and decoder", expected: "none, since the model's config.json decides",
                found: "english, meanflow")
            #expect(throws: error) {
                try ChatterboxModel.load(
                    folder: folder.url, precision: .float32,
                    selection: .init(models: [.english], decoder: .meanflow))
            }
        }
    }

    @Test func missingFiles() throws {
        #expect(
            throws: ChatterboxError.missingFiles(
                folder: "F", model: "english", files: ["tokenizer.json", "conds.pt", "s3gen.safetensors or s3gen.pt"])
        ) { try Self.configuration(["t3_cfg.safetensors"]) }
        #expect(throws: ChatterboxError.self) { try Self.configuration([]) }
    }
}

extension ChatterboxError {
    /// The same with another folder's name: temporary ones differ.
    fileprivate func inFolder(_ name: String) -> ChatterboxError {
        switch self {
        case .noModel(_, let files): .noModel(folder: name, files: files)
        case .severalModels(_, let models): .severalModels(folder: name, models: models)
        case .missingFiles(_, let model, let files): .missingFiles(folder: name, model: model, files: files)
        default: self
        }
    }
}
