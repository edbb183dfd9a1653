import ArgumentParser
import Configuration
import Foundation
import SystemPackage

/// A file of settings as environment variables have them, `NAME=value` on each line, `#` before remarks: systemd reads the
/// same. It is read again when it changes, and on SIGHUP.
typealias ConfigurationFile = ReloadingFileProvider<EnvironmentFileSnapshot>

extension ReloadingFileProvider where Snapshot == EnvironmentFileSnapshot {
    /// The file that `--config` or CHATTERBOX_CONFIG names, if one does.
    /// - Parameter names: of all settings there are.
    static func named(_ option: String?, names: Set<String>) async throws -> ConfigurationFile? {
        guard let path = option ?? ProcessInfo.processInfo.environment["CHATTERBOX_CONFIG"], !path.isEmpty else {
            return nil
        }
        let file: ConfigurationFile
        do {
            file = try await ConfigurationFile(filePath: FilePath(path), pollInterval: .seconds(2))
        } catch {
            throw ValidationError("The configuration \(path) can't be read: \(error)")
        }
        do {
            if let content = file.snapshot() as? EnvironmentFileSnapshot { _ = try content.checked(names: names) }
        } catch {
            throw ValidationError("The configuration \(path) can't be used: \(error)")
        }
        return file
    }
}

/// The settings of such a file.
struct EnvironmentFileSnapshot: FileConfigSnapshot {
    struct ParsingOptions: FileParsingOptions {
        static let `default` = ParsingOptions()
    }

    let providerName: String
    /// What the file says, or why it says nothing. Not thrown by `init`, as whoever reads a changed file again tells nobody.
    private let content: Result<[String: EnvironmentFile.Entry], EnvironmentFile.Mistake>
    private let values: any ConfigSnapshot

    init(data: RawSpan, providerName: String, parsingOptions: ParsingOptions) throws {
        self.providerName = providerName
        let text = data.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        content = Result { () throws(EnvironmentFile.Mistake) in try EnvironmentFile.entries(of: text) }
        let entries = (try? content.get()) ?? [:]
        values = EnvironmentVariablesProvider(environmentVariables: entries.mapValues(\.value)).snapshot()
    }

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        try values.value(forKey: key, type: type)
    }

    /// The file's values, if all of them are settings, and in their ranges.
    /// - Throws: `EnvironmentFile.Mistake`, `ValidationError`.
    func checked(names: Set<String>) throws -> EnvironmentVariablesProvider {
        let entries = try content.get()
        try EnvironmentFile.check(entries, names: names)
        let provider = EnvironmentVariablesProvider(environmentVariables: entries.mapValues(\.value))
        try Settings(arguments: [:], environment: provider).check()
        return provider
    }

    var description: String { providerName }
    var debugDescription: String { providerName }
}
