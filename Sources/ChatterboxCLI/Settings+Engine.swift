import ArgumentParser
import Foundation
import SpeechEngine

extension Settings {
    /// The engine the options ask for, not loaded yet.
    func makeEngine() throws -> SpeechEngine {
        let name = string("chatterbox.model", default: "embedded")
        var configuration = SpeechEngine.Configuration(modelFolder: try ModelLocation.folder(name))
        configuration.selection = try selection(of: name)
        configuration.precision = try choice("chatterbox.precision", default: configuration.precision)
        configuration.threads = try integer("chatterbox.threads", in: 1...1024, default: configuration.threads)
        configuration.maxSessions = try integer(
            "chatterbox.max.sessions", in: 1...10_000, default: configuration.maxSessions)
        configuration.lexiconFile = string("chatterbox.lexicon").map { URL(filePath: $0) }
        return SpeechEngine(configuration: configuration)
    }
}
