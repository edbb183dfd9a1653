import Foundation

extension JSONValue {
    /// A moment in ISO 8601, with milliseconds, in UTC.
    static func date(_ date: Date) -> JSONValue { .string(ISODate.text(date)) }
    static func optional(_ date: Date?) -> JSONValue { date.map(JSONValue.date) ?? .null }
}

enum ISODate {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    static func text(_ date: Date) -> String { date.formatted(style) }

    /// Dates as clients write them: with a zone or without, which is UTC then, and with or without a time.
    static func parse(_ text: String) -> Date? {
        let text = text.replacing(" ", with: "T")
        let hasTime = text.contains("T")
        let whole = hasTime ? text : text + "T00:00:00"
        let time = whole.drop { $0 != "T" }
        let hasZone = time.hasSuffix("Z") || time.contains("+") || time.dropFirst().contains("-")
        let zoned = hasZone ? whole : whole + "Z"
        return (try? style.parse(zoned)) ?? (try? Date.ISO8601FormatStyle().parse(zoned))
    }
}

/// A date of a query.
struct DateField: Field {
    let name: String
    let about: String
    var fallback: Date? { nil }

    init(_ name: String, _ about: String) { (self.name, self.about) = (name, about) }

    var schema: [String: JSONValue] { ["type": "string", "format": "date-time"] }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> Date? {
        guard let text = value.string, let date = ISODate.parse(text) else {
            throw .invalidValue(
                field: name, value: value.excerpt, allowed: "an ISO 8601 date such as 2026-01-31T12:00:00Z")
        }
        return date
    }

    func json(_ value: Date?) -> JSONValue { .optional(value) }
}
