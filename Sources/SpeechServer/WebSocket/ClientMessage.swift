/// A message of the client, checked.
package enum ClientMessage: Sendable, Equatable {
    case streamRequest(StreamRequest)
    case cancel(requestID: String?)
    case ping

    /// Which `request_id` a message carries, as far as it can be read: errors echo it even if the rest is wrong.
    static func requestID(in message: JSONValue) -> String? {
        guard case .object(let envelope) = message else { return nil }
        if case .string(let id)? = envelope["request_id"] { return id }
        if case .object(let data)? = envelope["data"], case .string(let id)? = data["request_id"] { return id }
        return nil
    }

    /// - Parameter models: names that `model` may choose, the default first.
    /// - Throws: `ServerError` that names the field at fault.
    package init(_ message: JSONValue, models: [String] = [], defaults: SpeechDefaults = .init()) throws {
        guard case .object(let envelope) = message else {
            throw ServerError.invalidMessage(
                reason: "The message is \(message.excerpt), but must be an object with a type", field: nil)
        }
        guard let type = envelope["type"] else { throw ServerError.missingField("type") }
        guard case .string(let name) = type else {
            throw ServerError.invalidType(field: "type", value: type.excerpt, expected: "a string")
        }
        let known: [String]
        switch name {
        case "stream_request": known = ["type", "data", "request_id"]
        case "cancel": known = ["type", "request_id"]
        case "ping": known = ["type"]
        default: throw ServerError.unknownType(name)
        }
        for field in envelope.keys.sorted() where !known.contains(field) {
            // A parameter one level too high is the likeliest slip.
            let inside = name == "stream_request" && StreamRequest.fields.contains(field)
            throw ServerError.unknownField(
                field, suggestion: inside ? "data.\(field)" : Suggestion.nearest(to: field, in: known))
        }
        switch name {
        case "stream_request":
            guard let data = envelope["data"] else { throw ServerError.missingField("data") }
            guard case .object(let fields) = data else {
                throw ServerError.invalidType(field: "data", value: data.excerpt, expected: "an object")
            }
            let outer = try StreamRequest.requestID(envelope["request_id"])
            self = .streamRequest(try StreamRequest(fields, requestID: outer, models: models, defaults: defaults))
        case "cancel":
            self = .cancel(requestID: try StreamRequest.requestID(envelope["request_id"]))
        default:
            self = .ping
        }
    }
}

/// Finds the name that was probably meant.
package enum Suggestion {
    package static func nearest(to name: String, in known: [String]) -> String? {
        guard name.count <= 60 else { return nil }
        let best = known.map { (name: $0, distance: distance(name.lowercased(), $0)) }.min { $0.distance < $1.distance }
        guard let best, best.distance <= max(2, name.count / 3) else { return nil }
        return best.name
    }

    /// Levenshtein's edit distance.
    static func distance(_ a: String, _ b: String) -> Int {
        let b = Array(b)
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
