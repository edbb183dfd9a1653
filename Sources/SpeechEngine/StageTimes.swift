import Chatterbox
import Foundation
import Tensors

/// How long each stage of a model takes by itself, on all the cores it may have: what the time of a chunk is made of.
public struct StageTimes: Sendable, Encodable {
    /// One stage over the rounds, in seconds.
    public struct Stage: Sendable, Encodable, Equatable {
        public var name: String
        public var median: Double
        public var least: Double
        public var most: Double

        /// - Parameter seconds: of each round; not empty.
        package init(_ name: String, seconds: [Double]) {
            let sorted = seconds.sorted()
            let middle = sorted.count / 2
            self.name = name
            median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
            (least, most) = (sorted[0], sorted[sorted.count - 1])
        }
    }

    /// What is measured.
    public struct Setting: Sendable, Encodable {
        /// Speech tokens of a chunk.
        public var chunkSize: Int
        /// Tokens in front of a later chunk that S3Gen hears again.
        public var contextWindow: Int
        /// Of every stage; T3's tokens are measured 8 times as often.
        public var rounds: Int
        /// Sessions in a shared pass of T3.
        public var sessions: Int

        public init(chunkSize: Int = 25, contextWindow: Int = 50, rounds: Int = 5, sessions: Int = 8) {
            (self.chunkSize, self.contextWindow) = (chunkSize, contextWindow)
            (self.rounds, self.sessions) = (rounds, sessions)
        }
    }

    public var model: String
    public var precision: String
    public var threads: Int
    public var setting: Setting
    /// T3's positions after its prefill; how many of them are the text with what follows it; and its rows: 2 with guidance.
    public var positions: Int
    public var textPositions: Int
    public var rows: Int
    /// Tokens of the recording that S3Gen hears before every chunk.
    public var promptTokens: Int
    /// Tokens that S3Gen only looks at.
    public var lookaheadTokens: Int
    /// Passes of the flow's decoder in a chunk, those for guidance counted.
    public var flowPasses: Int
    public var stages: [Stage] = []

    public static let text = "The river was so clear that we could see the stones, and nobody wanted to go home at all."

    /// Loads the model and measures; takes about `rounds` times what two chunks take.
    /// - Throws: what loading throws; `ChatterboxError` if there is no such chunk.
    public init(configuration: SpeechEngine.Configuration, setting: Setting = Setting()) throws {
        Cores.count = max(Cores.count, configuration.threads)
        let model = try ChatterboxModel.load(
            folder: configuration.modelFolder, precision: configuration.precision, selection: configuration.selection)
        self = try Cores.working {
            try StageTimes(model: ChatterboxSpeechModel(model: model, text: model.text), setting: setting)
        }
        precision = configuration.precision.rawValue
        threads = configuration.threads
    }

    /// The same of a model that is loaded, on this thread and the cores that are idle.
    package init(model: ChatterboxSpeechModel, setting: Setting) throws {
        let parts = model.model
        let voice = try parts.voice(parts.configuration.voices.default)
        let request = SpeechRequest(
            input: Self.text, chunkSize: setting.chunkSize, contextWindow: setting.contextWindow)
        guard let piece = try model.pieces(of: request).next() else { throw SpeechEngineError.emptyText }
        let state = try model.prefill(piece.tokens, voice: voice, request: request)

        self.model = model.name
        (precision, threads, self.setting) = ("", Cores.count, setting)
        (positions, rows) = (state.positions, state.rows)
        textPositions = state.positionsFromText
        promptTokens = voice.reference.promptToken.count
        lookaheadTokens = model.lookaheadTokens
        let decoder = parts.configuration.s3gen.decoder
        flowPasses = decoder.stepCount * (decoder.cfgRate == 0 ? 1 : 2)

        try measureT3(model, piece: piece.tokens, voice: voice, request: request, state: state)
        try measureSound(model, voice: voice)
    }

    private mutating func measureT3(
        _ model: ChatterboxSpeechModel, piece: [Int32], voice: VoiceConditionals, request: SpeechRequest, state: T3State
    ) throws {
        stages.append(
            try time("t3_prefill_new_voice") { round in
                var conditionals = voice.t3
                // A voice of its own, for T3 remembers what it has read of the last ones.
                conditionals.speakerEmb = conditionals.speakerEmb * (1 + 1e-3 * Float(round))
                let other = VoiceConditionals(name: "", t3: conditionals, reference: voice.reference)
                _ = try model.prefill(piece, voice: other, request: request)
            })
        _ = try model.prefill(piece, voice: voice, request: request)
        stages.append(try time("t3_prefill") { _ in _ = try model.prefill(piece, voice: voice, request: request) })

        func token(_ index: Int) -> Int32 {
            Int32((index * 2_654_435) % model.model.configuration.s3gen.vocabularySize)
        }
        var states = [state]
        stages.append(try time("t3_token", often: 8) { try model.step([token($0)], &states) })
        states = [T3State](repeating: state, count: setting.sessions)
        stages.append(
            try time("t3_token_of_sessions", often: 8) { round in
                try model.step((0..<states.count).map { token(round + $0) }, &states)
            })
        var sampler = model.sampler(for: request, seed: 1)
        let history = (0..<50).map(token)
        stages.append(
            try time("sampling", often: 8) { _ in _ = sampler.sample(logits: state.logits, history: history) })
    }

    private mutating func measureSound(_ model: ChatterboxSpeechModel, voice: VoiceConditionals) throws {
        let (chunk, context) = (setting.chunkSize, setting.contextWindow)
        let vocabulary = model.model.configuration.s3gen.vocabularySize
        // What streaming hears again of the chunk before: its lookahead, and the frames that are blended at the join.
        let held = model.lookaheadTokens + 1
        let tokens = (0..<context + held + chunk).map { Int32(($0 * 7919) % vocabulary) }
        func mel(_ count: Int, context: Int) throws -> Tensor {
            try model.mel(
                tokens: Array(tokens[..<count]), context: context, firstToken: 0, voice: voice, seed: 1,
                finalize: false,
                checkpoint: {})
        }
        stages.append(try time("s3gen_first_chunk") { _ in _ = try mel(chunk, context: 0) })
        stages.append(try time("s3gen_later_chunk") { _ in _ = try mel(tokens.count, context: context) })
        let later = try mel(tokens.count, context: context)
            .sliced(axis: 2, from: 0, to: chunk * model.framesPerToken)
        var vocoder = model.vocoderState(seed: 1)
        _ = try model.vocode(later, &vocoder)
        stages.append(
            try time("vocoder_chunk") { _ in
                var state = vocoder
                _ = try model.vocode(later, &state)
            })
    }

    /// - Parameters:
    ///   - often: so many times the rounds, after one that doesn't count.
    ///   - body: gets the number of the round.
    private func time(_ name: String, often: Int = 1, _ body: (Int) throws -> Void) throws -> Stage {
        try body(0)
        let seconds = try (1...setting.rounds * often).map { round in
            let duration = try ContinuousClock().measure { try body(round) }
            return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
        }
        return Stage(name, seconds: seconds)
    }
}
