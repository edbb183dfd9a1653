/// A stretch of raw text that is normalised at once.
package struct RawBlock: Equatable {
    package var text: String
    /// A paragraph or list item ends here, even without punctuation.
    package var endsParagraph: Bool
}

/// Cuts raw text where it is safe to normalise the parts alone: at paragraphs, at plain ends of sentences, and, in text
/// that has neither, between two words. Lazy: finding a block reads no further than its end, which is never further than
/// `longest` characters.
package struct RawBlocks: Sequence, IteratorProtocol {
    package static let longest = 600

    private let scalars: String.UnicodeScalarView
    private var at: String.Index

    package init(_ text: String) {
        scalars = text.unicodeScalars
        at = scalars.startIndex
    }

    package mutating func next() -> RawBlock? {
        skipSpaces()
        guard at < scalars.endIndex else { return nil }
        var block: [Unicode.Scalar] = []
        var places: [String.Index] = []  // where each of them stands in the text
        var line = 0
        while at < scalars.endIndex {
            let scalar = scalars[at]
            if scalar.isLineBreak {
                if endsParagraph(line: line) { return RawBlock(text: string(block), endsParagraph: true) }
                block.append(" ")
                places.append(at)
                line = 0
                skipSpaces()
                continue
            }
            places.append(at)
            at = scalars.index(after: at)
            block.append(scalar.properties.isWhitespace ? " " : scalar)
            line += 1
            if block.last == " " {
                if isSafeEnd(block) {
                    skipSpaces(stoppingAtLines: true)
                    if at < scalars.endIndex, !scalars[at].isLineBreak, beginsSentence() {
                        return RawBlock(text: string(block), endsParagraph: false)
                    }
                }
            }
            if block.count >= Self.longest { return cut(block, places) }
        }
        return RawBlock(text: string(block), endsParagraph: true)
    }

    // MARK: - Line breaks

    /// At a line break: whether a paragraph ends. A single break inside running text is only a space.
    private func endsParagraph(line: Int) -> Bool {
        var index = at
        var breaks = 0
        while index < scalars.endIndex, scalars[index].properties.isWhitespace {
            let isPair =
                scalars[index] == "\r" && scalars.index(after: index) < scalars.endIndex
                && scalars[scalars.index(after: index)] == "\n"
            if scalars[index].isLineBreak && !isPair { breaks += 1 }
            index = scalars.index(after: index)
        }
        guard index < scalars.endIndex, breaks < 2 else { return true }
        let next = scalars[index]
        if "-*•#+>–—·▪◦●".unicodeScalars.contains(next) { return true }
        let isWrapped = line >= 60
        return !isWrapped && !next.properties.isLowercase && !")],.;:!?\"'".unicodeScalars.contains(next)
    }

    private mutating func skipSpaces(stoppingAtLines: Bool = false) {
        while at < scalars.endIndex, scalars[at].properties.isWhitespace, !(stoppingAtLines && scalars[at].isLineBreak)
        {
            at = scalars.index(after: at)
        }
    }

    // MARK: - Sentences

    /// The block ends with a space behind a sentence: a stop that belongs to no abbreviation or number.
    private func isSafeEnd(_ block: [Unicode.Scalar]) -> Bool {
        var index = block.count - 2
        while index >= 0, "\"')]}”’»".unicodeScalars.contains(block[index]) { index -= 1 }
        guard index >= 1 else { return false }
        if "!?。！？".unicodeScalars.contains(block[index]) { return true }
        guard block[index] == "." || block[index] == "…" else { return false }
        var word = String.UnicodeScalarView()
        var start = index - 1
        while start >= 0, index - start < 20, block[start].properties.isAlphabetic { start -= 1 }
        word.append(contentsOf: block[(start + 1)..<index])
        if word.isEmpty { return block[index] == "…" }
        if start >= 0, block[start] == "." || block[start].isDigit { return false }
        return !Abbreviations.mayPrecedeStop(String(word))
    }

    private func beginsSentence() -> Bool {
        let next = scalars[at]
        return next.properties.isUppercase || next.isDigit || (!next.isASCII && !next.properties.isLowercase)
            || "\"'(“‘«$".unicodeScalars.contains(next)
    }

    /// Cuts a block that became too long between two words, or anywhere if there are none.
    private mutating func cut(_ block: [Unicode.Scalar], _ places: [String.Index]) -> RawBlock {
        if at == scalars.endIndex { return RawBlock(text: string(block), endsParagraph: true) }
        var place: Int?
        for index in stride(from: block.count - 2, to: block.count / 2, by: -1) where block[index] == " " {
            if block[index - 1].properties.isAlphabetic, block[index + 1].properties.isAlphabetic {
                place = index
                break
            }
            if place == nil { place = index }
        }
        guard let place else { return RawBlock(text: string(block), endsParagraph: false) }
        at = places[place]
        return RawBlock(text: string(block[..<place]), endsParagraph: false)
    }

    private func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }
}

extension Unicode.Scalar {
    var isLineBreak: Bool { self == "\n" || self == "\r" || value == 0x2028 || value == 0x2029 || value == 0x85 }
}
