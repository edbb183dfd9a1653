/// JSON whose strings are exact code points and whose members keep their order. Foundation's readers put members into
/// dictionaries of `String`, for which "가" as one code point and as two Jamo are one key: in a vocabulary they are two
/// tokens.
enum TokenizerJSON: Sendable, Equatable {
    case null
    case bool(Bool)
    /// As written.
    case number(String)
    case string([Unicode.Scalar])
    case array([TokenizerJSON])
    case object([Member])

    struct Member: Sendable, Equatable {
        let key: [Unicode.Scalar]
        let value: TokenizerJSON
    }

    /// - Throws: `TextError.tokenizer`, with the place in the file.
    init(bytes: some Collection<UInt8>, file: String) throws(TextError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .tokenizer(file: file, key: "", problem: "not UTF-8 text")
        }
        var parser = JSONParser(text: Array(text.unicodeScalars), file: file)
        self = try parser.document()
    }
}

/// RFC 8259, strictly.
private struct JSONParser {
    let text: [Unicode.Scalar]
    let file: String
    private var at = 0
    private var depth = 0
    private static let deepest = 64

    init(text: [Unicode.Scalar], file: String) {
        self.text = text
        self.file = file
    }

    private func malformed(_ problem: String) -> TextError {
        let line = text[..<at].count { $0 == "\n" } + 1
        return .tokenizer(file: file, key: "", problem: "not JSON: \(problem) on line \(line), at character \(at)")
    }

    private mutating func peek() -> Unicode.Scalar? {
        while at < text.count, text[at] == " " || text[at] == "\n" || text[at] == "\t" || text[at] == "\r" { at += 1 }
        return at < text.count ? text[at] : nil
    }

    private mutating func take(_ expected: Unicode.Scalar) throws(TextError) {
        guard let found = peek() else { throw malformed("expected '\(expected)', found the end") }
        guard found == expected else { throw malformed("expected '\(expected)', found '\(found)'") }
        at += 1
    }

    private mutating func takeIf(_ scalar: Unicode.Scalar) -> Bool {
        guard peek() == scalar else { return false }
        at += 1
        return true
    }

    mutating func document() throws(TextError) -> TokenizerJSON {
        let value = try self.value()
        guard peek() == nil else { throw malformed("text after the value") }
        return value
    }

    private mutating func value() throws(TextError) -> TokenizerJSON {
        guard depth < Self.deepest else { throw malformed("nested deeper than \(Self.deepest)") }
        depth += 1
        defer { depth -= 1 }
        switch peek() {
        case nil: throw malformed("a value is missing")
        case "{": return try object()
        case "[": return try array()
        case "\"": return .string(try string())
        case "t": return try word("true", .bool(true))
        case "f": return try word("false", .bool(false))
        case "n": return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object() throws(TextError) -> TokenizerJSON {
        try take("{")
        var members: [TokenizerJSON.Member] = []
        if takeIf("}") { return .object(members) }
        repeat {
            guard peek() == "\"" else { throw malformed("expected a key") }
            let key = try string()
            try take(":")
            members.append(.init(key: key, value: try value()))
        } while takeIf(",")
        try take("}")
        return .object(members)
    }

    private mutating func array() throws(TextError) -> TokenizerJSON {
        try take("[")
        var elements: [TokenizerJSON] = []
        if takeIf("]") { return .array(elements) }
        repeat { elements.append(try value()) } while takeIf(",")
        try take("]")
        return .array(elements)
    }

    private mutating func word(_ word: String, _ value: TokenizerJSON) throws(TextError) -> TokenizerJSON {
        let scalars = Array(word.unicodeScalars)
        guard text[at...].starts(with: scalars) else { throw malformed("expected \(word)") }
        at += scalars.count
        return value
    }

    private mutating func number() throws(TextError) -> TokenizerJSON {
        let start = at
        while at < text.count, text[at].isASCII, "+-.eE0123456789".unicodeScalars.contains(text[at]) { at += 1 }
        var literal = String.UnicodeScalarView()
        literal.append(contentsOf: text[start..<at])
        guard Double(String(literal)) != nil, literal.first != "+", literal.first != "." else {
            at = start
            throw malformed("expected a value, found '\(text[start])'")
        }
        return .number(String(literal))
    }

    private mutating func string() throws(TextError) -> [Unicode.Scalar] {
        try take("\"")
        var scalars: [Unicode.Scalar] = []
        while at < text.count {
            let scalar = text[at]
            at += 1
            switch scalar {
            case "\"": return scalars
            case "\\": scalars.append(try escaped())
            case _ where scalar.value < 0x20: throw malformed("a control character in a string")
            default: scalars.append(scalar)
            }
        }
        throw malformed("a string without end")
    }

    private mutating func escaped() throws(TextError) -> Unicode.Scalar {
        guard at < text.count else { throw malformed("a string without end") }
        let letter = text[at]
        at += 1
        switch letter {
        case "\"", "\\", "/": return letter
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u": break
        default: throw malformed("unknown escape '\\\(letter)'")
        }
        let high = try hexadecimal()
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, at + 1 < text.count, text[at] == "\\", text[at + 1] == "u" else {
            throw malformed("half a surrogate pair")
        }
        at += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw malformed("half a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(TextError) -> UInt32 {
        guard at + 4 <= text.count else { throw malformed("a string without end") }
        var value: UInt32 = 0
        for scalar in text[at..<(at + 4)] {
            guard scalar.isASCII, let digit = Character(scalar).hexDigitValue else {
                throw malformed("expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        at += 4
        return value
    }
}
