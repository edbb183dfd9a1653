/// Cuts a text into the words that byte-pair encoding works on.
/// Source: huggingface/tokenizers pre_tokenizers
enum PreTokenizer: Sendable, Equatable {
    /// Runs of letters and digits, runs of other signs; spaces are gone.
    case whitespace
    /// At spaces, which are gone.
    case whitespaceSplit
    /// GPT-2's: words with the space before them, as signs that stand for bytes.
    case byteLevel(addsPrefixSpace: Bool, cutsWords: Bool)

    func words(_ text: ArraySlice<Unicode.Scalar>) -> [ArraySlice<Unicode.Scalar>] {
        switch self {
        case .whitespace:
            runs(text) { $0.properties.isWhitespace ? nil : $0.isWordCharacter ? 1 : 2 }
        case .whitespaceSplit:
            runs(text) { $0.properties.isWhitespace ? nil : 1 }
        case .byteLevel(let addsPrefixSpace, let cutsWords):
            {
                let text = addsPrefixSpace && text.first != " " ? [" "] + text : text
                return (cutsWords ? Self.gpt2Words(text) : [text]).map { ByteLetters.letters(of: $0)[...] }
            }()
        }
    }

    /// Neighbours of the same kind; those of no kind are left out.
    private func runs(
        _ text: ArraySlice<Unicode.Scalar>, kind: (Unicode.Scalar) -> Int?
    ) -> [ArraySlice<Unicode.Scalar>] {
        var words: [ArraySlice<Unicode.Scalar>] = []
        var start = text.startIndex
        var current: Int?
        for index in text.indices {
            let kind = kind(text[index])
            if kind == current { continue }
            if current != nil { words.append(text[start..<index]) }
            start = index
            current = kind
        }
        if current != nil { words.append(text[start...]) }
        return words
    }

    /// Matches of `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, which cover the text.
    static func gpt2Words(_ text: ArraySlice<Unicode.Scalar>) -> [ArraySlice<Unicode.Scalar>] {
        var words: [ArraySlice<Unicode.Scalar>] = []
        var at = text.startIndex
        while at < text.endIndex {
            let end = contractionEnd(text, at) ?? runEnd(text, at) ?? spaceEnd(text, at)
            words.append(text[at..<end])
            at = end
        }
        return words
    }

    private static let contractions: [[Unicode.Scalar]] = [
        ["'", "s"], ["'", "t"], ["'", "r", "e"], ["'", "v", "e"], ["'", "m"], ["'", "l", "l"], ["'", "d"],
    ]

    private static func contractionEnd(_ text: ArraySlice<Unicode.Scalar>, _ at: Int) -> Int? {
        guard text[at] == "'" else { return nil }
        return contractions.first { text[at...].starts(with: $0) }.map { at + $0.count }
    }

    private enum Kind { case letter, number, space, other }

    private static func kind(_ scalar: Unicode.Scalar) -> Kind {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
        case .decimalNumber, .letterNumber, .otherNumber: .number
        default: scalar.properties.isWhitespace ? .space : .other
        }
    }

    /// Letters, numbers or other signs, with one blank before them.
    private static func runEnd(_ text: ArraySlice<Unicode.Scalar>, _ at: Int) -> Int? {
        let start = text[at] == " " ? at + 1 : at
        guard start < text.endIndex else { return nil }
        let kind = kind(text[start])
        if kind == .space { return nil }
        return text[start...].firstIndex { self.kind($0) != kind } ?? text.endIndex
    }

    /// White space, without its last character if a word follows.
    private static func spaceEnd(_ text: ArraySlice<Unicode.Scalar>, _ at: Int) -> Int {
        guard let end = text[at...].firstIndex(where: { kind($0) != .space }) else { return text.endIndex }
        return max(end - 1, at + 1)
    }
}

/// GPT-2's letters for bytes: printable ones stand for themselves, the others for code points from 256 on.
enum ByteLetters {
    static let all: [Unicode.Scalar] = {
        var next: UInt32 = 256
        return (0..<256).map { (byte: UInt32) in
            let isPrintable = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
            defer { if !isPrintable { next += 1 } }
            guard let letter = Unicode.Scalar(isPrintable ? byte : next) else {
                preconditionFailure("no surrogates here")
            }
            return letter
        }
    }()

    static func letters(of text: some Sequence<Unicode.Scalar>) -> [Unicode.Scalar] {
        String(scalars: text).utf8.map { all[Int($0)] }
    }
}
