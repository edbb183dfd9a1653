/// Folded text to tokens, in one pass.
struct Lexer {
    private let scalars: [Unicode.Scalar]
    private var at = 0
    private var tokens: [Token] = []
    private var spaceBefore = true

    static func tokens(of scalars: [Unicode.Scalar]) -> [Token] {
        var lexer = Lexer(scalars: scalars)
        lexer.run()
        return lexer.tokens
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private func scalar(_ offset: Int = 0) -> Unicode.Scalar? {
        let index = at + offset
        return scalars.indices.contains(index) ? scalars[index] : nil
    }

    private mutating func run() {
        while let next = scalar() {
            if next == " " {
                spaceBefore = true
                at += 1
                continue
            }
            if spaceBefore && readChunk() { continue }
            if next.isLetter {
                readWord()
            } else if next.isDigit {
                readNumber()
            } else if next == ".", scalar(1)?.isDigit == true, spaceBefore || scalar(-1).map(isOpening) == true {
                at += 1
                add(.number, "", fraction: take { $0.isDigit })
            } else {
                readSymbol(next)
            }
        }
    }

    private func isOpening(_ scalar: Unicode.Scalar) -> Bool {
        !scalar.isDigit && !scalar.isLetter && scalar != "." && scalar != ")"
    }

    // MARK: - Whole chunks between spaces

    /// Addresses, e-mails, paths and emoticons are recognised as a whole, before anything splits them.
    private mutating func readChunk() -> Bool {
        var end = at
        while end < scalars.count, scalars[end] != " " { end += 1 }
        guard end - at <= 1000 else { return false }
        let chunk = text(at, end)
        if SymbolTable.emoticons.contains(chunk) {
            at = end
            return true
        }
        var start = at
        while start < end, "(\"'[{<".unicodeScalars.contains(scalars[start]) { start += 1 }
        while end > start, ".,!?;:)\"'>]}".unicodeScalars.contains(scalars[end - 1]) { end -= 1 }
        guard end - start >= 3, AddressReader.isAddress(scalars[start..<end]) else { return false }
        while at < start { readSymbol(scalars[at]) }
        at = end
        add(.address, text(start, end))
        return true
    }

    // MARK: - Pieces

    private mutating func readWord() {
        let start = at
        // U.S., p.m., J.R.R.: single letters, each with a dot and a letter behind it
        while scalar()?.isLetter == true, scalar(1) == ".", scalar(2)?.isLetter == true { at += 2 }
        if at > start, scalar(1)?.isLetter == true { at -= 2 }  // the last letter begins a word
        if at > start {
            at += 1
            add(.initials, String(text(start, at).filter { $0 != "." }))
            return
        }
        at = start
        while let next = scalar(), next.isLetter || (next == "'" && scalar(1)?.isLetter == true) { at += 1 }
        let word = text(start, at)
        if ["Ph", "Ed", "Psy"].contains(word), scalar() == ".", scalar(1) == "D", scalar(2)?.isLetter != true {
            at += 2
            add(.initials, word + "D")
            return
        }
        add(.word, word)
    }

    private mutating func readNumber() {
        let start = at
        let digits = take { $0.isDigit }
        // 1,234,567
        var grouped = digits
        if digits.utf8.count <= 3 {
            while scalar() == ",", (1...3).allSatisfy({ scalar($0)?.isDigit == true }), scalar(4)?.isDigit != true {
                grouped += text(at + 1, at + 4)
                at += 4
            }
        }
        let isGrouped = grouped.utf8.count > digits.utf8.count
        guard scalar() == ".", scalar(1)?.isDigit == true else {
            add(.number, grouped, isGrouped: isGrouped)
            return
        }
        // 3.14 or 1.200,99 or 2.0.1
        var parts = [grouped]
        while scalar() == ".", scalar(1)?.isDigit == true {
            at += 1
            parts.append(take { $0.isDigit })
        }
        if !isGrouped, scalar() == ",", (1...2).allSatisfy({ scalar($0)?.isDigit == true }),
            scalar(3)?.isDigit != true, parts.dropFirst().allSatisfy({ $0.utf8.count == 3 })
        {
            at += 3
            add(.number, parts.joined(), fraction: text(at - 2, at), isGrouped: true)
        } else if parts.count == 2 {
            add(.number, parts[0], fraction: parts[1], isGrouped: isGrouped)
        } else if isGrouped {
            at = start + grouped.utf8.count + (grouped.utf8.count - digits.utf8.count) / 3
            add(.number, grouped, isGrouped: true)
        } else {
            add(.dotted, parts.joined(separator: "."))
        }
    }

    private mutating func readSymbol(_ symbol: Unicode.Scalar) {
        switch symbol {
        case "&":
            // HTML entities: &amp;
            var end = at + 1
            while end < scalars.count, end < at + 8, scalars[end].isLetter { end += 1 }
            if end < scalars.count, scalars[end] == ";", let replacement = SymbolTable.entities[text(at + 1, end)] {
                at = end + 1
                if replacement == " " {
                    spaceBefore = true
                } else {
                    let first = replacement.trimmed
                    add(.symbol, first)
                    if replacement != first { spaceBefore = true }
                }
                return
            }
            add(.symbol, "&")
            at += 1
        case "<":
            // an HTML or XML tag
            var end = at + 1
            if end < scalars.count, scalars[end].isLetter || scalars[end] == "/" {
                while end < scalars.count, end < at + 200, scalars[end] != ">", scalars[end] != "<" { end += 1 }
                if end < scalars.count, scalars[end] == ">" {
                    at = end + 1
                    spaceBefore = true
                    return
                }
            }
            readRun()
        case "]":
            // the address of a Markdown link is not read
            var end = at + 2
            if scalar(1) == "(" {
                while end < scalars.count, end < at + 1000, scalars[end] != " ", scalars[end] != ")" { end += 1 }
                if end < scalars.count, scalars[end] == ")",
                    scalars[at..<end].contains(where: { "/.#".unicodeScalars.contains($0) })
                {
                    at = end + 1
                    return
                }
            }
            add(.symbol, "]")
            at += 1
        case ".", "-", "=", ">", "!", "+", "*", "_", "#", "~", "|":
            readRun()
        default:
            add(.symbol, String(symbol))
            at += 1
        }
    }

    /// A run of the same mark is one token, so that "........" costs one rule; so are the few two-mark operators.
    private mutating func readRun() {
        let start = at
        if let next = scalar(1), SymbolTable.words[text(at, at + 2)] != nil, next != scalar() || scalar() == "=" {
            at += 2
        } else {
            let symbol = scalar()
            while scalar() == symbol { at += 1 }
        }
        add(.symbol, text(start, at))
    }

    // MARK: - Small steps

    private mutating func take(while condition: (Unicode.Scalar) -> Bool) -> String {
        let start = at
        while let next = scalar(), condition(next) { at += 1 }
        return text(start, at)
    }

    private func text(_ start: Int, _ end: Int) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[start..<end])
        return String(view)
    }

    private mutating func add(_ kind: Token.Kind, _ text: String, fraction: String? = nil, isGrouped: Bool = false) {
        tokens.append(
            Token(kind: kind, text: text, spaceBefore: spaceBefore, fraction: fraction, isGrouped: isGrouped))
        spaceBefore = false
    }
}

extension String {
    /// Without spaces at its ends.
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(self[first...lastIndex { !$0.isWhitespace }!])
    }
}
