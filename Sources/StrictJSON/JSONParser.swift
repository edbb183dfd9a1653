struct JSONParser {
    private static let deepest = 64

    private let bytes: [UInt8]
    private let uniqueKeys: Bool
    private let mostValues: Int
    private var at = 0
    private var depth = 0
    private var values = 0

    init(_ bytes: [UInt8], uniqueKeys: Bool, mostValues: Int) {
        (self.bytes, self.uniqueKeys, self.mostValues) = (bytes, uniqueKeys, mostValues)
    }

    mutating func document() throws(JSONError) -> JSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
        let value = try value()
        guard peek() == nil else { throw broken("there is more after the value") }
        return value
    }

    private func broken(_ problem: String) -> JSONError { JSONError(problem: problem, offset: at) }

    private mutating func peek() -> UInt8? {
        while at < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[at]) { at += 1 }
        return at < bytes.count ? bytes[at] : nil
    }

    private mutating func take(_ character: Unicode.Scalar) throws(JSONError) {
        guard peek() == UInt8(ascii: character) else { throw broken("expected '\(character)'") }
        at += 1
    }

    private mutating func takeIf(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func value() throws(JSONError) -> JSON {
        guard depth < Self.deepest else { throw broken("lists and objects are nested deeper than \(Self.deepest)") }
        values += 1
        guard values <= mostValues else { throw broken("there are more than \(mostValues) values") }
        depth += 1
        defer { depth -= 1 }
        switch peek() {
        case nil: throw broken("a value is missing")
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try list()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object() throws(JSONError) -> JSON {
        try take("{")
        var members: [JSON.Member] = []
        if takeIf("}") { return .object(members) }
        var keys: Set<String> = []
        repeat {
            guard peek() == UInt8(ascii: "\"") else { throw broken("expected a key") }
            let key = try string()
            guard !uniqueKeys || keys.insert(key).inserted else {
                throw broken("the key \"\(String(key.unicodeScalars.prefix(60)))\" is there twice")
            }
            try take(":")
            members.append(JSON.Member(key: key, value: try value()))
        } while takeIf(",")
        try take("}")
        return .object(members)
    }

    private mutating func list() throws(JSONError) -> JSON {
        try take("[")
        var items: [JSON] = []
        if takeIf("]") { return .array(items) }
        repeat { items.append(try value()) } while takeIf(",")
        try take("]")
        return .array(items)
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let letters = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[at...].starts(with: letters) else { throw broken("expected \(word)") }
        at += letters.count
        return value
    }

    // MARK: numbers

    private mutating func number() throws(JSONError) -> JSON {
        let start = at
        if bytes[at] == UInt8(ascii: "-") { at += 1 }
        let first = at
        try digits()
        guard bytes[first] != UInt8(ascii: "0") || at == first + 1 else { throw broken("a number starts with 0") }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            at += 1
            try digits()
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[at]) { at += 1 }
            try digits()
        }
        let literal = String(decoding: bytes[start..<at], as: UTF8.self)
        guard let value = Double(literal), value.isFinite else { throw broken("a number is too large") }
        return .number(literal)
    }

    /// One at least.
    private mutating func digits() throws(JSONError) {
        let start = at
        while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
        guard at > start else { throw broken("expected a value") }
    }

    // MARK: strings

    private mutating func string() throws(JSONError) -> String {
        try take("\"")
        let start = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 0x20 {
            at += 1
        }
        // Most have nothing to undo.
        if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
            at += 1
            return try text(bytes[start..<at - 1])
        }
        var unescaped = Array(bytes[start..<at])
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(unescaped)
            case UInt8(ascii: "\\"): unescaped.append(contentsOf: String(Character(try escaped())).utf8)
            case ..<0x20: throw broken("a control character is in a string")
            default: unescaped.append(byte)
            }
        }
        throw broken("a string doesn't end")
    }

    private func text(_ bytes: some Collection<UInt8>) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw broken("a string isn't UTF-8") }
        return text
    }

    private mutating func escaped() throws(JSONError) -> Unicode.Scalar {
        guard at < bytes.count else { throw broken("a string doesn't end") }
        let letter = bytes[at]
        at += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw broken("an escape that JSON doesn't have")
        }
        let high = try hexadecimal()
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, bytes[at...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else {
            throw broken("half a surrogate pair")
        }
        at += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw broken("half a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard bytes.count - at >= 4 else { throw broken("a string doesn't end") }
        var value: UInt32 = 0
        for byte in bytes[at..<at + 4] {
            guard byte < 0x80, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw broken("expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        at += 4
        return value
    }
}
