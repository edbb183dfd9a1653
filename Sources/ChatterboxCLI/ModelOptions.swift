import ArgumentParser
import Foundation
import SpeechEngine

/// Options of every command that loads a model.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of a model, or \"embedded\" for the voice that comes along. [CHATTERBOX_MODEL; embedded]",
            valueName: "path"))
    var model: String?

    @Option(help: "Threads that compute. [CHATTERBOX_THREADS; all cores]")
    var threads: String?

    @Option(help: "Precision of the weights: float32 or bfloat16. [CHATTERBOX_PRECISION; the engine's choice]")
    var precision: String?

    @Option(
        help: ArgumentHelp(
            "A file of names and their pronunciation, one a line. [CHATTERBOX_LEXICON; none]", valueName: "file"))
    var lexicon: String?

    var arguments: [String: String?] {
        [
            "chatterbox.model": model, "chatterbox.threads": threads, "chatterbox.precision": precision,
            "chatterbox.lexicon": lexicon,
        ]
    }
}
