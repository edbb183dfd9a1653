import Checkpoints
import Tensors

/// Token-to-token: text to speech tokens, one at a time.
/// Source: resemble-ai/chatterbox models/t3/t3.py
public struct T3: Sendable {
    public let configuration: T3Configuration
    /// Speech positions that a new utterance's caches have room for.
    private static let speechRoom = 192
    /// Voices, each with an emotion, whose conditioning is remembered; what that takes is theirs until others come. At 4
    /// bytes a number a voice of nano takes 28 MB, of turbo 75 MB, of english and multilingual 16 MB, since caches have
    /// room for a multiple of 64 positions.
    private static let rememberedPrefixes = 4

    private let precision: Precision
    private let backbone: any DecoderStack
    private let condEnc: T3CondEnc
    private let textEmbedding: Embedding
    private let speechEmbedding: Embedding
    /// Of text and speech; GPT-2 models have none.
    private let textPositions: Embedding?
    private let speechPositions: Embedding?
    private let speechHead: Linear
    /// By layer.
    private let readingHeads: [[Int]]
    private let prefixes = RecentValues<T3Cond, DecoderState>(capacity: Self.rememberedPrefixes)

    /// Reads every weight and audits that none is left over.
    /// - Throws: `CheckpointError`, `TensorError`.
    public init(_ reader: WeightReader, configuration: T3Configuration, precision: Precision) throws {
        self.precision = precision
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
        self.readingHeads = configuration.byLayer(configuration.readingHeads ?? [])
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
    /// of the first speech token are ready afterwards. What the conditioning makes of the caches is remembered for the
    /// next text.
    /// - Parameters:
    ///   - textTokens: framed (`T3Configuration.framed`).
    ///   - cfgWeight: weight of classifier-free guidance; 0 does without it, and with half the work. GPT-2 models have
    ///     no guidance: they take it for 0.
    /// - Throws: `ChatterboxError.token`, `.tooLong`, `.input`.
    public func prefill(textTokens: [Int32], conditionals: T3Cond, cfgWeight: Float) throws -> T3State {
        let text = try text(textTokens, cfgWeight: cfgWeight)
        let (rows, count) = (text.shape[0], text.shape[1])
        let prefix = try prefix(conditionals)
        // Some seconds of speech: sessions are many and most requests short, and the caches grow if need be.
        var states = [
            T3State(
                decoder: try DecoderState(rows: rows, from: prefix, room: count + Self.speechRoom),
                cfgWeight: rows == 1 ? 0 : cfgWeight, text: prefix.length..<prefix.length + textTokens.count)
        ]
        try advance(text.reshaped([rows * count, -1]), count: count, states: &states, 0..<1)
        return states.removeLast()
    }

    /// The conditioning read in one row: all that precedes the text depends on nothing else, and is the same with and
    /// without guidance.
    private func prefix(_ conditionals: T3Cond) throws -> DecoderState {
        var key = conditionals
        if !configuration.emotionAdv { key.emotionAdv = 0 }
        return try prefixes.value(of: key) {
            let x = try cond(conditionals)
            let count = x.shape[1]
            var states = [
                DecoderState(rows: 1, configuration: configuration, room: count, precision: precision)
            ]
            _ = try backbone(x.reshaped([count, -1]), count: count, states: &states)
            return states.removeLast()
        }
    }

    /// What the backbone reads behind the conditioning: `[rows, n, D]`, the text first.
    package func text(_ textTokens: [Int32], cfgWeight: Float) throws -> Tensor {
        try check(textTokens, kind: "text", vocabularySize: configuration.textVocabularySize)
        guard textTokens.count <= maxTextTokens, !textTokens.isEmpty else {
            throw ChatterboxError.tooLong(what: "text tokens", count: textTokens.count, limit: maxTextTokens)
        }
        var text = try textEmbedding(textTokens)
        let positions = try textPositions?(positions(textTokens.count))
        if let positions { text = try text + positions }
        let start = try speech([configuration.startSpeechToken], positions: [0])
        let starts = configuration.backbone == .llama ? [start, start] : [start]
        // With guidance there is a second row, which knows the text's positions but not the text.
        let rows = cfgWeight == 0 ? [text] : [text, positions].compactMap(\.self)
        return try Tensor.concatenated(rows.flatMap { [$0] + starts }, axis: 0)
            .reshaped([rows.count, textTokens.count + starts.count, configuration.hiddenSize])
    }

    /// Speech tokens embedded, `[tokens.count, D]`.
    private func speech(_ tokens: [Int32], positions: [Int32]) throws -> Tensor {
        let embedded = try speechEmbedding(tokens)
        return try speechPositions.map { try embedded + $0(positions) } ?? embedded
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
        let prompt = try speech(tokens, positions: positions(tokens.count))
        return try condEnc(conditionals, prompt: prompt.reshaped([1, tokens.count, configuration.hiddenSize]))
    }

    /// Feeds one speech token: the logits of the next are ready afterwards.
    /// - Throws: `ChatterboxError.token`; `.tooLong` after `maxSteps` tokens.
    public func step(_ token: Int32, state: inout T3State) throws {
        var states = [state.take()]
        defer { state = states.removeLast() }
        try step([token], states: &states)
    }

    /// Feeds each state its speech token, in as few passes over the weights as can be. What a state gets doesn't depend
    /// on the others, to the bit.
    /// - Parameter states: as many as tokens.
    /// - Throws: `ChatterboxError.token`, `.tooLong` as for one; then no state has changed.
    public func step(_ tokens: [Int32], states: inout [T3State]) throws {
        precondition(tokens.count == states.count, "\(tokens.count) tokens for \(states.count) states")
        try check(tokens, kind: "speech", vocabularySize: configuration.speechVocabularySize)
        if let most = states.map(\.steps).max(), most >= maxSteps {
            throw ChatterboxError.tooLong(what: "speech tokens", count: most + 1, limit: maxSteps)
        }
        var start = 0
        while start < states.count {
            var (end, rows) = (start, 0)
            while end < states.count, end == start || rows + states[end].rows <= Linear.independentRows {
                rows += states[end].rows
                end += 1
            }
            let each = (start..<end).flatMap { [Int](repeating: $0, count: states[$0].rows) }
            let x = try speech(each.map { tokens[$0] }, positions: each.map { Int32(states[$0].steps + 1) })
            try advance(x, count: 1, states: &states, start..<end)
            for index in start..<end { states[index].steps += 1 }
            start = end
        }
    }

    /// Runs `count` more positions of some of the states.
    /// - Parameter x: `[N, D]`, the rows of these states.
    private func advance(_ x: Tensor, count: Int, states: inout [T3State], _ range: Range<Int>) throws {
        var decoders = range.map { index in
            var decoder = states[index].decoder.take()
            let hidden = states[index].unreadable
            decoder.hidden = hidden.isEmpty ? [] : readingHeads.map { HiddenPositions(heads: $0, positions: hidden) }
            return decoder
        }
        defer { for (index, decoder) in zip(range, decoders) { states[index].decoder = decoder } }
        let (hidden, attention) = try backbone(x, count: count, states: &decoders)
        let logits = try speechHead(hidden)
        let size = configuration.speechVocabularySize
        logits.withUnsafeBufferPointer { values in
            var row = 0
            for (index, attention) in zip(range, attention) {
                let (first, weight) = (row * size, states[index].cfgWeight)
                states[index].logits =
                    weight == 0
                    ? Array(values[first..<first + size])
                    : (first..<first + size).map { values[$0] + weight * (values[$0] - values[size + $0]) }
                states[index].headAlignments = attention.map { Array($0[states[index].text]) }
                row += states[index].rows
            }
        }
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
    /// Text tokens that the configuration's reading heads may attend to from now on, in the row with the text; nil: all.
    /// What they can't see is not spoken: so speech is kept from going back, or far ahead.
    public var readable: Range<Int>?
    var decoder: DecoderState
    let cfgWeight: Float
    /// Where the text is among the positions.
    let text: Range<Int>
    /// Two with guidance.
    package var rows: Int { decoder.rows }
    /// Positions read so far, and those of them from the text's first on.
    package var positions: Int { decoder.length }
    package var positionsFromText: Int { positions - text.lowerBound }

    init(decoder: DecoderState, cfgWeight: Float, text: Range<Int>) {
        self.decoder = decoder
        self.cfgWeight = cfgWeight
        self.text = text
    }

    /// The positions of all other text.
    var unreadable: [Range<Int>] {
        guard let readable else { return [] }
        let seen = readable.clamped(to: 0..<text.count)
        return [
            text.lowerBound..<text.lowerBound + seen.lowerBound, text.lowerBound + seen.upperBound..<text.upperBound,
        ]
    }

    /// The state, whose caches are no more here: so that it is the one copy, which is changed in place.
    mutating func take() -> T3State {
        let all = self
        _ = decoder.take()
        return all
    }
}
