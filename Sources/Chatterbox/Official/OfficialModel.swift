import Foundation

/// The published checkpoints of the family. They come without a config.json: their files' names tell which they are, and
/// their sizes are known.
/// Source: resemble-ai/chatterbox tts.py, tts_turbo.py, mtl_tts.py, models/t3/llama_configs.py, modules/t3_config.py
public enum OfficialModel: String, CaseIterable, Sendable {
    case nano
    case turbo
    case english
    case multilingualV3 = "multilingual-v3"
    case multilingualV2 = "multilingual-v2"

    /// How S3Gen gets from noise to mel.
    public enum Decoder: String, CaseIterable, Sendable {
        /// Ten Euler steps, each of two passes.
        case guided
        /// Two passes; the GPT-2 models' way, and any other's if the folder has s3gen_meanflow.safetensors.
        case meanflow
    }

    /// What to load from a folder that leaves a choice.
    public struct Selection: Sendable, Equatable {
        /// One of these, the first that is there; none means the one that the folder has.
        public var models: [OfficialModel]
        /// nil is the model's own.
        public var decoder: Decoder?

        public init(models: [OfficialModel] = [], decoder: Decoder? = nil) {
            self.models = models
            self.decoder = decoder
        }
    }

    /// Models by name; `multilingual` is any version, the newest first.
    public static func named(_ name: String) -> [OfficialModel] {
        allCases.filter { $0.rawValue == name || $0.rawValue.hasPrefix(name + "-") }
    }

    /// The file that tells the model.
    public var t3File: String {
        switch self {
        case .nano: "t3_nano_v1.safetensors"
        case .turbo: "t3_turbo_v1.safetensors"
        case .english: "t3_cfg.safetensors"
        case .multilingualV2: "t3_mtl23ls_v2.safetensors"
        case .multilingualV3: "t3_mtl23ls_v3.safetensors"
        }
    }

    private var isMultilingual: Bool { self == .multilingualV2 || self == .multilingualV3 }
    private var ownDecoder: Decoder { self == .nano || self == .turbo ? .meanflow : .guided }

    /// The configuration of the official model in a folder.
    /// - Throws: `ChatterboxError.noModel`, `.severalModels`, `.missingFiles`.
    public static func configuration(of folder: URL, selection: Selection) throws -> ModelConfiguration {
        let files = Set((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        let model = try find(in: files, folder: folder.lastPathComponent, wanted: selection.models)
        let decoder = selection.decoder ?? model.ownDecoder
        let s3gen = decoder == .meanflow ? ["s3gen_meanflow.safetensors"] : ["s3gen.safetensors", "s3gen.pt"]
        let text = model.textFiles
        let missing =
            (text + ["conds.pt"]).filter { !files.contains($0) }
            + (s3gen.contains(where: files.contains) ? [] : [s3gen.joined(separator: " or ")])
        guard missing.isEmpty else {
            throw ChatterboxError.missingFiles(folder: folder.lastPathComponent, model: model.rawValue, files: missing)
        }
        return model.configuration(
            decoder: decoder, s3genFile: s3gen.first(where: files.contains) ?? s3gen[0],
            cangjie: files.contains("Cangjie5_TC.json"),
            voiceEncoderFile: ["ve.safetensors", "ve.pt"].first(where: files.contains))
    }

    private static func find(in files: Set<String>, folder: String, wanted: [OfficialModel]) throws -> OfficialModel {
        if !wanted.isEmpty {
            guard let model = wanted.first(where: { files.contains($0.t3File) }) else {
                throw ChatterboxError.missingFiles(
                    folder: folder, model: wanted[0].rawValue,
                    files: [wanted.map(\.t3File).joined(separator: " or ")])
            }
            return model
        }
        var found = allCases.filter { files.contains($0.t3File) }
        // The newer of two versions of one model.
        if found.contains(.multilingualV3) { found.removeAll { $0 == .multilingualV2 } }
        guard let only = found.first else {
            throw ChatterboxError.noModel(folder: folder, files: ["config.json"] + allCases.map(\.t3File))
        }
        guard found.count == 1 else {
            throw ChatterboxError.severalModels(folder: folder, models: found.map(\.rawValue))
        }
        return only
    }

    /// What the front end can't do without.
    private var textFiles: [String] {
        switch self {
        case .nano, .turbo: ["vocab.json", "merges.txt"]
        case .english: ["tokenizer.json"]
        case .multilingualV2, .multilingualV3: ["grapheme_mtl_merged_expanded_v1.json"]
        }
    }

    /// - Parameters:
    ///   - s3genFile: where flow and vocoder are.
    ///   - cangjie: whether Cangjie5_TC.json is there, which Chinese needs.
    ///   - voiceEncoderFile: what voices of recordings are made with; without it there is no cloning.
    package func configuration(
        decoder: Decoder, s3genFile: String, cangjie: Bool, voiceEncoderFile: String? = nil
    ) -> ModelConfiguration {
        ModelConfiguration(
            format: 1, name: rawValue, sampleRateHz: 24000, t3: t3,
            s3gen: .official(file: s3genFile, decoder: decoder), vocoder: .hift(.official(file: s3genFile)),
            text: .tokenizer(text(cangjie: cangjie)),
            voices: .init(file: "conds.pt", default: "default", names: ["default"]),
            cloning: voiceEncoderFile.map {
                self == .nano || self == .turbo ? .officialGPT2(file: $0) : .official(file: $0)
            })
    }

    private func text(cangjie: Bool) -> TokenizerConfiguration {
        switch self {
        case .nano, .turbo: TokenizerConfiguration(type: .turbo)
        case .english: TokenizerConfiguration(type: .english, file: textFiles[0])
        case .multilingualV2, .multilingualV3:
            TokenizerConfiguration(
                type: .multilingual, file: textFiles[0], cangjie: cangjie ? "Cangjie5_TC.json" : nil)
        }
    }

    private var t3: T3Configuration {
        switch self {
        case .nano: .gpt2(file: t3File, width: 768, layers: 12, heads: 12)
        case .turbo: .gpt2(file: t3File, width: 1024, layers: 24, heads: 16)
        case .english: .llama(file: t3File, vocabulary: 704, repetitionPenalty: 1.2)
        case .multilingualV2, .multilingualV3: .llama(file: t3File, vocabulary: 2454, repetitionPenalty: 2)
        }
    }
}
