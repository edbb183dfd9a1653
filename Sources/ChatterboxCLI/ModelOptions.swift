import ArgumentParser
import Foundation
import SpeechEngine

/// Options of every command that loads a model.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The folder of a model, or a name that `chatterbox models` lists. serve takes several, each with a --model of \
            its own; the first is the default. name=folder gives a folder a name for requests. [CHATTERBOX_MODEL, \
            comma-separated; embedded]
            """, valueName: "model"))
    var model: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Of a folder with several official models: nano, turbo, english, multilingual, multilingual-v2 or \
            multilingual-v3. Of several --model, of the first. [CHATTERBOX_VARIANT; the only one]
            """, valueName: "name"))
    var variant: String?

    @Option(
        help: """
            How an official model makes sound of its tokens: guided (10 steps of 2 passes) or meanflow (2 passes, needs \
            s3gen_meanflow.safetensors). Of several --model, the first. [CHATTERBOX_DECODER; the model's own]
            """)
    var decoder: String?

    @Option(help: "Threads that compute. [CHATTERBOX_THREADS; all cores]")
    var threads: String?

    @Option(
        help: """
            Precision of the weights: float32, bfloat16, or int8 for T3's and bfloat16 for the rest. \
            [CHATTERBOX_PRECISION; the engine's choice]
            """)
    var precision: String?

    @Option(
        help: ArgumentHelp(
            "A file of names and their pronunciation, one a line. [CHATTERBOX_LEXICON; none]", valueName: "file"))
    var lexicon: String?

    @Option(
        help: """
            on or off: keep packed weights in a file beside each large checkpoint, or in the cache folder where that \
            can't be written, so that the next start takes less than a second. [CHATTERBOX_PACKED_WEIGHTS; on]
            """)
    var packedWeights: String?

    var arguments: [String: String?] {
        [
            "chatterbox.model": model.isEmpty ? nil : model.joined(separator: ","), "chatterbox.threads": threads,
            "chatterbox.precision": precision, "chatterbox.packed.weights": packedWeights,
            "chatterbox.lexicon": lexicon, "chatterbox.variant": variant, "chatterbox.decoder": decoder,
        ]
    }
}
