import SpeechServer

/// A parser of bytes that others made, and what must hold whatever they are: no trap, an error of the parser's own kind
/// that is short enough to be told, and a result within the documented bounds. Time and memory are the runner's to watch.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// A recording, as a voice is made of.
    case audio
    /// What a server sends to the Swift client.
    case client
    /// config.json of a model.
    case config
    /// Bodies of HTTP requests: a line with the content type, then the body.
    case form
    /// WebSocket frames.
    case frames
    /// vocab.json, merges.txt, added_tokens.json and tokenizer_config.json, with a byte 0xFF between.
    case gpt2
    /// A user's pronunciations.
    case lexicon
    case message
    /// The pickle within a torch archive.
    case pickle
    case safetensors
    /// Text to speak: normaliser, sentences, words, phonemes.
    case text
    /// tokenizer.json of a model.
    case tokenizer
    case torch
    case wav

    /// What isn't as it must be.
    package struct Violation: Error, CustomStringConvertible {
        package let description: String
        init(_ description: String) { self.description = description }
    }

    /// Hands the bytes to the parser.
    /// - Throws: `Violation`.
    package func run(_ bytes: [UInt8]) throws(Violation) {
        do {
            switch self {
            case .audio: try AudioTargets.media(bytes)
            case .wav: try AudioTargets.wav(bytes)
            case .safetensors: try CheckpointTargets.safetensors(bytes)
            case .torch: try CheckpointTargets.torch(bytes)
            case .pickle: try CheckpointTargets.pickle(bytes)
            case .config: try ModelTargets.config(bytes)
            case .tokenizer: try ModelTargets.tokenizer(bytes)
            case .gpt2: try ModelTargets.gpt2(bytes)
            case .lexicon: try TextTargets.lexicon(bytes)
            case .text: try TextTargets.text(bytes)
            case .message: try ServerTargets.message(bytes)
            case .form: try ServerTargets.body(bytes)
            case .frames: try ServerTargets.frames(bytes)
            case .client: try ClientTargets.message(bytes)
            }
        } catch let error as Violation {
            throw error
        } catch {
            throw Violation("\(rawValue) threw \(type(of: error)): \(error)")
        }
    }
}

/// Runs a parser that may refuse with an error of one type.
/// - Returns: nil if it refused.
/// - Throws: what is of another type; `Violation` if the error is too long to be told to anyone.
func accepting<Refusal: Error, Value>(_: Refusal.Type, _ body: () throws -> Value) throws -> Value? {
    do {
        return try body()
    } catch let error as Refusal {
        let length = ((error as? ServerError)?.message ?? "\(error)").utf8.count
        guard length <= longestMessage else { throw FuzzTarget.Violation("an error of \(length) bytes") }
        return nil
    }
}

/// Errors name the value at fault, which is a whole word or path now and then.
private let longestMessage = 16 << 10

func require(_ condition: Bool, _ rule: @autoclosure () -> String) throws {
    guard condition else { throw FuzzTarget.Violation(rule()) }
}
