/// Blocks of a text as they are to be spoken, made as they are asked for. Empty where nothing can be spoken.
struct SpokenBlocks: Sequence, IteratorProtocol {
    var blocks: RawBlocks
    /// Nil leaves the text as it is written.
    let normalizer: TextNormalizer?
    let tags: TextTags

    mutating func next() -> String? { nextBlock()?.spoken }

    /// The next block as it is written and as it is spoken.
    mutating func nextBlock() -> (written: RawBlock, spoken: String)? {
        blocks.next().map { ($0, spoken($0)) }
    }

    func spoken(_ block: RawBlock) -> String {
        if tags.isEmpty, let normalizer { return normalizer.normalize(block) }
        let parts = tags.split(block.text)
        var canBeSpoken = false
        var texts: [String] = []
        for (index, part) in parts.enumerated() {
            switch part {
            case .tag(let tag):
                canBeSpoken = true
                texts.append(tag)
            case .text(let text):
                guard text.contains(where: { $0.isLetter || $0.isNumber }) else {
                    texts.append(normalizer == nil ? text : "")
                    continue
                }
                canBeSpoken = true
                let isLast = index == parts.count - 1
                let raw = RawBlock(text: text, endsParagraph: isLast && block.endsParagraph)
                texts.append(normalizer?.normalize(raw) ?? text)
            }
        }
        guard canBeSpoken else { return "" }
        if normalizer == nil { return texts.joined() }
        return texts.filter { !$0.isEmpty }.joined(separator: " ")
    }
}

/// Tags such as `[laugh]` in a text, which the normaliser must not read. Their spaces are held, so that nothing cuts them.
struct TextTags: Sendable {
    enum Part {
        case text(String)
        case tag(String)
    }

    private let spaced: [[Unicode.Scalar]]
    private let names: [String]
    private let tokens: AddedTokens

    init(_ names: [String]) {
        spaced = names.map { Array($0.unicodeScalars) }.filter { $0.contains(" ") }
        let held = names.map { Self.held(Array($0.unicodeScalars)) }
        self.names = held.map { String(scalars: $0) }
        tokens = AddedTokens(held.enumerated().map { AddedTokens.Token(content: $1, id: Int32($0)) })
    }

    var isEmpty: Bool { names.isEmpty }

    /// The text with the spaces of its tags held.
    func held(_ text: String) -> String {
        if spaced.isEmpty { return text }
        return String(
            scalars: spaced.reduce(Array(text.unicodeScalars)) { PythonText.replace($0, $1, Self.held($1)) })
    }

    /// The parts of a text that went through `held`.
    func split(_ text: String) -> [Part] {
        tokens.split(Array(text.unicodeScalars)[...]).map { part in
            switch part {
            case .text(let scalars): .text(String(scalars: scalars))
            case .token(let index): .tag(names[Int(index)])
            }
        }
    }

    /// A private code point; normalised text has none, and in raw text it is read as a space.
    private static let heldSpace: Unicode.Scalar = "\u{F8F0}"

    private static func held(_ tag: [Unicode.Scalar]) -> [Unicode.Scalar] { tag.map { $0 == " " ? heldSpace : $0 } }

    static func released(_ text: String) -> String {
        String(scalars: text.unicodeScalars.map { $0 == heldSpace ? " " : $0 })
    }
}
