import Chatterbox

/// Text in pieces of some length, for standard streaming and for jobs. Put together by white space they are the text again:
/// no word is lost, and none is cut unless it alone is longer than a piece may be.
package enum TextBlocks {
    package struct Part: Sendable, Equatable {
        package var text: String
        /// Whether a longer pause than that of a sentence follows.
        package var endsParagraph: Bool
    }

    /// - Parameters:
    ///   - size: characters of a piece at most.
    ///   - strategy: where a piece ends best; a sentence that is longer than a piece ends at clauses, or else at words.
    package static func split(_ text: String, size: Int, by strategy: SpeakRequest.Strategy) -> [Part] {
        switch strategy {
        case .sentence: join(sentences(text).flatMap { fit($0, size) }, size)
        case .paragraph: join(paragraphs(text).flatMap { fit($0, size) }, size)
        case .word: join(words(text).flatMap { fit($0, size) }, size)
        case .fixed: fixed(text, size).map { Part(text: $0, endsParagraph: false) }
        }
    }

    /// Pieces put together as far as they fit.
    private static func join(_ parts: [Part], _ size: Int) -> [Part] {
        var pieces: [Part] = []
        for part in parts {
            guard let last = pieces.last, last.text.count + 2 + part.text.count <= size else {
                pieces.append(part)
                continue
            }
            // A paragraph's end is a pause, and has to stay one.
            pieces[pieces.count - 1].text += (last.endsParagraph ? "\n\n" : " ") + part.text
            pieces[pieces.count - 1].endsParagraph = part.endsParagraph
        }
        return pieces
    }

    private static func sentences(_ text: String) -> [Part] {
        RawBlocks(text).map { Part(text: $0.text.trimmed, endsParagraph: $0.endsParagraph) }
            .filter { !$0.text.isEmpty }
    }

    private static func paragraphs(_ text: String) -> [Part] {
        var paragraphs: [Part] = []
        for sentence in sentences(text) {
            if let last = paragraphs.last, !last.endsParagraph {
                paragraphs[paragraphs.count - 1].text += " " + sentence.text
                paragraphs[paragraphs.count - 1].endsParagraph = sentence.endsParagraph
            } else {
                paragraphs.append(sentence)
            }
        }
        return paragraphs
    }

    private static func words(_ text: String) -> [Part] {
        text.split(whereSeparator: \.isWhitespace).map { Part(text: String($0), endsParagraph: false) }
    }

    /// Sentences, clauses, words, characters: the first of these whose parts fit.
    private static func fit(_ part: Part, _ size: Int) -> [Part] {
        if part.text.count <= size { return [part] }
        let sentences = sentences(part.text)
        var parts = sentences.count > 1 ? sentences.flatMap { fit($0, size) } : clauses(part.text, size)
        if part.endsParagraph, !parts.isEmpty { parts[parts.count - 1].endsParagraph = true }
        return parts
    }

    private static func clauses(_ text: String, _ size: Int) -> [Part] {
        var clauses: [[String]] = [[]]
        for word in text.split(whereSeparator: \.isWhitespace) {
            clauses[clauses.count - 1].append(String(word))
            if let last = word.last, ",;:–—)，、；：".contains(last) { clauses.append([]) }
        }
        return clauses.filter { !$0.isEmpty }.flatMap { words in
            let clause = words.joined(separator: " ")
            return clause.count <= size ? [clause] : words.flatMap { fixed($0, size) }
        }.map { Part(text: $0, endsParagraph: false) }
    }

    /// So many characters each, whatever they are.
    private static func fixed(_ text: String, _ size: Int) -> [String] {
        var rest = text[...]
        var pieces: [String] = []
        while !rest.isEmpty {
            var piece = rest.prefix(size)
            // Back to the last space, so that words stay whole.
            if piece.endIndex < rest.endIndex, !rest[piece.endIndex].isWhitespace,
                let space = piece.lastIndex(where: \.isWhitespace)
            {
                piece = rest[..<space]
            }
            rest = rest[piece.endIndex...]
            if !piece.allSatisfy(\.isWhitespace) { pieces.append(String(piece).trimmed) }
            if piece.isEmpty { rest = rest.dropFirst() }
        }
        return pieces
    }
}

extension String {
    fileprivate var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
