import Foundation
import Logging

/// Writes each entry as a JSON object on a line of standard error: `time`, `level`, `message`, `logger`, and the
/// metadata beside them.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider? = LoggingSystem.metadataProvider
    var logLevel: Logger.Level
    private let label: String

    init(label: String, level: Logger.Level) {
        self.label = label
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        if let error = event.error { fields["error"] = "\(error)" }
        fields["time"] = "\(Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))"
        fields["level"] = "\(event.level.rawValue)"
        fields["message"] = "\(event.message)"
        fields["logger"] = "\(label)"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        guard var line = try? encoder.encode(fields.mapValues(JSONLogValue.init)) else { return }
        line.append(UInt8(ascii: "\n"))
        // One write, so that lines of several threads don't mix.
        try? FileHandle.standardError.write(contentsOf: line)
    }
}

/// Metadata keeps its numbers and truth values.
private struct JSONLogValue: Encodable {
    let value: Logger.Metadata.Value

    init(_ value: Logger.Metadata.Value) { self.value = value }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch value {
        case .string(let text): try container.encode(text)
        case .dictionary(let fields): try container.encode(fields.mapValues(JSONLogValue.init))
        case .array(let values): try container.encode(values.map(JSONLogValue.init))
        case .stringConvertible(let value as Double): try container.encode(value)
        case .stringConvertible(let value as Int): try container.encode(value)
        case .stringConvertible(let value as Bool): try container.encode(value)
        case .stringConvertible(let value): try container.encode(value.description)
        @unknown default: try container.encode("\(value)")
        }
    }
}
