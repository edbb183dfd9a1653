import Chatterbox
import Foundation
import SpeechEngine
import Synchronization
import Tensors

/// A model whose every token, frame and sample is known: text "a8|b4" is two pieces of 8 and 4 speech tokens; a frame's
/// value is its absolute index; a sample is its frame's value. What T3 does can be bent by `script`.
struct ScriptedModel: SpeechModel {
    /// What one piece does: attention to a text position and the token drawn, by step; nil draws the stop token.
    typealias Script = @Sendable (_ step: Int, _ tokens: Int) -> (position: Int, token: Int32?)

    struct Decoding: SpokenTokens {
        var logits: [Float] = []
        var alignment: [Float] = []
        var readable: Range<Int>?
        var step = 0
        var tokens: Int
    }

    struct VocoderState: Sendable {
        var held: [Float] = []
    }

    static let textLength = 12
    static let stop: Int32 = 6562
    /// Plain speech: the text is passed once, tokens differ.
    static let plain: Script = { step, tokens in
        (min(textLength - 1, step * textLength / max(1, tokens)), step < tokens ? Int32(100 + step % 50) : nil)
    }

    var script: Script = plain
    /// Tokens fed over all requests.
    let steps = Counter()
    /// The pieces of each pass, by their counts of tokens.
    let passes = Passes()

    final class Counter: Sendable {
        private let value = Atomic<Int>(0)
        func add() { value.add(1, ordering: .relaxed) }
        var count: Int { value.load(ordering: .relaxed) }
    }

    /// Also sees to it that one pass ends before the next begins.
    final class Passes: Sendable {
        private let state = Mutex((all: [[Int]](), inside: 0, mostInside: 0))
        func run(_ pieces: [Int], _ body: () -> Void) {
            state.withLock { state in
                state.all.append(pieces)
                state.inside += 1
                state.mostInside = max(state.mostInside, state.inside)
            }
            body()
            state.withLock { $0.inside -= 1 }
        }
        var all: [[Int]] { state.withLock { $0.all } }
        var mostAtOnce: Int { state.withLock { $0.mostInside } }
    }

    let name = "scripted"
    let canClone = false
    var sampleRateHz = 200
    let samplesPerFrame = 4
    let framesPerToken = 2
    let lookaheadTokens = 3
    let stopToken = stop
    let forbiddenTokens: Range<Int32> = 6561..<6563
    var closingTokens: [Int32] = []
    var spillOverSamples = 0
    let maxTokensPerPiece = 450

    let alignmentOffset = 0
    let alignmentTuning = AlignmentMonitor.Tuning.phonemes

    func pieces(of request: SpeechRequest) throws -> AnyIterator<TextPiece> {
        let locatingWords = request.includeTimestamps
        var pieces = request.input.split(separator: "|").enumerated().map(\.self)[...]
        return AnyIterator {
            pieces.popFirst().map { index, text in
                TextPiece(
                    text: String(text), tokens: [Int32(text.filter(\.isNumber)) ?? 0],
                    words: locatingWords ? [Int?](repeating: index, count: Self.textLength) : [])
            }
        }
    }

    /// Each piece is one.
    func words(of text: String) -> [String] { text.split(separator: "|").map(String.init) }

    func voice(_ name: String) -> String? { name == "alloy" ? name : nil }

    func voice(of recording: Data) throws -> String { throw SpeechEngineError.cloningUnsupported(model: name) }

    func sampler(for request: SpeechRequest, seed: UInt64) -> TokenSampler { TokenSampler(temperature: 0, seed: seed) }

    func prefill(_ piece: [Int32], voice: String, request: SpeechRequest) throws -> Decoding {
        var decoding = Decoding(tokens: Int(piece[0]))
        ready(&decoding)
        return decoding
    }

    func step(_ tokens: [Int32], _ decodings: inout [Decoding]) throws {
        passes.run(decodings.map(\.tokens)) {
            for index in decodings.indices {
                steps.add()
                decodings[index].step += 1
                ready(&decodings[index])
            }
        }
    }

    private func ready(_ decoding: inout Decoding) {
        let (position, token) = script(decoding.step, decoding.tokens)
        decoding.logits = [Float](repeating: -9, count: 6563)
        decoding.logits[Int(token ?? Self.stop)] = 1
        // what follows if the stop token is forbidden
        if token == nil { decoding.logits[7 + decoding.step % 2] = 0 }
        decoding.alignment = (0..<Self.textLength).map { $0 == position ? 0.9 : 0.1 / Float(Self.textLength) }
    }

    func mel(
        tokens: [Int32], context: Int, firstToken: Int, voice: String, seed: UInt64, finalize: Bool,
        checkpoint: () throws -> Void
    ) throws -> Tensor {
        try checkpoint()
        let known = tokens.count - (finalize ? 0 : lookaheadTokens)
        let frames = max(0, known - context) * framesPerToken
        let first = (firstToken + context) * framesPerToken
        return try Tensor(
            (0..<80).flatMap { _ in (0..<frames).map { Float(first + $0 + 1) / 10000 } }, shape: [1, 80, frames])
    }

    func vocoderState(seed: UInt64) -> VocoderState { VocoderState() }

    /// Holds two frames back, as a vocoder with lookahead does.
    func vocode(_ mel: Tensor, _ state: inout VocoderState) throws -> [Float] {
        let frames = mel.shape[2]
        let all = state.held + Array(mel.values.prefix(frames))
        state.held = Array(all.suffix(2))
        return all.dropLast(2).flatMap { [Float](repeating: $0, count: samplesPerFrame) }
    }

    func flush(_ state: inout VocoderState) throws -> [Float] {
        state.held.flatMap { [Float](repeating: $0, count: samplesPerFrame) }
    }
}

/// Runs an utterance to its end on this thread.
func spoken<Model: SpeechModel>(
    _ model: Model, _ request: SpeechRequest, seed: UInt64 = 1
) throws -> (chunks: [[Float]], reason: SpeechSummary.EndReason, tokens: Int) {
    var utterance = try Utterance(model: model, request: request, voiceName: "alloy", voices: ["alloy"], seed: seed)
    var chunks: [[Float]] = []
    for _ in 0..<100_000 {
        switch try utterance.advance(checkpoint: {}) {
        case .more: break
        case .chunk(let samples): if !samples.isEmpty { chunks.append(samples) }
        case .finished(let reason): return (chunks, reason, utterance.tokenCount)
        }
    }
    throw SpeechEngineError.cancelled
}
