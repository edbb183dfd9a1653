/// English text to words as an American reader would say them.
///
/// The result holds only letters, spaces, apostrophes, hyphens and `, . ! ? ; :`; numbers, dates, money, units,
/// abbreviations, addresses, symbols and other scripts have become words. Acronyms that are spelled are capital letters
/// with spaces between: "F B I". Normalising a result again changes nothing. The work grows linearly with the text.
public struct TextNormalizer: Sendable {
    public init() {}

    /// The whole text at once. What needs its beginning early takes it block by block, as `TextFrontEnd` does.
    public func normalize(_ text: String) -> String {
        var result = ""
        for block in RawBlocks(text) {
            let words = normalize(block)
            if words.isEmpty { continue }
            if !result.isEmpty { result += " " }
            result += words
        }
        return result
    }

    package func normalize(_ block: RawBlock) -> String {
        guard block.text.contains(where: { $0.isLetter || $0.isNumber }) else { return "" }
        var words = read(CharacterFolding.fold(block.text), ensuringEnd: block.endsParagraph)
        // Symbols that are gone may have hidden an abbreviation from its full stop: read again until nothing changes.
        for _ in 0..<Self.mostReadings {
            let again = read(Array(words.unicodeScalars), ensuringEnd: block.endsParagraph)
            if again == words { break }
            words = again
        }
        return words
    }

    private static let mostReadings = 4

    private func read(_ text: [Unicode.Scalar], ensuringEnd: Bool) -> String {
        var verbalizer = Verbalizer(tokens: Lexer.tokens(of: text))
        return verbalizer.run(ensuringEnd: ensuringEnd)
    }
}

/// Reads tokens from left to right. Each `read…` method says what its rule knows at the current place and moves on, or
/// returns false and leaves everything as it was. The methods live beside their subject: numbers, dates, money, ….
struct Verbalizer {
    let tokens: [Token]
    var at = 0
    var out = SpokenText()
    /// Most of the letters are capitals: words of capitals are then words, not acronyms.
    let isShouting: Bool
    var hasOpenQuote = false

    init(tokens: [Token]) {
        self.tokens = tokens
        let long = tokens.filter { $0.kind == .word && $0.text.utf8.count > 1 }
        isShouting = long.count > 2 && long.count { $0.isAllCapitals } * 4 >= long.count * 3
    }

    mutating func run(ensuringEnd: Bool) -> String {
        while at < tokens.count {
            switch tokens[at].kind {
            case .address:
                out.say(AddressReader.words(for: tokens[at].text))
                at += 1
            case .dotted:
                if !readDottedDate() { readDotted() }
            case .number:
                if !readListNumber() && !readPhoneNumber() && !readDate() && !readTime() && !readForeignMoney() {
                    readNumber()
                }
            case .initials:
                readInitials()
            case .word:
                if !readCurrencyCode() && !readMonth() && !readAbbreviation() && !readRomanNumeral() && !readCode() {
                    readWord()
                }
            case .symbol:
                if !readMoney() && !readPhoneNumber() && !readSignedNumber() && !readTag() { readSymbol() }
            }
        }
        return out.finish(ensuringEnd: ensuringEnd)
    }

    // MARK: - Looking around

    func token(_ index: Int) -> Token? { tokens.indices.contains(index) ? tokens[index] : nil }

    var previous: Token? { token(at - 1) }

    /// The symbol at `index`, with no space before it if `attached`.
    func isSymbol(_ text: String, _ index: Int, attached: Bool = true) -> Bool {
        guard let token = token(index), token.kind == .symbol, token.text == text else { return false }
        return !(attached && token.spaceBefore)
    }

    /// A word or number that follows without a space.
    func attached(_ kind: Token.Kind, _ index: Int) -> Token? {
        guard let token = token(index), token.kind == kind, !token.spaceBefore else { return nil }
        return token
    }

    /// A full stop stands at `index`, or the end of the text, where one is understood.
    func isStop(_ index: Int) -> Bool { index >= tokens.count || isSymbol(".", index, attached: false) }

    /// The place after the full stop of an abbreviation that ends before `index`: the stop is skipped unless a new
    /// sentence seems to begin.
    func afterStop(_ index: Int, mayEndSentence: Bool = true) -> Int {
        guard isSymbol(".", index) else { return index }
        guard mayEndSentence else { return index + 1 }
        guard let next = token(index + 1) else { return index }
        if next.isCapitalised && !CalendarNames.isDayOrMonth(next.text) { return index }
        return index + 1
    }
}
