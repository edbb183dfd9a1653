/// Tokens that are cut out of a text before anything else happens to it, such as `[SPACE]` and `[laugh]`.
/// Source: huggingface/tokenizers tokenizer/added_vocabulary.rs
struct AddedTokens: Sendable {
    struct Token: Sendable {
        var content: [Unicode.Scalar]
        var id: Int32
        /// Only where no letter or digit touches it.
        var isSingleWord = false
        /// Takes the spaces before or behind it along.
        var stripsLeft = false
        var stripsRight = false
        /// Looked for in the normalised text, else in the raw one.
        var isNormalized = false
    }

    /// A stretch of text, or a token that was found.
    enum Part: Equatable {
        case text(ArraySlice<Unicode.Scalar>)
        case token(Int32)
    }

    /// A tree of code points.
    private struct Node: Sendable {
        var next: [Unicode.Scalar: Int] = [:]
        var token: Int?
    }

    let tokens: [Token]
    private var nodes = [Node()]

    init(_ tokens: [Token]) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() where !token.content.isEmpty {
            var node = 0
            for scalar in token.content {
                if let next = nodes[node].next[scalar] {
                    node = next
                } else {
                    nodes.append(Node())
                    nodes[node].next[scalar] = nodes.count - 1
                    node = nodes.count - 1
                }
            }
            nodes[node].token = index
        }
    }

    /// The text cut at its tokens: the leftmost, of those the longest.
    func split(_ text: ArraySlice<Unicode.Scalar>) -> [Part] {
        var parts: [Part] = []
        var start = text.startIndex  // of what isn't in `parts` yet
        var at = text.startIndex
        while at < text.endIndex {
            guard let (index, end) = longestMatch(text, at) else {
                at += 1
                continue
            }
            let token = tokens[index]
            var from = at
            var to = end
            at = end
            if token.isSingleWord {
                let touches = from > text.startIndex && text[from - 1].isWordCharacter
                if touches || (to < text.endIndex && text[to].isWordCharacter) { continue }
            }
            if token.stripsLeft { while from > start, text[from - 1].properties.isWhitespace { from -= 1 } }
            if token.stripsRight { while to < text.endIndex, text[to].properties.isWhitespace { to += 1 } }
            if start < from { parts.append(.text(text[start..<from])) }
            parts.append(.token(token.id))
            start = to
        }
        if start < text.endIndex { parts.append(.text(text[start...])) }
        return parts
    }

    private func longestMatch(_ text: ArraySlice<Unicode.Scalar>, _ start: Int) -> (token: Int, end: Int)? {
        var node = 0
        var found: (Int, Int)?
        var at = start
        while at < text.endIndex, let next = nodes[node].next[text[at]] {
            node = next
            at += 1
            if let token = nodes[node].token { found = (token, at) }
        }
        return found
    }
}

extension Unicode.Scalar {
    /// `\w` of Unicode's regular expressions.
    var isWordCharacter: Bool {
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: true
        default: properties.isAlphabetic || properties.isJoinControl
        }
    }
}
