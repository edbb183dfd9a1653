import ArgumentParser
import Configuration
import Foundation
import SystemPackage

/// A file of settings as environment variables have them, `NAME=value` on each line, `#` before remarks: systemd reads the
/// same. It is read again when it changes, and on SIGHUP.
typealias ConfigurationFile = ReloadingFileProvider<EnvironmentFileSnapshot>

extension ReloadingFileProvider where Snapshot == EnvironmentFileSnapshot {
    /// The file that `--config` or CHATTERBOX_CONFIG names, if one does.
    static func named(_ option: String?) async throws -> ConfigurationFile? {
        guard let path = option ?? ProcessInfo.processInfo.environment["CHATTERBOX_CONFIG"], !path.isEmpty else {
            return nil
        }
        do {
            return try await ConfigurationFile(filePath: FilePath(path), pollInterval: .seconds(2))
        } catch {
            throw ValidationError("The configuration \(path) can't be read: \(error)")
        }
    }
}

/// The settings of such a file.
struct EnvironmentFileSnapshot: FileConfigSnapshot {
    struct ParsingOptions: FileParsingOptions {
        static let `default` = ParsingOptions()
    }

    /// A line that is no setting.
    struct BadLine: Error, CustomStringConvertible {
        var number: Int

        var description: String { "line \(number) is not NAME=value" }
    }

    let providerName: String
    private let values: any ConfigSnapshot

    init(data: RawSpan, providerName: String, parsingOptions: ParsingOptions) throws {
        self.providerName = providerName
        let text = data.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        values = EnvironmentVariablesProvider(environmentVariables: try Self.parse(text)).snapshot()
    }

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        try values.value(forKey: key, type: type)
    }

    var description: String { providerName }
    var debugDescription: String { providerName }

    /// - Throws: `BadLine`.
    static func parse(_ text: String) throws -> [String: String] {
        var values: [String: String] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") { line = line.dropFirst(7).trimmingCharacters(in: .whitespaces) }
            let halves = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let isName = halves[0].utf8.allSatisfy { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
            }
            guard halves.count == 2, !halves[0].isEmpty, isName else { throw BadLine(number: index + 1) }
            var value = halves[1].trimmingCharacters(in: .whitespaces)
            if value.count >= 2, let quote = value.first, quote == value.last, quote == "\"" || quote == "'" {
                value = String(value.dropFirst().dropLast())
            }
            values[String(halves[0])] = value
        }
        return values
    }
}
