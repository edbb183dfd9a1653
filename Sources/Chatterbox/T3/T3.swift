import Checkpoints
import Tensors

/// Token-to-token: text to speech tokens, one at a time.
/// Source: resemble-ai/chatterbox models/t3/t3.py
public struct T3: Sendable {
    public let configuration: T3Configuration
    /// Speech positions that a new utterance's caches have room for.
    private static let speechRoom = 192

    private let backbone: any DecoderStack
    private let condEnc: T3CondEnc
    private let textEmbedding: Embedding
    private let speechEmbedding: Embedding
    /// Of text and speech; GPT-2 models have none.
    private let textPositions: Embedding?
    private let speechPositions: Embedding?
    private let speechHead: Linear

    /// Reads every weight and audits that none is left over.
    /// - Throws: `CheckpointError`, `TensorError`.
    public init(_ reader: WeightReader, configuration: T3Configuration, precision: Precision) throws {
        let layers = LayerReader(reader: reader, precision: precision)
        let hidden = configuration.hiddenSize
        self.configuration = configuration
        switch configuration.backbone {
        case .llama:
            let prompt = configuration.usePerceiverResampler ? Perceiver.queryCount : configuration.maxSpeechTokens + 4
            self.backbone = try LlamaModel(
                layers.scope("tfmr"), configuration: configuration,
                positions: 2 + prompt + configuration.maxTextTokens + 2 + 1 + configuration.maxSpeechTokens + 4)
            self.textPositions = try layers.embedding("text_pos_emb.emb", configuration.maxTextTokens + 2, hidden)
            self.speechPositions = try layers.embedding("speech_pos_emb.emb", configuration.maxSpeechTokens + 4, hidden)
        case .gpt2:
            self.backbone = try GPT2Model(layers.scope("tfmr"), configuration: configuration)
            self.textPositions = nil
            self.speechPositions = nil
        }
        self.condEnc = try T3CondEnc(layers.scope("cond_enc"), configuration: configuration)
        self.textEmbedding = try layers.embedding("text_emb", configuration.textVocabularySize, hidden)
        self.speechEmbedding = try layers.embedding("speech_emb", configuration.speechVocabularySize, hidden)
        self.speechHead = try layers.linear(
            "speech_head", hidden, configuration.speechVocabularySize, bias: configuration.backbone == .gpt2)
        try reader.finish(ignoring: [
            configuration.backbone == .gpt2 ? "tfmr.wte.weight" : "tfmr.embed_tokens.weight":
                "the backbone gets embeddings, never token ids",
            "text_head.weight": "predicts text, which only training does",
        ])
    }

    /// RoPE's radians per position, for parity tests.
    package var inverseFrequencies: [Float] { (backbone as? LlamaModel)?.rotary.inverseFrequencies ?? [] }

    /// Speech tokens that can be fed after `prefill`; there are no positions for more.
    public var maxSteps: Int { configuration.maxSpeechTokens + (configuration.backbone == .llama ? 3 : 0) }

    /// Most text tokens, start and stop token included.
    private var maxTextTokens: Int { textPositions?.vocabulary ?? configuration.maxTextTokens }

    /// Reads conditioning, text and the start of speech (twice with a Llama backbone, as the reference does): the logits
    /// of the first speech token are ready afterwards.
    /// - Parameters:
    ///   - textTokens: framed (`T3Configuration.framed`).
    ///   - cfgWeight: weight of classifier-free guidance; 0 does without it, and with half the work. GPT-2 models have
    ///     no guidance: they take it for 0.
    /// - Throws: `ChatterboxError.token`, `.tooLong`, `.input`.
    public func prefill(textTokens: [Int32], conditionals: T3Cond, cfgWeight: Float) throws -> T3State {
        let (embeds, textStart) = try embeds(textTokens: textTokens, conditionals: conditionals, cfgWeight: cfgWeight)
        // Some seconds of speech: sessions are many and most requests short, and the caches grow if need be.
        let caches = (0..<configuration.layerCount).map { _ in
            KeyValueCache(
                batch: embeds.shape[0], heads: configuration.headCount, headWidth: configuration.headDim,
                capacity: embeds.shape[1] + Self.speechRoom)
        }
        let guidance = embeds.shape[0] == 1 ? 0 : cfgWeight
        var state = T3State(caches: caches, cfgWeight: guidance, text: textStart..<textStart + textTokens.count)
        try advance(embeds, state: &state)
        return state
    }

    /// What the backbone reads at first: `[rows, n, D]`, and where the text starts in it.
    package func embeds(
        textTokens: [Int32], conditionals: T3Cond, cfgWeight: Float
    ) throws -> (Tensor, textStart: Int) {
        try check(textTokens, kind: "text", vocabularySize: configuration.textVocabularySize)
        guard textTokens.count <= maxTextTokens, !textTokens.isEmpty else {
            throw ChatterboxError.tooLong(what: "text tokens", count: textTokens.count, limit: maxTextTokens)
        }
        let cond = try cond(conditionals)
        var text = try textEmbedding(textTokens)
        let positions = try textPositions?(positions(textTokens.count))
        if let positions { text = try text + positions }
        let start = try speech(configuration.startSpeechToken, position: 0)
        func row(_ text: Tensor) throws -> Tensor {
            let starts = configuration.backbone == .llama ? [start, start] : [start]
            return try Tensor.concatenated(
                [cond.reshaped([cond.shape[1], cond.shape[2]]), text] + starts, axis: 0)
        }
        // With guidance there is a second row, which knows the text's positions but not the text.
        var rows = [try row(text)]
        if cfgWeight != 0, let positions { rows.append(try row(positions)) }
        let length = rows[0].shape[0]
        return (
            try Tensor.concatenated(rows, axis: 0).reshaped([rows.count, length, configuration.hiddenSize]),
            cond.shape[1]
        )
    }

    /// One speech token embedded, `[1, D]`.
    private func speech(_ token: Int32, position: Int) throws -> Tensor {
        let embedded = try speechEmbedding([token])
        return try speechPositions.map { try embedded + $0([Int32(position)]) } ?? embedded
    }

    /// The conditioning's positions, `[1, n, D]`.
    package func cond(_ conditionals: T3Cond) throws -> Tensor {
        let tokens = conditionals.promptSpeechTokens
        try check(tokens, kind: "prompt speech", vocabularySize: configuration.speechVocabularySize)
        let limit = speechPositions?.vocabulary ?? configuration.speechCondPromptLength
        guard tokens.count <= limit else {
            throw ChatterboxError.tooLong(what: "prompt speech tokens", count: tokens.count, limit: limit)
        }
        guard !tokens.isEmpty else { return try condEnc(conditionals, prompt: nil) }
        var prompt = try speechEmbedding(tokens)
        if let speechPositions { prompt = try prompt + speechPositions(positions(tokens.count)) }
        return try condEnc(conditionals, prompt: prompt.reshaped([1, tokens.count, configuration.hiddenSize]))
    }

    /// Feeds one speech token: the logits of the next are ready afterwards.
    /// - Throws: `ChatterboxError.token`; `.tooLong` after `maxSteps` tokens.
    public func step(_ token: Int32, state: inout T3State) throws {
        try check([token], kind: "speech", vocabularySize: configuration.speechVocabularySize)
        guard state.steps < maxSteps else {
            throw ChatterboxError.tooLong(what: "speech tokens", count: state.steps + 1, limit: maxSteps)
        }
        let embedded = try speech(token, position: state.steps + 1)
        let rows = state.cfgWeight == 0 ? 1 : 2
        let x = try rows == 1 ? embedded : Tensor.concatenated([embedded, embedded], axis: 0)
        try advance(x.reshaped([rows, 1, configuration.hiddenSize]), state: &state)
        state.steps += 1
    }

    private func advance(_ x: Tensor, state: inout T3State) throws {
        let (hidden, attention) = try backbone(x, caches: &state.caches)
        let logits = try speechHead(hidden)
        let size = configuration.speechVocabularySize
        let weight = state.cfgWeight
        state.logits = logits.withUnsafeBufferPointer { values in
            guard weight != 0 else { return Array(values) }
            return (0..<size).map { values[$0] + weight * (values[$0] - values[size + $0]) }
        }
        state.headAlignments = attention.map { Array($0[state.text]) }
    }

    private func positions(_ count: Int) -> [Int32] { (0..<Int32(count)).map { $0 } }

    private func check(_ tokens: [Int32], kind: String, vocabularySize: Int) throws {
        for token in tokens where token < 0 || Int(token) >= vocabularySize {
            throw ChatterboxError.token(kind: kind, id: token, vocabularySize: vocabularySize)
        }
    }
}

/// One utterance on its way through T3. A value: copying it forks the utterance.
public struct T3State: Sendable {
    /// Logits of the next speech token after guidance, one for each of the vocabulary.
    public internal(set) var logits: [Float] = []
    /// The newest position's attention over the text tokens, mean of the configured heads, row with the text. Empty if
    /// the configuration names no heads.
    public var alignment: [Float] {
        guard let first = headAlignments.first else { return [] }
        let share = 1 / Float(headAlignments.count)
        return first.indices.map { position in headAlignments.reduce(0) { $0 + $1[position] * share } }
    }
    /// The same of each head, from the first layer to the last.
    public internal(set) var headAlignments: [[Float]] = []
    /// Speech tokens fed so far.
    public internal(set) var steps = 0
    var caches: [KeyValueCache]
    let cfgWeight: Float
    /// Where the text is among the positions.
    let text: Range<Int>

    init(caches: [KeyValueCache], cfgWeight: Float, text: Range<Int>) {
        self.caches = caches
        self.cfgWeight = cfgWeight
        self.text = text
    }
}
