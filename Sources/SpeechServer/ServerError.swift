import AccessControl
import SpeechEngine

/// Everything that can go wrong between a client and the engine, and the one place that says how each is told:
/// message, machine-readable code, field, HTTP status, and whether the WebSocket survives.
public enum ServerError: Error, Sendable, Equatable {
    // A message that can't be acted on; the connection stays open.
    case invalidJSON(reason: String)
    case invalidMessage(reason: String, field: String?)
    case unknownType(String)
    case missingField(String)
    case unknownField(String, suggestion: String?)
    case invalidType(field: String, value: String, expected: String)
    case outOfRange(field: String, value: String, allowed: String)
    case invalidValue(field: String, value: String, allowed: String)
    case emptyText
    case textTooLong(length: Int, limit: Int)
    case textTooShort(length: Int, limits: ClosedRange<Int>)
    /// More than one field is at fault; two at least.
    case several([ServerError])
    case unknownModel(String, available: [String])
    case unknownVoice(String, available: [String])
    case cloningUnsupported(model: String)
    /// A voice of the library, and a model that can't make voices of recordings.
    case voiceNeedsCloning(String, model: String)
    case unusableRecording(reason: String)
    case unknownLanguage(String, available: [String])
    case unreadableText(reason: String)
    case unexpectedBinary(byteCount: Int)
    // A request that was right and can't be served now.
    case queueFull(limit: Int)
    case nothingToCancel(requestID: String?)
    /// No context of the socket has this id (any more).
    case noSuchContext(String)
    case tooManyContexts(limit: Int)
    case notReady
    /// `wait` is seconds until those who wait already are spoken, if that is known.
    case serverBusy(wait: Double?)
    case shuttingDown
    /// There is no room for the model now.
    case modelUnavailable(reason: String)
    case speechFailed(reason: String)
    /// Voices or jobs can't be read or kept.
    case libraryFailed(reason: String)
    // HTTP.
    case notFound(path: String)
    case unsupportedMediaType(String, allowed: [String])
    /// A thing of the library or a job that isn't there.
    case noSuch(kind: String, name: String)
    /// What was asked contradicts what there is.
    case conflict(reason: String, field: String?)
    /// Something that destroys asks twice.
    case unconfirmed(action: String)
    case methodNotAllowed(method: String, path: String, allowed: String)
    case upgradeRequired
    /// A request for a WebSocket that isn't as RFC 6455 has it.
    case badHandshake(field: String, value: String, allowed: String)
    case tooManyConnections(limit: Int)
    /// No key, the wrong one, or more than it may.
    case refused(AccessRefusal)
    case badRequest(reason: String)
    case headersTooLarge(limit: Int)
    case bodyTimeout(Duration, bytesPerSecond: Int)
    // Ends of a WebSocket.
    case messageTooLarge(limit: Int)
    case invalidUTF8
    case protocolViolation(reason: String)
    case connectionTimeout(Duration)
    case connectionLifetime(Duration)
    case internalFailure

    public var code: String {
        switch self {
        case .invalidJSON: "invalid_json"
        case .invalidMessage: "invalid_message"
        case .unknownType: "unknown_type"
        case .missingField: "missing_field"
        case .unknownField: "unknown_field"
        case .invalidType: "invalid_type"
        case .outOfRange: "out_of_range"
        case .invalidValue: "invalid_value"
        case .emptyText: "empty_text"
        case .textTooLong: "text_too_long"
        case .textTooShort: "text_too_short"
        case .several(let errors): errors[0].code
        case .unknownModel: "unknown_model"
        case .unknownVoice: "unknown_voice"
        case .cloningUnsupported, .voiceNeedsCloning: "cloning_not_supported"
        case .unusableRecording: "unusable_recording"
        case .unknownLanguage: "unknown_language"
        case .unreadableText: "unreadable_text"
        case .unexpectedBinary: "unexpected_binary"
        case .queueFull: "queue_full"
        case .nothingToCancel: "nothing_to_cancel"
        case .noSuchContext: "no_such_context"
        case .tooManyContexts: "too_many_contexts"
        case .notReady: "not_ready"
        case .serverBusy: "server_busy"
        case .shuttingDown: "shutting_down"
        case .modelUnavailable: "model_unavailable"
        case .speechFailed: "speech_failed"
        case .libraryFailed: "library_failed"
        case .notFound: "not_found"
        case .unsupportedMediaType: "unsupported_media_type"
        case .noSuch(let kind, _): "\(kind)_not_found"
        case .conflict: "conflict"
        case .unconfirmed: "unconfirmed"
        case .methodNotAllowed: "method_not_allowed"
        case .upgradeRequired: "upgrade_required"
        case .badHandshake: "bad_handshake"
        case .tooManyConnections: "too_many_connections"
        case .refused(let refusal): refusal.code
        case .badRequest: "bad_request"
        case .headersTooLarge: "headers_too_large"
        case .bodyTimeout: "body_timeout"
        case .messageTooLarge: "message_too_large"
        case .invalidUTF8: "invalid_utf8"
        case .protocolViolation: "protocol_violation"
        case .connectionTimeout: "connection_timeout"
        case .connectionLifetime: "connection_lifetime"
        case .internalFailure: "internal_error"
        }
    }

    /// The field of the message at fault, if one is.
    public var field: String? {
        switch self {
        case .unknownField(let field, _): field.excerpt(60)
        case .missingField(let field), .invalidType(let field, _, _),
            .outOfRange(let field, _, _), .invalidValue(let field, _, _):
            field
        case .invalidMessage(_, let field): field
        case .unknownType: "type"
        case .emptyText, .textTooLong, .textTooShort, .unreadableText: "input"
        case .several(let errors): errors[0].field
        case .unknownLanguage: "language"
        case .unknownModel, .modelUnavailable: "model"
        case .unknownVoice, .voiceNeedsCloning: "voice"
        case .cloningUnsupported, .unusableRecording: "voice_audio"
        case .conflict(_, let field): field
        case .unconfirmed: "confirm"
        case .noSuchContext, .tooManyContexts: "context_id"
        case .refused(let refusal): refusal.field
        case .nothingToCancel(let requestID): requestID == nil ? nil : "request_id"
        default: nil
        }
    }

    public var message: String {
        switch self {
        case .invalidJSON(let reason): "The message is not valid JSON: \(reason)"
        case .invalidMessage(let reason, _): reason
        case .unknownType(let type):
            "type is \"\(type.excerpt(40))\"; known types are \(ClientMessage.fields.keys.sorted().joined(separator: ", "))"
        case .missingField(let field): "\(field) is missing"
        case .unknownField(let field, let suggestion):
            "\(field.excerpt(60)) is not a known field" + (suggestion.map { "; did you mean \($0)?" } ?? "")
        case .invalidType(let field, let value, let expected):
            "\(field) is \(value), but must be \(expected)"
        case .outOfRange(let field, let value, let allowed):
            "\(field) is \(value); allowed is \(allowed)"
        case .invalidValue(let field, let value, let allowed):
            "\(field) is \(value); allowed is \(allowed)"
        case .emptyText: "input has no text to speak"
        case .textTooLong(let length, let limit):
            "input has \(length) characters; allowed is 1 to \(limit)"
        case .textTooShort(let length, let limits):
            "input has \(length) characters; allowed is \(limits.lowerBound) to \(limits.upperBound)"
        case .several(let errors):
            errors.prefix(10).map(\.message).joined(separator: "; ")
                + (errors.count > 10 ? "; and \(errors.count - 10) more" : "")
        case .unknownModel(let name, let available):
            "model is \"\(name.excerpt(60))\"; available models are \(available.joined(separator: ", "))"
        case .modelUnavailable(let reason): reason
        case .unknownVoice(let name, let available):
            "voice is \"\(name.excerpt(60))\"; available voices are \(available.joined(separator: ", "))"
        case .cloningUnsupported(let model):
            "voice_audio came, but the model \(model) can't make voices of recordings; choose a voice by its name"
        case .voiceNeedsCloning(let name, let model):
            "voice is \"\(name.excerpt(60))\", a recording of the library, but the model \(model) can't make voices of recordings; choose one of its own"
        case .unusableRecording(let reason): "voice_audio: \(reason)"
        case .unknownLanguage(let name, let available):
            "language is \"\(name.excerpt(60))\"; the model speaks \(available.joined(separator: ", "))"
                + (name.lowercased().hasPrefix("zh") && available.contains("ja")
                    ? "; Chinese needs Cangjie5_TC.json in the model's folder" : "")
        case .unreadableText(let reason): reason
        case .unexpectedBinary(let byteCount):
            "A binary message of \(byteCount) bytes came; one is expected after a stream_request with voice_audio true only"
        case .queueFull(let limit):
            "\(limit) requests are waiting on this connection already; wait for one to be done, or cancel one"
        case .nothingToCancel(let requestID):
            requestID.map { "request_id \"\($0)\" is neither being spoken nor waiting" } ?? "No request is being spoken"
        case .noSuchContext(let id):
            "context_id \"\(id.excerpt(60))\" is no open context; an append with data (which may be empty) opens one"
        case .tooManyContexts(let limit): "\(limit) contexts are open on this connection already; close or cancel one"
        case .notReady: "Streaming model not ready: it is still loading; see /ws/stream/status"
        case .serverBusy(let wait):
            "All places of the server are taken, and its queue is full; try again in "
                + (wait.map { "about \(Int($0.rounded(.up))) s" } ?? "a moment")
        case .shuttingDown: "The server is shutting down"
        case .speechFailed(let reason): "Streaming failed: \(reason)"
        case .libraryFailed(let reason): reason
        case .notFound(let path): "No route for \(path.excerpt(200))"
        case .unsupportedMediaType(let type, let allowed):
            "The body is \(type.excerpt(100)); allowed is \(allowed.joined(separator: " or "))"
        case .noSuch(let kind, let name): "There is no \(kind) \"\(name.excerpt(100))\""
        case .conflict(let reason, _): reason
        case .unconfirmed(let action): "confirm is not true, and \(action) can't be undone; set it to true to go on"
        case .methodNotAllowed(let method, let path, let allowed):
            "\(method.excerpt(20)) is not allowed for \(path.excerpt(200)); allowed is \(allowed)"
        case .upgradeRequired: "This path speaks WebSocket version 13 only; connect with ws://"
        case .badHandshake(let field, let value, let allowed):
            "\(field) is \(value.excerpt(60)), but must be \(allowed)"
        case .tooManyConnections(let limit): "The server has its limit of \(limit) connections open; try again later"
        case .refused(let refusal): refusal.message
        case .badRequest(let reason): "This is no HTTP request: \(reason)"
        case .headersTooLarge(let limit): "The headers are larger than \(limit) bytes"
        case .bodyTimeout(let duration, let rate):
            "The body did not come in time; allowed are \(duration.components.seconds) s and a second for each \(rate) bytes"
        case .messageTooLarge(let limit): "message larger than \(limit) bytes"
        case .invalidUTF8: "text is not valid UTF-8"
        case .protocolViolation(let reason): reason
        case .connectionTimeout(let duration): "nothing was asked for \(duration.components.seconds) seconds"
        case .connectionLifetime(let duration): "the connection was open for \(duration.components.seconds) seconds"
        case .internalFailure: "internal error"
        }
    }

    /// Status of an HTTP answer that tells this error.
    public var httpStatus: Int {
        switch self {
        case .notFound, .noSuch: 404
        case .methodNotAllowed: 405
        case .upgradeRequired: 426
        case .messageTooLarge: 413
        case .queueFull: 429
        case .notReady, .serverBusy, .shuttingDown, .modelUnavailable, .tooManyConnections: 503
        case .speechFailed, .libraryFailed, .internalFailure: 500
        case .nothingToCancel, .conflict: 409
        case .unsupportedMediaType: 415
        case .unconfirmed, .badHandshake, .badRequest: 400
        case .refused(let refusal): refusal.httpStatus
        case .bodyTimeout: 408
        case .headersTooLarge: 431
        default: 422
        }
    }

    /// WebSocket close code (RFC 6455, 7.4.1) if the error ends the connection, nil if the connection survives.
    public var closeCode: UInt16? {
        switch self {
        case .shuttingDown, .connectionTimeout, .connectionLifetime: 1001
        case .protocolViolation: 1002
        case .invalidUTF8: 1007
        case .refused: endsAccess ? 1008 : nil
        case .messageTooLarge: 1009
        case .internalFailure: 1011
        default: nil
        }
    }
}
