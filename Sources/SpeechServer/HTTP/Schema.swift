/// JSON Schema (2020-12) in short, for the API's description.
indirect enum Schema: Sendable {
    case string, integer, number, boolean, any
    case null
    case nullable(Schema)
    case list(Schema)
    case choice([String])
    /// An object of which all these keys are there; others may be.
    case object(KeyValuePairs<String, Schema>)
    /// As `object`, but keys may be missing.
    case partial(KeyValuePairs<String, Schema>)
    /// An object with keys of its own and values alike.
    case map(Schema)
    /// One of the document's named schemas.
    case named(String)

    var json: JSONValue {
        switch self {
        case .string: ["type": "string"]
        case .integer: ["type": "integer"]
        case .number: ["type": "number"]
        case .boolean: ["type": "boolean"]
        case .null: ["type": "null"]
        case .any: [:]
        case .nullable(let schema): ["anyOf": [schema.json, ["type": "null"]]]
        case .list(let schema): ["type": "array", "items": schema.json]
        case .choice(let words): ["type": "string", "enum": .array(words.map(JSONValue.string))]
        case .object(let properties):
            Self.object(properties, required: properties.map(\.key))
        case .partial(let properties): Self.object(properties, required: [])
        case .map(let schema): ["type": "object", "additionalProperties": schema.json]
        case .named(let name): ["$ref": .string("#/components/schemas/\(name)")]
        }
    }

    private static func object(_ properties: KeyValuePairs<String, Schema>, required: [String]) -> JSONValue {
        var object: [String: JSONValue] = [
            "type": "object",
            "properties": .object(
                Dictionary(properties.map { ($0.key, $0.value.json) }, uniquingKeysWith: { $1 })),
        ]
        if !required.isEmpty { object["required"] = .array(required.map(JSONValue.string)) }
        return .object(object)
    }
}
