import ArgumentParser
import Foundation
import Logging

extension Settings {
    /// The names of all settings, as the environment and the configuration's file have them.
    /// - Parameter keys: of the options.
    static func names(_ keys: some Sequence<String>) -> Set<String> {
        Set((Array(keys) + withoutOption).map { $0.replacing(".", with: "_").uppercased() })
    }

    /// Keys of the settings that no option has.
    private static let withoutOption = [
        "exaggeration", "cfg.weight", "temperature", "long.text.max.length", "long.text.chunk.size",
        "long.text.silence.padding.ms", "long.text.job.retention.days", "long.text.max.concurrent.jobs",
        "chatterbox.jwt.secret",
    ]

    /// Reads each value as the server does, but opens no file.
    /// - Throws: `ValidationError` that names the first that isn't allowed.
    func check() throws {
        _ = try port()
        _ = try limits()
        _ = try tlsFiles()
        _ = try accessRules()
        _ = try authentication()
        _ = try hasOpenMetrics()
        _ = try proxyTrust()
        _ = try tokenRefresh()
        _ = try speechDefaults()
        _ = try jobNumbers()
        _ = try registryLimits()
        _ = try engineNumbers()
        _ = try selection(of: "embedded")
        _ = try logLevel()
        _ = try logFormat()
        _ = try measures()
        _ = try slowRequest()
    }

    func port() throws -> Int { try integer("port", in: 0...65535, default: 8000) }
}
