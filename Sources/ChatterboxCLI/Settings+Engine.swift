import ArgumentParser
import Foundation
import SpeechEngine

extension Settings {
    /// The engine the options ask for, not loaded yet.
    func makeEngine() throws -> SpeechEngine {
        let path = string("chatterbox.model", default: "embedded")
        let folder = path == "embedded" ? try ProjectFiles.embeddedModel() : URL(filePath: path)
        guard FileManager.default.fileExists(atPath: folder.path(percentEncoded: false)) else {
            throw ValidationError("There is no model at \(path): no such folder.")
        }
        var configuration = SpeechEngine.Configuration(modelFolder: folder)
        configuration.selection = try selection()
        configuration.precision = try choice("chatterbox.precision", default: configuration.precision)
        configuration.threads = try integer("chatterbox.threads", in: 1...1024, default: configuration.threads)
        configuration.maxSessions = try integer(
            "chatterbox.max.sessions", in: 1...10_000, default: configuration.maxSessions)
        configuration.lexiconFile = string("chatterbox.lexicon").map { URL(filePath: $0) }
        return SpeechEngine(configuration: configuration)
    }
}
