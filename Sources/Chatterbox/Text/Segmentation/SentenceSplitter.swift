/// Normalised text to pieces that are spoken in one go.
///
/// Sentences stay whole where they fit, short ones join their neighbours, long ones are cut at clauses. Joined with
/// single spaces the pieces are the text again; where no spaces are written, as in Chinese, without.
package struct SentenceSplitter: Sendable {
    /// Most characters in a piece; letters spoken by name count more, as they take longer to say.
    package var limit = 230
    /// A piece shorter than this takes the next sentence in.
    var enough = 60
    /// A sentence shorter than this joins the piece before it.
    var short = 24
    /// Most sentences in a piece.
    var mostSentences = 3

    package init(limit: Int = 230) { self.limit = limit }

    /// Pieces of a whole text.
    package func pieces(of text: String) -> [String] { Array(pieces(ofParts: CollectionOfOne(text))) }

    /// Pieces of text that arrives in parts; no part is asked for before it is needed.
    package func pieces<Parts: Sequence<String>>(ofParts parts: Parts) -> Pieces<Parts> {
        Pieces(splitter: self, parts: parts.makeIterator())
    }

    package struct Pieces<Parts: Sequence<String>>: Sequence, IteratorProtocol {
        let splitter: SentenceSplitter
        var parts: Parts.Iterator
        var waiting: ArraySlice<Substring> = []
        /// The last part did not end with its sentence.
        var unfinished = ""

        package mutating func next() -> String? {
            guard var piece = nextSentence() else { return nil }
            var sentences = 1
            while sentences < splitter.mostSentences, let following = peekSentence() {
                let isWanted = piece.utf8.count < splitter.enough || following.utf8.count < splitter.short
                guard isWanted, splitter.cost(of: piece[...]) + 1 + splitter.cost(of: following) <= splitter.limit
                else { break }
                piece = splitter.joined(piece, following)
                waiting.removeFirst()
                sentences += 1
            }
            return piece
        }

        private mutating func nextSentence() -> String? {
            peekSentence() == nil ? nil : String(waiting.removeFirst())
        }

        private mutating func peekSentence() -> Substring? {
            while waiting.isEmpty {
                guard let part = parts.next() else {
                    if unfinished.isEmpty { return nil }
                    waiting = splitter.fitting(unfinished[...])[...]
                    unfinished = ""
                    break
                }
                if part.isEmpty { continue }
                let text = unfinished.isEmpty ? part : splitter.joined(unfinished, part)
                unfinished = ""
                var sentences = splitter.sentences(of: text)
                // a block that was cut between two words goes on in the next, unless that is far enough already
                if let last = sentences.last, !last.endsSentence, last.utf8.count < splitter.limit {
                    unfinished = String(last)
                    sentences.removeLast()
                }
                waiting = sentences.flatMap(splitter.fitting)[...]
            }
            return waiting.first
        }
    }

    /// Parts that end with `. ! ?` before a space, or with `。 ！ ？`, and what is left.
    func sentences(of text: String) -> [Substring] {
        var found: [Substring] = []
        var start = text.startIndex
        var index = start
        while index < text.endIndex {
            let next = text.index(after: index)
            let isSpaced = next < text.endIndex && text[next] == " "
            if next < text.endIndex, Self.wideEnds.contains(text[index]) || (".!?".contains(text[index]) && isSpaced) {
                found.append(text[start..<next])
                start = isSpaced ? text.index(after: next) : next
                index = start
            } else {
                index = next
            }
        }
        if start < text.endIndex { found.append(text[start...]) }
        return found
    }

    fileprivate static let wideEnds = "。！？"

    /// With a space between, unless the first ends in a script that has none.
    func joined(_ first: String, _ second: some StringProtocol) -> String {
        let last = first.unicodeScalars.last?.value ?? 0
        let isWide = (0x2E80..<0xA000).contains(last) || (0xFF00..<0xFFE0).contains(last)
        return first + (isWide ? "" : " ") + second
    }

    /// Characters, with at least five for each word and three more for each pause.
    package func cost(of text: Substring) -> Int {
        var cost = 0
        for word in text.split(separator: " ") {
            cost += max(word.utf8.count + 1, 5) + (",;:.!?".utf8.contains(word.utf8.last!) ? 3 : 0)
        }
        return max(text.utf8.count, cost - 1)
    }

    /// The sentence, or parts of it within the limit: cut at clauses, else before conjunctions, else at spaces, else
    /// anywhere.
    func fitting(_ sentence: Substring) -> [Substring] {
        var parts: [Substring] = []
        var rest = sentence
        while cost(of: rest) > limit {
            let cut = self.cut(rest)
            guard cut < rest.endIndex else { break }
            parts.append(rest[..<cut])
            rest = rest[(rest[cut] == " " ? rest.index(after: cut) : cut)...]
        }
        parts.append(rest)
        return parts
    }

    /// The place to cut at: a space, or between two characters of a word that is too long by itself.
    private func cut(_ text: Substring) -> Substring.Index {
        var cost = 0
        var clause: Substring.Index?
        var conjunction: Substring.Index?
        var space: Substring.Index?
        var start = text.startIndex
        while let end = text[start...].firstIndex(of: " ") {
            let word = text[start..<end]
            cost += self.cost(of: word) + 1
            if cost > limit { break }
            if cost * 5 > limit * 2 {
                if let last = word.last, ",;:".contains(last) { clause = end }
                if Self.conjunctions.contains(text[text.index(after: end)...].prefix { $0 != " " }) {
                    conjunction = end
                }
            }
            space = end
            start = text.index(after: end)
        }
        return clause ?? conjunction ?? space ?? cutInWord(text)
    }

    /// Behind the last clause within the limit, else at the limit.
    private func cutInWord(_ text: Substring) -> Substring.Index {
        var size = 0
        var clause: Substring.Index?
        var index = text.startIndex
        while index < text.endIndex, text[index] != " " {
            size += text[index].utf8.count
            if size > limit, index > text.startIndex { break }
            let next = text.index(after: index)
            if size * 5 > limit * 2, "，、；：,;:".contains(text[index]) { clause = next }
            index = next
        }
        return clause ?? index
    }

    private static let conjunctions: Set<Substring> = [
        "and", "but", "or", "because", "which", "that", "when", "while", "if", "who", "so", "for", "where", "although",
        "with", "after", "before", "until", "since", "to", "of", "in",
    ]
}

extension StringProtocol {
    /// Whether nothing but quotes, brackets and spaces follows the end of a sentence.
    package var endsSentence: Bool {
        last { !$0.isWhitespace && !"\"'”’»)]".contains($0) }.map {
            ".!?".contains($0) || SentenceSplitter.wideEnds.contains($0)
        } ?? false
    }
}
