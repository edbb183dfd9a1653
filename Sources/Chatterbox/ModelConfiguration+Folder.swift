import Foundation

extension ModelConfiguration {
    /// The configuration of a model's folder: its config.json, or that of the official model whose files are there; with
    /// the alignment heads of its `AlignmentFile`. Reads no weights.
    /// - Throws: `ChatterboxError`; `CheckpointError.unreadable`.
    public static func read(
        from folder: URL, selection: OfficialModel.Selection = .init()
    ) throws -> ModelConfiguration {
        try uncalibrated(folder, selection).calibrated(by: folder)
    }

    private static func uncalibrated(
        _ folder: URL, _ selection: OfficialModel.Selection
    ) throws -> ModelConfiguration {
        let file = folder.appendingPathComponent("config.json")
        guard FileManager.default.fileExists(atPath: file.path) else {
            return try OfficialModel.configuration(of: folder, selection: selection)
        }
        guard selection == .init() else {
            throw ChatterboxError.input(
                what: "variant and decoder", expected: "none, since the model's config.json decides",
                found: (selection.models.map(\.rawValue) + [selection.decoder?.rawValue].compactMap { $0 })
                    .joined(separator: ", "))
        }
        return try .decode(read(file))
    }

    /// Codes of the languages that the model reads, known without its weights.
    public var languages: [String] {
        guard case .tokenizer(let tokenizer) = text, tokenizer.type == .multilingual else { return ["en"] }
        return MTLTokenizer.languages(withChinese: tokenizer.cangjie != nil)
    }

    /// Bytes of the files that the model is read from: in float32 it takes about as much memory, in bfloat16 less.
    public func byteCount(in folder: URL) -> Int64 {
        var files: Set = [t3.file, s3gen.file, voices.file]
        switch vocoder {
        case .sourceFilter(let vocoder): files.insert(vocoder.file)
        case .hift(let vocoder): files.insert(vocoder.file)
        }
        if let cloning { files.insert(cloning.file) }
        return files.reduce(0) { sum, file in
            // the hub's files are links
            let path = folder.appendingPathComponent(file).resolvingSymlinksInPath().path
            return sum + ((try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64) ?? 0)
        }
    }
}
