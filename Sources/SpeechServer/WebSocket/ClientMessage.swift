/// A message of the client, checked.
package enum ClientMessage: Sendable, Equatable {
    case streamRequest(StreamRequest)
    case cancel(requestID: String?)
    /// Text for a context, which the first one opens: `request` has its parameters, nil if none were sent.
    case append(contextID: String, text: String, request: StreamRequest?)
    case flush(contextID: String)
    case close(contextID: String)
    case cancelContext(String)
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
        guard let known = Self.fields[name] else { throw ServerError.unknownType(name) }
        for field in envelope.keys.sorted() where !known.contains(field) {
            // A parameter one level too high is the likeliest slip.
            let inside = known.contains("data") && StreamRequest.fields.contains(field)
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
            if let id = try Self.contextID(envelope, isRequired: false) {
                guard envelope["request_id"] ?? .null == .null else {
                    throw ServerError.invalidValue(
                        field: "request_id", value: "given beside context_id", allowed: "one of the two")
                }
                self = .cancelContext(id)
            } else {
                self = .cancel(requestID: try StreamRequest.requestID(envelope["request_id"]))
            }
        case "append":
            let id = try Self.contextID(envelope) ?? ""
            guard let text = envelope["text"] else { throw ServerError.missingField("text") }
            guard case .string(let text) = text else {
                throw ServerError.invalidType(field: "text", value: text.excerpt, expected: "a string")
            }
            guard text.unicodeScalars.count <= SpeechContext.maxPendingCharacters else {
                throw ServerError.outOfRange(
                    field: "text", value: "\(text.unicodeScalars.count) characters long",
                    allowed: "at most \(SpeechContext.maxPendingCharacters) characters")
            }
            self = .append(
                contextID: id, text: text, request: try Self.contextRequest(envelope["data"], models, defaults))
        case "flush": self = .flush(contextID: try Self.contextID(envelope) ?? "")
        case "close": self = .close(contextID: try Self.contextID(envelope) ?? "")
        default:
            self = .ping
        }
    }
}

extension ClientMessage {
    /// The types, and the fields that each may have.
    static let fields = [
        "stream_request": ["type", "data", "request_id"], "cancel": ["type", "request_id", "context_id"],
        "ping": ["type"], "append": ["type", "context_id", "text", "data"], "flush": ["type", "context_id"],
        "close": ["type", "context_id"],
    ]

    /// Which `context_id` a message carries, as far as it can be read.
    static func contextID(in message: JSONValue) -> String? {
        guard case .object(let envelope) = message, case .string(let id)? = envelope["context_id"] else { return nil }
        return id
    }

    private static let contextID = StringField("context_id", lengths: 1...128, "Which of the socket's contexts")

    private static func contextID(_ envelope: [String: JSONValue], isRequired: Bool = true) throws -> String? {
        let id = try envelope["context_id"].flatMap { try contextID.read($0, isText: false) }
        if id == nil, isRequired { throw ServerError.missingField("context_id") }
        return id
    }

    /// A context's parameters are those of a request, but for its text and what only one request at a time can have.
    private static func contextRequest(
        _ data: JSONValue?, _ models: [String], _ defaults: SpeechDefaults
    ) throws -> StreamRequest? {
        guard let data else { return nil }
        guard case .object(var fields) = data else {
            throw ServerError.invalidType(field: "data", value: data.excerpt, expected: "an object")
        }
        guard fields["input"] == nil else {
            throw ServerError.unknownField("input", suggestion: "text, beside data")
        }
        fields["input"] = "-"
        if fields["output_format"] == nil { fields["output_format"] = "base64" }
        let request = try StreamRequest(fields, models: models, defaults: defaults)
        guard request.outputFormat == .base64 else {
            throw ServerError.invalidValue(
                field: "output_format", value: "\"wav\"", allowed: "\"base64\": contexts share the socket")
        }
        guard !request.awaitsRecording else {
            throw ServerError.invalidValue(
                field: "voice_audio", value: "true", allowed: "a recording in base64, in a context")
        }
        return request
    }
}
