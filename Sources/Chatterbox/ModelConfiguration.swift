import Checkpoints
import Foundation

/// config.json of a model folder. All numbers shape the classes, file names are relative to the folder.
public struct ModelConfiguration: Codable, Sendable, Equatable {
    /// Version of this format; 1.
    public var format: Int
    public var name: String
    public var sampleRateHz: Int
    public var t3: T3Configuration
    public var s3gen: S3GenConfiguration
    public var vocoder: VocoderConfiguration
    public var text: TextConfiguration
    public var voices: VoicesConfiguration
    /// nil for a model that can't make voices of recordings.
    public var cloning: CloningConfiguration?

    public struct VoicesConfiguration: Codable, Sendable, Equatable {
        /// One file of all voices, each under its name; or conds.pt, which has one voice without a name.
        public var file: String
        public var `default`: String
        public var names: [String]
    }

    enum CodingKeys: String, CodingKey {
        case format, name, t3, s3gen, vocoder, text, voices, cloning
        case sampleRateHz = "sample_rate"
    }

    /// Decodes and validates.
    /// - Throws: `ChatterboxError.configuration`, which names the field.
    public static func decode(_ json: Data, file: String = "config.json") throws -> ModelConfiguration {
        let configuration = try decode(ModelConfiguration.self, json, file: file)
        try configuration.validate(file: file)
        return configuration
    }

    static func read(_ file: URL) throws -> Data {
        do {
            return try Data(contentsOf: file)
        } catch {
            throw CheckpointError.unreadable(file: file.path, reason: error.localizedDescription)
        }
    }

    static func decode<Value: Decodable>(_: Value.Type, _ json: Data, file: String) throws -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: json)
        } catch let error as DecodingError {
            throw configurationError(error, file: file)
        }
    }

    private func validate(file: String) throws {
        var check = ConfigurationCheck(file: file)
        try check.require(format == 1, "format", "expected 1, found \(format)")
        try check.require(sampleRateHz == 24000, "sample_rate", "expected 24000, found \(sampleRateHz)")
        try check.scope("t3") { try t3.validate(&$0) }
        try check.scope("s3gen") { try s3gen.validate(&$0) }
        try check.scope("vocoder") { try vocoder.validate(&$0) }
        try check.scope("text") { try text.validate(&$0, vocabularySize: t3.textVocabularySize) }
        try check.scope("cloning") { try cloning?.validate(&$0, t3: t3, s3gen: s3gen) }
        try check.scope("voices") { check in
            try check.fileName(voices.file, "file")
            try check.require(!voices.names.isEmpty, "names", "no voice")
            try check.require(Set(voices.names).count == voices.names.count, "names", "a name twice")
            try check.require(voices.names.contains(voices.default), "default", "'\(voices.default)' isn't in names")
        }
    }

    private static func configurationError(_ error: DecodingError, file: String) -> ChatterboxError {
        func path(_ keys: [any CodingKey]) -> String {
            keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context):
            return .configuration(file: file, field: path(context.codingPath + [key]), problem: "missing")
        case .typeMismatch(let type, let context):
            return .configuration(file: file, field: path(context.codingPath), problem: "expected \(type)")
        case .valueNotFound(let type, let context):
            return .configuration(file: file, field: path(context.codingPath), problem: "expected \(type), found null")
        case .dataCorrupted(let context):
            return .configuration(file: file, field: path(context.codingPath), problem: context.debugDescription)
        @unknown default:
            return .configuration(file: file, field: "", problem: "\(error)")
        }
    }
}

/// Collects the path while a configuration is checked, so that errors name the field.
struct ConfigurationCheck {
    let file: String
    private var path: [String] = []

    init(file: String) { self.file = file }

    mutating func scope(_ name: String, _ body: (inout ConfigurationCheck) throws -> Void) rethrows {
        path.append(name)
        defer { path.removeLast() }
        try body(&self)
    }

    func require(_ condition: Bool, _ field: String, _ problem: @autoclosure () -> String) throws {
        guard condition else {
            throw ChatterboxError.configuration(
                file: file, field: (path + [field]).joined(separator: "."), problem: problem())
        }
    }

    /// Sizes are checked against a limit far above any model, so that products of them can't overflow.
    func size(_ value: Int, _ field: String, atLeast least: Int = 1, atMost most: Int = 1_000_000) throws {
        try require((least...most).contains(value), field, "expected \(least) to \(most), found \(value)")
    }

    func fileName(_ name: String, _ field: String) throws {
        try require(
            !name.isEmpty && !name.contains("/") && !name.contains("\\") && name != "." && name != "..", field,
            "expected a file name in the model's folder, found '\(name)'")
    }
}
