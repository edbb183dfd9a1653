import Tensors

/// Text that is spoken in one go.
public struct TextPiece: Sendable, Equatable {
    /// The words, normalised.
    public let text: String
    /// Ids for the T3, without start and stop: `2 + i` for symbol `i`.
    public let tokens: [Int32]
    /// Characters that have no symbol and were left out; for diagnosis.
    public let droppedCharacters: Int
}

/// Raw text to pieces of token ids: normaliser, segmentation, lexicon and G2P net.
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

    private let phonemizer: Phonemizer
    private let normalizer = TextNormalizer()
    private let splitter = SentenceSplitter()
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
        phonemizer = Phonemizer(symbols: symbols, lexicon: lexicon, net: phonemes)
        self.maximumTokens = maximumTokens
    }

    /// The same front end with a user's pronunciations.
    public func with(_ lexicon: Lexicon) -> TextFrontEnd {
        TextFrontEnd(phonemizer: phonemizer.with(lexicon), maximumTokens: maximumTokens)
    }

    private init(phonemizer: Phonemizer, maximumTokens: Int) {
        self.phonemizer = phonemizer
        self.maximumTokens = maximumTokens
    }

    /// Pieces in order, each made when it is asked for, so that the first does not wait for the rest of the text.
    /// There are none if nothing in the text can be spoken.
    public func pieces(of text: String) -> Pieces { Pieces(frontEnd: self, text: text) }

    public struct Pieces: Sequence, IteratorProtocol {
        private let frontEnd: TextFrontEnd
        private var texts: SentenceSplitter.Pieces<NormalizedBlocks>
        private var ready: ArraySlice<TextPiece> = []

        fileprivate init(frontEnd: TextFrontEnd, text: String) {
            self.frontEnd = frontEnd
            texts = frontEnd.splitter.pieces(
                ofParts: NormalizedBlocks(blocks: RawBlocks(text), normalizer: frontEnd.normalizer))
        }

        public mutating func next() -> TextPiece? {
            while ready.isEmpty {
                guard let text = texts.next() else { return nil }
                ready = frontEnd.tokenized(text, limit: frontEnd.splitter.limit)[...]
            }
            return ready.removeFirst()
        }
    }

    /// One piece, or more if its phonemes are too many for the T3.
    private func tokenized(_ text: String, limit: Int) -> [TextPiece] {
        let spoken = phonemizer.phonemes(for: text)
        guard !spoken.symbols.isEmpty else { return [] }
        if spoken.symbols.count > maximumTokens {
            let parts = SentenceSplitter(limit: limit / 2).fitting(text[...])
            if parts.count > 1, limit > 8 { return parts.flatMap { tokenized(String($0), limit: limit / 2) } }
        }
        // a single word that long is a user's lexicon entry at best
        return stride(from: 0, to: spoken.symbols.count, by: maximumTokens).map { start in
            let symbols = spoken.symbols[start..<min(start + maximumTokens, spoken.symbols.count)]
            return TextPiece(
                text: start == 0 ? text : "", tokens: symbols.map { Int32($0 + Self.firstSymbol) },
                droppedCharacters: start == 0 ? spoken.dropped : 0)
        }
    }
}

/// Blocks of a text, normalised as they are asked for.
struct NormalizedBlocks: Sequence, IteratorProtocol {
    var blocks: RawBlocks
    let normalizer: TextNormalizer

    mutating func next() -> String? { blocks.next().map(normalizer.normalize) }
}
