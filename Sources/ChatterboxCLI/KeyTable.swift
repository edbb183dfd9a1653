import AccessControl
import Foundation

/// Keys as people and programs read them.
enum KeyTable {
    static func text(_ keys: [APIKey], asJSON: Bool, now: Date) -> String {
        if asJSON { return json(keys, now) }
        let head = ["ID", "NAME", "SCOPES", "STATE", "CREATED", "EXPIRES", "LAST USED", "LIMITS"]
        let rows =
            [head]
            + keys.map { key in
                [
                    key.id, key.name, key.scopes.text, key.state(at: now).rawValue, date(key.created),
                    key.expires.map(date) ?? "never", key.lastUsed.map(date) ?? "never", key.limits.text,
                ]
            }
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let line = row.enumerated().map { $1.padding(toLength: widths[$0], withPad: " ", startingAt: 0) }
                .joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }

    private struct Row: Encodable {
        var id: String
        var name: String
        var scopes: [String]
        var state: String
        var created: Date
        var expires: Date?
        var revoked: Date?
        var rotated: Date?
        var lastUsed: Date?
        var limits: String
    }

    private static func json(_ keys: [APIKey], _ now: Date) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.dateEncodingStrategy = .iso8601
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let rows = keys.map { key in
            Row(
                id: key.id, name: key.name, scopes: key.scopes.text.split(separator: ",").map(String.init),
                state: key.state(at: now).rawValue, created: key.created, expires: key.expires, revoked: key.revoked,
                rotated: key.rotated, lastUsed: key.lastUsed, limits: key.limits.text)
        }
        // Strings and dates can always be written.
        return (try? encoder.encode(rows)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }

    private static func date(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false))
    }
}

/// Times as people write them.
enum KeyTime {
    private static let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]

    /// Such as 90d or 12h.
    static func seconds(_ text: String, field: String) throws(AccessError) -> Double {
        guard let unit = text.last.flatMap({ units[$0] }), let number = Int(text.dropLast()), number >= 0,
            number <= 1_000_000
        else { throw .invalid(field: field, value: text, allowed: "a time such as 90d, 12h, 30m or 10s") }
        return Double(number) * unit
    }

    /// Such as 2030-01-31 (its beginning, UTC), 2030-01-31T12:00:00Z, or a time from now.
    static func date(_ text: String, field: String) throws(AccessError) -> Date {
        if let date = try? Date(text, strategy: .iso8601) { return date }
        if let date = try? Date(text, strategy: .iso8601.year().month().day()) { return date }
        do {
            return Date().addingTimeInterval(try seconds(text, field: field))
        } catch {
            throw .invalid(
                field: field, value: text, allowed: "a date such as 2030-01-31, or a time such as 90d or 12h")
        }
    }
}
