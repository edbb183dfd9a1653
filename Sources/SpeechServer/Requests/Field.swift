/// A field of a request: its name, what may stand in it, and how it is read. The same value makes the field's schema in
/// the description of the API, so that the two can't differ.
protocol Field: Sendable {
    associatedtype Value: Sendable
    var name: String { get }
    /// What is used if the field is absent, or wrong.
    var fallback: Value { get }
    var isRequired: Bool { get }
    /// For people who read the API's description.
    var about: String { get }
    /// JSON Schema of the value, without the description.
    var schema: [String: JSONValue] { get }
    /// - Parameter isText: whether all values came as text, as in a form: "0.5" is a number then.
    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> Value
    /// The value as it will be used.
    func json(_ value: Value) -> JSONValue
}

extension Field {
    var isRequired: Bool { false }

    /// An entry of an object's `properties`.
    var property: FieldProperty {
        var schema = schema
        if schema["default"] == nil, !isRequired {
            let value = json(fallback)
            if value != .null { schema["default"] = value }
        }
        schema["description"] = .string(about)
        return FieldProperty(name: name, isRequired: isRequired, schema: .object(schema))
    }
}

/// What the description of the API says of a field.
struct FieldProperty: Sendable {
    var name: String
    var isRequired: Bool
    var schema: JSONValue
}

/// Reads the fields of a request, and keeps what will be used and everything that is wrong.
struct FieldReader {
    private let values: [String: JSONValue]
    private let isText: Bool
    private(set) var used: [String: JSONValue] = [:]
    private var problems: [ServerError] = []

    init(_ values: [String: JSONValue], isText: Bool = false) {
        self.values = values
        self.isText = isText
    }

    func has(_ name: String) -> Bool { values[name].map { $0 != .null } ?? false }

    mutating func callAsFunction<F: Field>(_ field: F) -> F.Value {
        do throws(ServerError) {
            guard let value = values[field.name] else {
                if field.isRequired { throw ServerError.missingField(field.name) }
                used[field.name] = field.json(field.fallback)
                return field.fallback
            }
            let read = try field.read(value, isText: isText)
            used[field.name] = field.json(read)
            return read
        } catch {
            problems.append(error)
            return field.fallback
        }
    }

    mutating func use(_ name: String, _ value: JSONValue) { used[name] = value }

    mutating func refuse(_ problem: ServerError) { problems.append(problem) }

    /// Rejects fields nobody knows, because a silent typo loses a setting.
    /// - Returns: the tolerated fields that were sent.
    /// - Throws: `ServerError`: all that was found wrong, in the order it was read.
    mutating func finish(known: [String], tolerated: [String] = []) throws(ServerError) -> [String] {
        try RequestFields.checkCount(values.count)
        for name in values.keys.sorted() where !known.contains(name) && !tolerated.contains(name) {
            problems.append(.unknownField(name, suggestion: Suggestion.nearest(to: name, in: known)))
        }
        guard let first = problems.first else { return values.keys.filter(tolerated.contains).sorted() }
        throw problems.count == 1 ? first : .several(problems)
    }
}
