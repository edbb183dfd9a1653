import Tensors

/// Text that is spoken in one go.
public struct TextPiece: Sendable, Equatable {
    /// The words, normalised.
    public let text: String
    /// Ids for the T3, without start and stop: `2 + i` for symbol `i`.
    public let tokens: [Int32]
    /// Characters that have no symbol and were left out; for diagnosis.
    public let droppedCharacters: Int
    /// For each token the index among `TextFrontEnd.words(of:)` of the word it speaks, never falling; nil where it
    /// speaks none. Empty unless asked for.
    public let words: [Int?]

    package init(text: String, tokens: [Int32], droppedCharacters: Int = 0, words: [Int?] = []) {
        self.text = text
        self.tokens = tokens
        self.droppedCharacters = droppedCharacters
        self.words = words
    }
}

/// Raw text to pieces of token ids: normaliser, segmentation, then phonemes (lexicon and G2P net) for the embedded voice,
/// or the tokenizer of an official model.
public struct TextFrontEnd: Sendable {
    /// The `text` section of config.json.
    public struct Configuration: Codable, Sendable, Equatable {
        /// "phonemes".
        public var type: String
        /// Phoneme symbols in the order of their ids.
        public var symbols: [String]
        public var g2p: G2PNet.Configuration

        public init(symbols: [String], g2p: G2PNet.Configuration) {
            type = "phonemes"
            self.symbols = symbols
            self.g2p = g2p
        }
    }

    /// First id of a symbol; 0 and 1 stop and start the text.
    static let firstSymbol = 2

    /// How a piece becomes ids.
    private enum Reading: Sendable {
        case phonemes(Phonemizer)
        case tokens(any TextTokenizer, PunctuationNormalizer)
    }

    private let reading: Reading
    /// Nil leaves English as it is written, as the reference does.
    private let normalizer: TextNormalizer?
    private let tags: TextTags
    private let splitter: SentenceSplitter
    private let maximumTokens: Int

    /// - Parameters:
    ///   - lexicon: a user's pronunciations, made with the same symbols.
    ///   - maximumTokens: most tokens in a piece; the T3's `max_text_tokens` less start and stop.
    ///   - weight: a tensor of the G2P file by key, with the shape it must have.
    /// - Throws: `TextError.configuration`, or what `weight` throws.
    public init(
        _ configuration: Configuration, lexicon: Lexicon = .empty, maximumTokens: Int = 398,
        precision: Precision = .float32, weight: (_ key: String, _ shape: [Int]) throws -> Tensor
    ) throws {
        guard configuration.type == "phonemes" else {
            throw TextError.configuration(problem: "unknown type '\(configuration.type)', expected 'phonemes'")
        }
        let net = try G2PNet(
            configuration.g2p, symbolCount: configuration.symbols.count, precision: precision, weight: weight)
        try self.init(symbols: configuration.symbols, lexicon: lexicon, maximumTokens: maximumTokens) { text in
            let letters = net.encode(text)
            do {
                return (try net.phonemes(letters.ids), letters.dropped)
            } catch {
                // Shapes were checked when the weights were read, and any ids of `encode` are valid.
                preconditionFailure("G2P: \(error)")
            }
        }
    }

    /// With any other way from letters to indices of symbols; for tests.
    package init(
        symbols: [String], lexicon: Lexicon = .empty, maximumTokens: Int = 398,
        phonemes: @escaping @Sendable (String) -> (symbols: [Int], dropped: Int)
    ) throws {
        guard !symbols.isEmpty, Set(symbols).count == symbols.count, !symbols.contains("") else {
            throw TextError.configuration(problem: "symbols are missing, empty or given twice")
        }
        guard maximumTokens > 0 else { throw TextError.configuration(problem: "no room for text tokens") }
        self.init(
            reading: .phonemes(Phonemizer(symbols: symbols, lexicon: lexicon, net: phonemes)),
            normalizer: TextNormalizer(), tags: [], maximumTokens: maximumTokens)
    }

    /// The front end of an official model.
    /// - Parameters:
    ///   - punctuation: the model's `punc_norm`, which each piece goes through.
    ///   - normalizes: whether numbers, dates and the like become words in English text. The reference has no such step.
    ///   - maximumTokens: most ids in a piece, less those that T3 adds.
    /// - Throws: `TextError.configuration`.
    public init(
        tokenizer: any TextTokenizer, punctuation: PunctuationNormalizer, normalizes: Bool = true, maximumTokens: Int
    ) throws(TextError) {
        guard maximumTokens > 0 else { throw .configuration(problem: "no room for text tokens") }
        self.init(
            reading: .tokens(tokenizer, punctuation), normalizer: normalizes ? TextNormalizer() : nil,
            tags: tokenizer.tags, maximumTokens: maximumTokens)
    }

    private init(reading: Reading, normalizer: TextNormalizer?, tags: [String], maximumTokens: Int) {
        self.reading = reading
        self.normalizer = normalizer
        self.tags = TextTags(tags)
        self.maximumTokens = maximumTokens
        var splitter = SentenceSplitter()
        // The voices that read phonemes learned single sentences: they miss twice as many words in two together, and
        // leave too short a pause between them.
        if case .phonemes = reading { splitter.mostSentences = 1 }
        self.splitter = splitter
    }

    /// The same front end with a user's pronunciations; nil if it reads letters, not phonemes.
    public func with(_ lexicon: Lexicon) -> TextFrontEnd? {
        guard case .phonemes(let phonemizer) = reading else { return nil }
        return TextFrontEnd(
            reading: .phonemes(phonemizer.with(lexicon)), normalizer: normalizer, tags: [],
            maximumTokens: maximumTokens)
    }

    /// Whether text becomes phonemes, not letters.
    public var readsPhonemes: Bool {
        if case .phonemes = reading { true } else { false }
    }

    /// Codes of the languages it reads.
    public var languages: [String] {
        switch reading {
        case .phonemes: ["en"]
        case .tokens(let tokenizer, _): tokenizer.languages
        }
    }

    /// - Parameter language: a tag such as `fr` or `pt-BR`; nil is English.
    /// - Throws: `TextError.language`, `.script`.
    public func check(_ text: String, language: String?) throws(TextError) {
        switch reading {
        case .phonemes:
            if let language, LanguageTag.primary(language) != "en" { throw .language(language, available: languages) }
        case .tokens(let tokenizer, _): try tokenizer.check(text, language: language)
        }
    }

    /// Pieces in order, each made when it is asked for, so that the first does not wait for the rest of the text.
    /// There are none if nothing in the text can be spoken.
    /// - Parameters:
    ///   - language: has passed `check` with the text.
    ///   - normalizes: false leaves numbers, dates and the like as they are written, for an official model to read; the
    ///     embedded voice knows no digits, and always has words made of them.
    ///   - locatingWords: whether the pieces say which words of the text their tokens speak.
    public func pieces(
        of text: String, language: String? = nil, normalizes: Bool = true, locatingWords: Bool = false
    ) -> Pieces {
        Pieces(
            frontEnd: self, text: text, language: language, normalizes: normalizes || readsPhonemes,
            locatingWords: locatingWords)
    }

    /// The words of a text as they are written: runs of anything but white space, with a letter or a digit in each.
    public func words(of text: String) -> [String] {
        WrittenWords(of: tags.held(text), blocks: blocks(of: "", language: nil, normalizes: true)).words
    }

    private func blocks(of text: String, language: String?, normalizes: Bool) -> SpokenBlocks {
        SpokenBlocks(
            blocks: RawBlocks(tags.held(text)),
            normalizer: normalizes && LanguageTag.primary(language) == "en" ? normalizer : nil, tags: tags)
    }

    public struct Pieces: Sequence, IteratorProtocol {
        private let frontEnd: TextFrontEnd
        private let language: String?
        private var texts: SentenceSplitter.Pieces<SpokenBlocks>
        private var written: WrittenWords?
        private var ready: ArraySlice<TextPiece> = []

        fileprivate init(
            frontEnd: TextFrontEnd, text: String, language: String?, normalizes: Bool, locatingWords: Bool
        ) {
            self.frontEnd = frontEnd
            self.language = language
            let blocks = frontEnd.blocks(of: text, language: language, normalizes: normalizes)
            texts = frontEnd.splitter.pieces(ofParts: blocks)
            if locatingWords { written = WrittenWords(of: frontEnd.tags.held(text), blocks: blocks) }
        }

        public mutating func next() -> TextPiece? {
            while ready.isEmpty {
                guard let text = texts.next() else { return nil }
                let owners = written?.owners(next: text.letterCount)
                ready = frontEnd.pieces(of: text, language, limit: frontEnd.splitter.limit, owners: owners)[...]
            }
            return ready.removeFirst()
        }
    }

    /// One piece, or more if its ids are too many for the T3.
    /// - Parameter owners: the written word of each letter; nil if nobody asked.
    private func pieces(of text: String, _ language: String?, limit: Int, owners: [Int]?) -> [TextPiece] {
        let (tokens, letters, dropped) = tokens(of: text, language, locating: owners != nil)
        guard !tokens.isEmpty else { return [] }
        if tokens.count > maximumTokens {
            let parts = SentenceSplitter(limit: limit / 2).fitting(text[...])
            if parts.count > 1, limit > 8 {
                var rest = owners?[...]
                return parts.flatMap { part -> [TextPiece] in
                    let own = rest?.prefix(part.letterCount)
                    rest = rest?.dropFirst(part.letterCount)
                    return pieces(of: String(part), language, limit: limit / 2, owners: own.map(Array.init))
                }
            }
        }
        let words = owners.map { owners in
            letters.map { letter in letter.flatMap { owners.isEmpty ? nil : owners[min($0, owners.count - 1)] } }
        }
        // a single word that long is a user's lexicon entry at best
        return stride(from: 0, to: tokens.count, by: maximumTokens).map { start in
            let range = start..<min(start + maximumTokens, tokens.count)
            return TextPiece(
                text: start == 0 ? text : "", tokens: Array(tokens[range]), droppedCharacters: start == 0 ? dropped : 0,
                words: words.map { Array($0[range]) } ?? [])
        }
    }

    /// - Returns: the ids, and for each a letter of its word if `locating`.
    private func tokens(
        of text: String, _ language: String?, locating: Bool
    ) -> (ids: [Int32], letters: [Int?], dropped: Int) {
        switch reading {
        case .phonemes(let phonemizer):
            let spoken = phonemizer.phonemes(for: text)
            return (spoken.symbols.map { Int32($0 + Self.firstSymbol) }, spoken.letters, spoken.dropped)
        case .tokens(let tokenizer, let punctuation):
            let written = punctuation.normalize(TextTags.released(text))
            let ids = tokenizer.encode(written, language: language)
            return (ids, locating ? letters(of: ids.count, written, tokenizer, language) : [], 0)
        }
    }

    /// No token crosses the end of a word, so a text up to there has the first of the tokens.
    private func letters(
        of count: Int, _ text: String, _ tokenizer: any TextTokenizer, _ language: String?
    ) -> [Int?] {
        var letters: [Int?] = []
        var place = 0
        for word in text.split(separator: " ") {
            let end =
                word.endIndex == text.endIndex
                ? count : tokenizer.encode(String(text[..<word.endIndex]), language: language).count
            let added = max(0, min(end, count) - letters.count)
            letters += [Int?](repeating: word.letterCount > 0 ? place : nil, count: added)
            place += word.letterCount
        }
        return letters + [Int?](repeating: nil, count: count - letters.count)
    }
}
