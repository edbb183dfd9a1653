import Foundation

/// A number in a range.
struct NumberField: Field {
    let name: String
    let range: ClosedRange<Double>
    var fallback: Double
    let about: String

    init(_ name: String, _ range: ClosedRange<Double>, default fallback: Double, _ about: String) {
        (self.name, self.range, self.fallback, self.about) = (name, range, fallback, about)
    }

    var schema: [String: JSONValue] {
        ["type": "number", "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)]
    }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> Double {
        let allowed = "a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))"
        guard let number = value.double ?? (isText ? value.string.flatMap(Double.init) : nil) else {
            throw .invalidType(field: name, value: value.excerpt, expected: allowed)
        }
        guard range.contains(number) else { throw .outOfRange(field: name, value: value.excerpt, allowed: allowed) }
        return number
    }

    func json(_ value: Double) -> JSONValue { .number(value) }

    private func plain(_ value: Double) -> String {
        value == value.rounded() ? String(Int(value)) : String(value)
    }
}

/// A whole number in a range; `25.0` is one.
struct IntegerField: Field {
    let name: String
    let range: ClosedRange<Int>
    var fallback: Int
    let about: String

    init(_ name: String, _ range: ClosedRange<Int>, default fallback: Int, _ about: String) {
        (self.name, self.range, self.fallback, self.about) = (name, range, fallback, about)
    }

    var schema: [String: JSONValue] {
        [
            "type": "integer", "minimum": .integer(Int64(range.lowerBound)),
            "maximum": .integer(Int64(range.upperBound)),
        ]
    }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> Int {
        let allowed = "an integer from \(range.lowerBound) to \(range.upperBound)"
        let value = isText ? value.string.flatMap(Double.init).map(JSONValue.number) ?? value : value
        guard let number = value.double else {
            throw .invalidType(field: name, value: value.excerpt, expected: allowed)
        }
        let clamped = Int(exactly: number.rounded(.towardZero)) ?? (number < 0 ? .min : .max)
        guard range.contains(clamped) else { throw .outOfRange(field: name, value: value.excerpt, allowed: allowed) }
        guard let integer = value.int else {
            throw .invalidType(field: name, value: value.excerpt, expected: allowed)
        }
        return integer
    }

    func json(_ value: Int) -> JSONValue { .integer(Int64(value)) }
}

/// Yes or no.
struct FlagField: Field {
    let name: String
    var fallback: Bool
    let about: String

    init(_ name: String, default fallback: Bool, _ about: String) {
        (self.name, self.fallback, self.about) = (name, fallback, about)
    }

    var schema: [String: JSONValue] { ["type": "boolean"] }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> Bool {
        if case .bool(let flag) = value { return flag }
        if isText, let text = value.string?.lowercased() {
            if ["true", "1", "yes", "on"].contains(text) { return true }
            if ["false", "0", "no", "off"].contains(text) { return false }
        }
        throw .invalidType(field: name, value: value.excerpt, expected: "true or false")
    }

    func json(_ value: Bool) -> JSONValue { .bool(value) }
}

/// One of a few words; nil if the field is absent.
struct OptionalChoiceField<Choice: RawRepresentable & CaseIterable & Sendable>: Field where Choice.RawValue == String {
    let name: String
    let about: String
    var fallback: Choice? { nil }

    init(_ name: String, _: Choice.Type, _ about: String) { (self.name, self.about) = (name, about) }

    var schema: [String: JSONValue] {
        ["type": "string", "enum": .array(Choice.allCases.map { .string($0.rawValue) })]
    }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> Choice? {
        let allowed = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
        guard case .string(let text) = value else {
            throw .invalidType(field: name, value: value.excerpt, expected: allowed)
        }
        guard let choice = Choice(rawValue: text) else {
            throw .invalidValue(field: name, value: value.excerpt, allowed: allowed)
        }
        return choice
    }

    func json(_ value: Choice?) -> JSONValue { value.map { .string($0.rawValue) } ?? .null }
}

/// One of a few words.
struct ChoiceField<Choice: RawRepresentable & CaseIterable & Sendable>: Field where Choice.RawValue == String {
    private let field: OptionalChoiceField<Choice>
    var fallback: Choice

    init(_ name: String, default fallback: Choice, _ about: String) {
        field = OptionalChoiceField(name, Choice.self, about)
        self.fallback = fallback
    }

    var name: String { field.name }
    var about: String { field.about }
    var schema: [String: JSONValue] { field.schema }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> Choice {
        try field.read(value, isText: isText) ?? fallback
    }

    func json(_ value: Choice) -> JSONValue { field.json(value) }
}

/// A string; nil if it is absent or null.
struct StringField: Field {
    let name: String
    let lengths: ClosedRange<Int>
    let isRequired: Bool
    let about: String
    var fallback: String? { nil }

    /// - Parameter lengths: in Unicode scalars.
    init(_ name: String, lengths: ClosedRange<Int> = 0...256, isRequired: Bool = false, _ about: String) {
        (self.name, self.lengths, self.isRequired, self.about) = (name, lengths, isRequired, about)
    }

    var schema: [String: JSONValue] {
        [
            "type": isRequired ? "string" : ["string", "null"], "minLength": .integer(Int64(lengths.lowerBound)),
            "maxLength": .integer(Int64(lengths.upperBound)),
        ]
    }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> String? {
        if value == .null, !isRequired { return nil }
        guard case .string(let text) = value else {
            throw .invalidType(field: name, value: value.excerpt, expected: "a string")
        }
        let count = text.unicodeScalars.count
        guard lengths.contains(count) else {
            throw .outOfRange(
                field: name, value: "\(count) characters long",
                allowed: "\(lengths.lowerBound) to \(lengths.upperBound) characters")
        }
        return text
    }

    func json(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
}

/// The text to speak: not blank.
struct TextField: Field {
    let name: String
    /// In Unicode scalars, as Python's `len` counts.
    let lengths: ClosedRange<Int>
    let about: String
    var fallback: String { "" }
    var isRequired: Bool { true }

    var schema: [String: JSONValue] {
        [
            "type": "string", "minLength": .integer(Int64(lengths.lowerBound)),
            "maxLength": .integer(Int64(lengths.upperBound)),
        ]
    }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> String {
        guard case .string(let text) = value else {
            throw .invalidType(field: name, value: value.excerpt, expected: "a string")
        }
        let length = text.unicodeScalars.count
        guard length <= lengths.upperBound else { throw .textTooLong(length: length, limit: lengths.upperBound) }
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else { throw .emptyText }
        guard length >= lengths.lowerBound else { throw .textTooShort(length: length, limits: lengths) }
        return text
    }

    func json(_ value: String) -> JSONValue { .string(value) }
}

/// An unsigned 64-bit integer, or nil for a seed of the engine's own choice.
struct SeedField: Field {
    let name: String
    let about: String
    var fallback: UInt64? { nil }

    var schema: [String: JSONValue] { ["type": ["integer", "null"], "minimum": 0, "maximum": .unsigned(.max)] }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> UInt64? {
        if value == .null { return nil }
        let allowed = "an integer from 0 to \(UInt64.max)"
        if isText, let seed = value.string.flatMap({ UInt64($0) }) { return seed }
        guard let number = value.double else {
            throw .invalidType(field: name, value: value.excerpt, expected: allowed)
        }
        guard let seed = value.uint64 else {
            throw number.rounded() == number
                ? .outOfRange(field: name, value: value.excerpt, allowed: allowed)
                : .invalidType(field: name, value: value.excerpt, expected: allowed)
        }
        return seed
    }

    func json(_ value: UInt64?) -> JSONValue { value.map(JSONValue.unsigned) ?? .null }
}

/// One of the server's models; nil if the field is absent, null or names no model in particular.
struct ModelField: Field {
    let name: String
    /// Names to choose from, the default first.
    let models: [String]
    let about: String
    var fallback: String? { nil }

    /// Names that clients of OpenAI's and the sibling API send for whatever model there is.
    static let tolerated = ["chatterbox", "chatterbox-tts-1", "gpt-4o-mini-tts", "tts-1", "tts-1-hd"]

    var schema: [String: JSONValue] { ["type": ["string", "null"]] }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> String? {
        if value == .null { return nil }
        guard case .string(let name) = value else {
            throw .invalidType(field: self.name, value: value.excerpt, expected: "a string")
        }
        if models.contains(name) { return name }
        if Self.tolerated.contains(name) { return nil }
        throw .unknownModel(name, available: models)
    }

    func json(_ value: String?) -> JSONValue { (value ?? models.first).map(JSONValue.string) ?? .null }
}

/// A media file in base64, a `data:` URL's prefix allowed, or true for the next binary message; what is in it is for the
/// engine to say.
struct RecordingField: Field {
    enum Recording: Sendable, Equatable {
        case inline(Data)
        case nextMessage

        var data: Data? {
            if case .inline(let data) = self { data } else { nil }
        }
    }

    let name: String
    /// Whether `true` is allowed: only a WebSocket has a next message.
    let mayFollow: Bool
    let about: String
    var fallback: Recording? { nil }

    var schema: [String: JSONValue] { ["type": mayFollow ? ["string", "boolean", "null"] : ["string", "null"]] }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> Recording? {
        if value == .null { return nil }
        if mayFollow, value == .bool(true) { return .nextMessage }
        let allowed =
            "a recording in base64 (WAV, MP3, FLAC, M4A, Ogg or WebM)"
            + (mayFollow ? ", or true if it follows as a binary message" : "")
        guard case .string(var text) = value else {
            throw .invalidType(field: name, value: value.excerpt, expected: allowed)
        }
        if text.hasPrefix("data:"), let comma = text.firstIndex(of: ",") { text = String(text[comma...].dropFirst()) }
        guard let data = Data(base64Encoded: text), !data.isEmpty else {
            throw .invalidValue(field: name, value: text.isEmpty ? "empty" : "no base64", allowed: allowed)
        }
        return .inline(data)
    }

    /// Never echoed.
    func json(_ value: Recording?) -> JSONValue { .null }
}

/// A list of strings; nil if the field is absent.
struct StringListField: Field {
    let name: String
    let maxCount: Int
    let lengths: ClosedRange<Int>
    let isRequired: Bool
    let about: String
    var fallback: [String]? { nil }

    init(_ name: String, maxCount: Int, lengths: ClosedRange<Int>, isRequired: Bool = false, _ about: String) {
        (self.name, self.maxCount, self.lengths) = (name, maxCount, lengths)
        (self.isRequired, self.about) = (isRequired, about)
    }

    var schema: [String: JSONValue] {
        [
            "type": "array", "maxItems": .count(maxCount), "minItems": isRequired ? 1 : 0,
            "items": [
                "type": "string", "minLength": .count(lengths.lowerBound), "maxLength": .count(lengths.upperBound),
            ],
        ]
    }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> [String]? {
        let allowed =
            "a list of at most \(maxCount) strings of \(lengths.lowerBound) to \(lengths.upperBound) characters"
        guard case .array(let items) = value else {
            throw .invalidType(field: name, value: value.excerpt, expected: allowed)
        }
        guard items.count <= maxCount, !(isRequired && items.isEmpty) else {
            throw .outOfRange(field: name, value: "a list of \(items.count)", allowed: allowed)
        }
        var texts: [String] = []
        for item in items {
            guard let text = item.string, lengths.contains(text.unicodeScalars.count) else {
                throw .invalidValue(field: name, value: "a list with \(item.excerpt)", allowed: allowed)
            }
            texts.append(text)
        }
        return texts
    }

    func json(_ value: [String]?) -> JSONValue { value.map { .strings($0) } ?? .null }
}

/// An object of any fields; nil if it is absent.
struct ObjectField: Field {
    let name: String
    let about: String
    var fallback: [String: JSONValue]? { nil }

    init(_ name: String, _ about: String) { (self.name, self.about) = (name, about) }

    var schema: [String: JSONValue] { ["type": "object"] }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> [String: JSONValue]? {
        guard case .object(let object) = value else {
            throw .invalidType(field: name, value: value.excerpt, expected: "an object")
        }
        return object
    }

    func json(_ value: [String: JSONValue]?) -> JSONValue { value.map(JSONValue.object) ?? .null }
}
