/// Normalised text to phoneme symbols: the user's lexicon first, the G2P net for all else.
struct Phonemizer: Sendable {
    private let index: SymbolIndex
    private let lexicon: Lexicon
    private let net: @Sendable (String) -> (symbols: [Int], dropped: Int)
    /// The letter A by name; between other letters the net would often take it for the article.
    private let letterA: [Int]?

    init(
        symbols: [String], lexicon: Lexicon, net: @escaping @Sendable (String) -> (symbols: [Int], dropped: Int)
    ) {
        self.init(index: SymbolIndex(symbols), lexicon: lexicon, net: net)
    }

    private init(
        index: SymbolIndex, lexicon: Lexicon, net: @escaping @Sendable (String) -> (symbols: [Int], dropped: Int)
    ) {
        self.index = index
        self.lexicon = lexicon
        self.net = net
        letterA = try? index.indices(of: "ˈA").get()
    }

    func with(_ lexicon: Lexicon) -> Phonemizer { Phonemizer(index: index, lexicon: lexicon, net: net) }

    /// Indices of the symbols for `text`, which always end with a mark that ends a sentence: the T3 learned to stop
    /// there. `letters` has for each symbol a letter of `text` whose word it is of, counted as `letterCount` does; nil
    /// for what is no sound.
    func phonemes(for text: String) -> (symbols: [Int], letters: [Int?], dropped: Int) {
        var symbols: [Int] = []
        var letters: [Int?] = []
        var dropped = 0
        func append(_ phonemes: [Int], of words: Words?, spaced: Bool) {
            guard !phonemes.isEmpty else { return }
            if spaced, !symbols.isEmpty, let space = index[" "], symbols.last != space, phonemes.first != space {
                symbols.append(space)
                letters.append(nil)
            }
            symbols += phonemes
            letters += words.map { located(phonemes, $0) } ?? [Int?](repeating: nil, count: phonemes.count)
        }
        for part in parts(of: ended(text)) {
            switch part {
            case .letters(let letters, let words):
                let spoken = net(letters)
                dropped += spoken.dropped
                append(spoken.symbols, of: words, spaced: true)
            case .phonemes(let phonemes, let letter):
                append(phonemes, of: Words(spaced: [letter], all: [letter]), spaced: true)
            case .punctuation(let mark):
                append(index[mark].map { [$0] } ?? [], of: nil, spaced: false)
            }
        }
        return (symbols, letters, dropped)
    }

    private enum Part: Equatable {
        case letters(String, Words)
        /// And the first letter they are for.
        case phonemes([Int], letter: Int)
        case punctuation(String)
    }

    /// Where words begin, in letters of the text.
    private struct Words: Equatable {
        /// Behind a space.
        var spaced: [Int] = []
        /// Behind a hyphen too.
        var all: [Int] = []
    }

    /// The net keeps the spaces, and rarely makes one of a hyphen or joins two words.
    private func located(_ phonemes: [Int], _ words: Words) -> [Int?] {
        let marks = [" ", ",", ".", "!", "?", ";", ":", "-"].compactMap { index[$0] }
        let groups = phonemes.split(separator: index[" "] ?? -1).count { $0.contains { !marks.contains($0) } }
        let starts = groups == words.spaced.count ? words.spaced : words.all
        guard groups > 0, !starts.isEmpty else { return [Int?](repeating: nil, count: phonemes.count) }
        var (group, isInside) = (-1, false)
        return phonemes.map { symbol in
            guard !marks.contains(symbol) else {
                if symbol == index[" "] { isInside = false }
                return nil
            }
            if !isInside { (group, isInside) = (group + 1, true) }
            return starts[min(group, groups - 1) * starts.count / groups]
        }
    }

    private func ended(_ text: String) -> String {
        guard let last = text.last else { return text }
        if ".!?".contains(last) { return text }
        return (",;:".contains(last) ? String(text.dropLast()) : text) + "."
    }

    /// The text cut at words whose phonemes are known.
    private func parts(of text: String) -> [Part] {
        let tokens = Self.words(of: text)
        let keys = tokens.map(\.key)
        var parts: [Part] = []
        var letters = ""
        var words = Words()
        var place = 0
        func close() {
            if letters.contains(where: \.isLetter) {
                parts.append(.letters(letters, words))
            } else if let mark = letters.last(where: { !$0.isWhitespace }) {
                parts.append(.punctuation(String(mark)))
            }
            (letters, words) = ("", Words())
        }
        func spell(_ word: String) {
            if !word.isEmpty {
                let count = 1 + word.count { $0 == " " }
                words.all += [Int](repeating: place, count: count)
                if letters.last.map(\.isWhitespace) ?? true { words.spaced.append(place) }
                words.spaced += [Int](repeating: place, count: count - 1)
            }
            letters += word
        }
        func say(_ phonemes: [Int], _ tail: String) {
            close()
            parts.append(.phonemes(phonemes, letter: place))
            let mark = tail.filter { !" -".contains($0) }
            if !mark.isEmpty { parts.append(.punctuation(mark)) }
        }
        var at = 0
        while at < tokens.count {
            let token = tokens[at]
            if let match = match(keys, at) {
                let last = tokens[at + match.count - 1]
                switch match.pronunciation {
                case .phonemes(let phonemes):
                    say(phonemes + (match.isPossessive ? ending(after: phonemes) : []), last.tail)
                case .respelling(let spelling):
                    spell(spelling + (match.isPossessive ? "'s" : ""))
                    letters += last.tail
                }
                place += tokens[at..<at + match.count].reduce(0) { $0 + $1.letterCount }
                at += match.count
            } else if let letterA, isLetterA(tokens, at) {
                say(letterA, token.tail)
                place += token.letterCount
                at += 1
            } else {
                spell(token.text)
                letters += token.tail
                place += token.letterCount
                at += 1
            }
        }
        close()
        return parts
    }

    private func match(_ keys: [String], _ at: Int) -> (
        pronunciation: Lexicon.Pronunciation, count: Int, isPossessive: Bool
    )? {
        if lexicon.count == 0 { return nil }
        if let found = lexicon.match(keys[at...]) { return (found.pronunciation, found.count, false) }
        // "Nguyen's"
        guard let end = keys[at...].prefix(8).firstIndex(where: { $0.hasSuffix("'s") }) else { return nil }
        let stem = Array(keys[at..<end]) + [String(keys[end].dropLast(2))]
        guard let found = lexicon.match(stem[...]), found.count == stem.count else { return nil }
        return (found.pronunciation, found.count, true)
    }

    /// The sound of 's.
    private func ending(after phonemes: [Int]) -> [Int] {
        func isOne(of symbols: [String]) -> Bool { symbols.contains { index[$0] == phonemes.last && index[$0] != nil } }
        let sound =
            isOne(of: ["s", "z", "ʃ", "ʒ", "ʧ", "ʤ"])
            ? ["ᵻ", "z"] : isOne(of: ["p", "t", "k", "f", "θ"]) ? ["s"] : ["z"]
        return sound.compactMap { index[$0] }
    }

    /// "A" that is the letter: beside another letter alone, or a capital within a sentence of small words.
    private func isLetterA(_ tokens: [Word], _ at: Int) -> Bool {
        let token = tokens[at]
        func isLetter(_ index: Int) -> Bool {
            guard tokens.indices.contains(index) else { return false }
            let text = tokens[index].text
            return text.count == 1 && text.uppercased() == text
        }
        if token.text == "a" {
            return tokens.indices.contains(at + 1) && tokens[at + 1].text == "m" && token.tail == " "
        }
        guard token.text == "A" else { return false }
        if token.tail == " " && isLetter(at + 1) { return true }
        guard at > 0, ".!?".contains(where: { tokens[at - 1].tail.contains($0) }) == false else { return false }
        if isLetter(at - 1) { return true }
        return !tokens.indices.contains(at + 1) || tokens[at + 1].text.first?.isUppercase != true
    }

    private struct Word {
        var text: String
        /// Punctuation, spaces and hyphens behind it.
        var tail: String
        var key: String { text.lowercased() }
        var letterCount: Int { text.letterCount + tail.letterCount }
    }

    private static func words(of text: String) -> [Word] {
        var words: [Word] = []
        var rest = text[...]
        while !rest.isEmpty {
            let word = rest.prefix { $0.isLetter || $0 == "'" }
            rest = rest[word.endIndex...]
            let tail = rest.prefix { !($0.isLetter || $0 == "'") }
            rest = rest[tail.endIndex...]
            words.append(Word(text: String(word), tail: String(tail)))
        }
        return words
    }
}
