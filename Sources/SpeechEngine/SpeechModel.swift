import Chatterbox
import Foundation
import Tensors

/// What the engine asks of a model: text to pieces, tokens one by one, tokens to mel, mel to samples. `ChatterboxModel`
/// is the one there is; tests of the scheduling use a scripted one.
package protocol SpeechModel: Sendable {
    associatedtype Decoding: SpokenTokens
    associatedtype Voice: Sendable
    associatedtype VocoderState: Sendable
    var name: String { get }
    var sampleRateHz: Int { get }
    var samplesPerFrame: Int { get }
    var framesPerToken: Int { get }
    /// Tokens at the end of what S3Gen has that are only looked at, until the end.
    var lookaheadTokens: Int { get }
    var stopToken: Int32 { get }
    /// Tokens that are no speech and never drawn, beside the stop token.
    var forbiddenTokens: Range<Int32> { get }
    /// Tokens that S3Gen gets after a piece's last one.
    var closingTokens: [Int32] { get }
    /// Samples at the very start that are silenced, and as many behind them that are faded in, because a voice's
    /// recording sounds into them; 0 for none.
    var spillOverSamples: Int { get }
    /// Tokens that T3 has positions for in one piece.
    var maxTokensPerPiece: Int { get }
    /// Pieces of a request's text, each made as it is asked for, with the words that its tokens speak if the request wants
    /// timestamps.
    /// - Throws: `SpeechEngineError.unknownLanguage`, `.unreadableText`.
    func pieces(of request: SpeechRequest) throws -> AnyIterator<TextPiece>
    /// The words of a text that pieces refer to.
    func words(of text: String) -> [String]
    /// Positions that alignment has in front of a piece's own tokens.
    var alignmentOffset: Int { get }
    /// What the monitor may take for healthy speech.
    var alignmentTuning: AlignmentMonitor.Tuning { get }
    func voice(_ name: String) -> Voice?
    /// Whether voices can be made of recordings.
    var canClone: Bool { get }
    /// The voice of a recording, a media file; may take seconds.
    func voice(of recording: Data) throws -> Voice
    func sampler(for request: SpeechRequest, seed: UInt64) -> TokenSampler
    func prefill(_ piece: [Int32], voice: Voice, request: SpeechRequest) throws -> Decoding
    /// Feeds each of some pieces its token, all in one pass. What a piece gets doesn't depend on the others.
    func step(_ tokens: [Int32], _ decodings: inout [Decoding]) throws
    /// `[1, 80, frames]`: the frames after `context` tokens, without the lookahead's unless `finalize`.
    func mel(
        tokens: [Int32], context: Int, firstToken: Int, voice: Voice, seed: UInt64, finalize: Bool,
        checkpoint: () throws -> Void
    ) throws -> Tensor
    func vocoderState(seed: UInt64) -> VocoderState
    func vocode(_ mel: Tensor, _ state: inout VocoderState) throws -> [Float]
    func flush(_ state: inout VocoderState) throws -> [Float]
}

/// An utterance half way through T3.
package protocol SpokenTokens: Sendable {
    /// Of the next token.
    var logits: [Float] { get }
    /// The newest position's attention over the piece's text; empty if the model has no heads for it.
    var alignment: [Float] { get }
    /// Text that heads may read from now on, if the model has heads that can be told so; nil: all.
    var readable: Range<Int>? { get set }
}

extension T3State: SpokenTokens {}

/// `ChatterboxModel` with the text front end that belongs to it.
package struct ChatterboxSpeechModel: SpeechModel {
    package typealias VocoderState = Chatterbox.VocoderState

    package let model: ChatterboxModel
    package let text: TextFrontEnd
    /// Nil measures nothing.
    package var metrics: EngineMetrics?

    package init(model: ChatterboxModel, text: TextFrontEnd) {
        self.model = model
        self.text = text
    }

    private var t3: T3Configuration { model.configuration.t3 }
    package var name: String { model.configuration.name }
    package var sampleRateHz: Int { model.configuration.sampleRateHz }
    package var samplesPerFrame: Int { model.vocoder.samplesPerFrame }
    package var framesPerToken: Int { model.configuration.s3gen.tokenMelRatio }
    package var lookaheadTokens: Int { model.configuration.s3gen.preLookaheadLength }
    package var stopToken: Int32 { t3.stopSpeechToken }
    package var forbiddenTokens: Range<Int32> {
        Int32(model.configuration.s3gen.vocabularySize)..<Int32(t3.speechVocabularySize)
    }
    package var closingTokens: [Int32] { t3.closingTokens ?? [] }
    /// 20 ms with the reference's vocoder, as there.
    package var spillOverSamples: Int {
        if case .hift = model.configuration.vocoder { sampleRateHz / 50 } else { 0 }
    }
    package var maxTokensPerPiece: Int { model.t3.maxSteps }

    package func pieces(of request: SpeechRequest) throws -> AnyIterator<TextPiece> {
        do {
            try text.check(request.input, language: request.language)
        } catch .language(let language, let available) {
            throw SpeechEngineError.unknownLanguage(name: language, available: available)
        } catch {
            throw SpeechEngineError.unreadableText(reason: error.description)
        }
        return AnyIterator(
            text.pieces(
                of: request.input, language: request.language, normalizes: request.normalizeText,
                locatingWords: request.includeTimestamps))
    }

    package func words(of text: String) -> [String] { self.text.words(of: text) }

    package var alignmentOffset: Int { t3.startTextToken == nil ? 0 : 1 }

    package var alignmentTuning: AlignmentMonitor.Tuning {
        if case .phonemes = model.configuration.text { return .phonemes }
        return t3.backbone == .llama ? .reference : .calibrated
    }

    package func voice(_ name: String) -> VoiceConditionals? { model.voices[name] }

    package var canClone: Bool { model.clonedVoices != nil }

    package func voice(of recording: Data) throws -> VoiceConditionals {
        guard let voices = model.clonedVoices else {
            throw SpeechEngineError.cloningUnsupported(model: model.configuration.name)
        }
        return try timed(.voice) { try voices.voice(of: recording) }
    }

    package func sampler(for request: SpeechRequest, seed: UInt64) -> TokenSampler {
        let sampling = t3.sampling
        return TokenSampler(
            temperature: Float(request.temperature) * (sampling.temperatureScale ?? 1), topP: Float(request.topP),
            minP: sampling.minP, repetitionPenalty: sampling.repetitionPenalty,
            repetitionPenaltyLast: sampling.repetitionPenaltyLast ?? false, topK: sampling.topK ?? 0, seed: seed)
    }

    package func prefill(_ piece: [Int32], voice: VoiceConditionals, request: SpeechRequest) throws -> T3State {
        var conditionals = voice.t3
        conditionals.emotionAdv = Float(request.exaggeration)
        return try timed(.t3Prefill) {
            try model.t3.prefill(
                textTokens: t3.framed(piece), conditionals: conditionals, cfgWeight: Float(request.cfgWeight))
        }
    }

    package func step(_ tokens: [Int32], _ decodings: inout [T3State]) throws {
        try timed(.t3Token) { try model.t3.step(tokens, states: &decodings) }
    }

    package func mel(
        tokens: [Int32], context: Int, firstToken: Int, voice: VoiceConditionals, seed: UInt64, finalize: Bool,
        checkpoint: () throws -> Void
    ) throws -> Tensor {
        try timed(.s3gen) {
            try model.s3gen.mel(
                tokens: tokens, context: context, firstToken: firstToken, reference: voice.reference, seed: seed,
                finalize: finalize, checkpoint: checkpoint)
        }
    }

    package func vocoderState(seed: UInt64) -> VocoderState { model.vocoder.makeState(seed: seed) }

    package func vocode(_ mel: Tensor, _ state: inout VocoderState) throws -> [Float] {
        try timed(.vocoder) { try model.vocoder.step(mel, state: &state) }
    }

    package func flush(_ state: inout VocoderState) throws -> [Float] { try model.vocoder.flush(state: &state) }

    private func timed<Result>(_ stage: EngineMetrics.Stage, _ body: () throws -> Result) rethrows -> Result {
        try metrics?.time(stage, body) ?? body()
    }
}
