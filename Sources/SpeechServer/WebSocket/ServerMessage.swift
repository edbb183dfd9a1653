import SpeechEngine

/// What the server says in JSON. Field names and meaning: docs/protocol.md.
indirect enum ServerMessage: Sendable, Equatable {
    /// The first number changes with what old clients can't live with.
    static let protocolVersion = "1.1"

    case connected(connectionID: String)
    case queued(QueuePlace, requestID: String?)
    case info(Info)
    case audio(chunk: Int, base64: String)
    case metrics(Metrics)
    case timestamps([WordTimestamp])
    case done(Done)
    case cancelled(requestID: String?)
    case pong
    /// The text before a flush has been spoken.
    case flushed
    /// The same of one context of a socket.
    case inContext(String, ServerMessage)
    case error(ServerError, requestID: String?)

    struct Info: Encodable, Sendable, Equatable {
        var textLength: Int
        var voice: String
        var parameters: [String: JSONValue]
        var ignoredParameters: [String]
        var sampleRate: Int
        var requestID: String?
    }

    /// Seconds are of the engine's clock, from the moment the request was handed to it.
    struct Metrics: Encodable, Sendable, Equatable {
        var chunk: Int
        var latencyToFirstChunk: Double
        var elapsedTime: Double
        var audioDuration: Double
        var rtf: Double
        var chunkSizeBytes: Int
        var sampleRate: Int
    }

    struct Done: Encodable, Sendable, Equatable {
        var message: String
        var totalChunks = 0
        var audioDuration = 0.0
        var elapsedTime = 0.0
        /// Speech tokens made in all, and when the first audio left: what tells streaming from pretending.
        var tokens = 0
        var firstChunkTokens = 0
        var endReason: String
        /// Gives the same samples again; unknown of what was cancelled.
        var seed: UInt64?
        var requestID: String?
    }
}

extension ServerMessage {
    /// The error that it tells, if it does.
    var failure: ServerError? {
        switch self {
        case .error(let error, _): error
        case .inContext(_, let message): message.failure
        default: nil
        }
    }
}

extension ServerMessage: Encodable {
    private enum CodingKeys: String, CodingKey {
        case type, message, data, words, error, code, field, connectionID, requestID, position, estimatedWait,
            retryAfter,
            contextID,
            protocolVersion
    }

    private struct Audio: Encodable {
        var chunk: Int
        var audio: String
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .connected(let connectionID):
            try container.encode("connected", forKey: .type)
            try container.encode(connectionID, forKey: .connectionID)
            try container.encode(Self.protocolVersion, forKey: .protocolVersion)
            try container.encode("Connected to TRUE streaming WebSocket", forKey: .message)
        case .queued(let place, let requestID):
            try container.encode("queued", forKey: .type)
            try container.encode("Waiting for a place", forKey: .message)
            try container.encode(place.position, forKey: .position)
            try container.encodeIfPresent(place.estimatedWait?.rounded(decimals: 1), forKey: .estimatedWait)
            try container.encodeIfPresent(requestID, forKey: .requestID)
        case .info(let info):
            try container.encode("info", forKey: .type)
            try container.encode("Starting TRUE streaming generation...", forKey: .message)
            try info.encode(to: encoder)
        case .audio(let chunk, let base64):
            try container.encode("audio", forKey: .type)
            try container.encode(Audio(chunk: chunk, audio: base64), forKey: .data)
        case .metrics(let metrics):
            try container.encode("metrics", forKey: .type)
            try container.encode(metrics, forKey: .data)
        case .timestamps(let words):
            try container.encode("timestamps", forKey: .type)
            try container.encode(
                words.map { word in
                    var word = word
                    (word.start, word.end) = (word.start.rounded(decimals: 4), word.end.rounded(decimals: 4))
                    return word
                }, forKey: .words)
        case .done(let done):
            try container.encode("done", forKey: .type)
            try done.encode(to: encoder)
        case .cancelled(let requestID):
            try container.encode("cancelled", forKey: .type)
            try container.encode("Streaming cancelled", forKey: .message)
            try container.encodeIfPresent(requestID, forKey: .requestID)
        case .pong:
            try container.encode("pong", forKey: .type)
        case .flushed:
            try container.encode("flushed", forKey: .type)
        case .inContext(let id, let message):
            try container.encode(id, forKey: .contextID)
            try message.encode(to: encoder)
        case .error(let error, let requestID):
            try container.encode("error", forKey: .type)
            try container.encode(error.message, forKey: .error)
            try container.encode(error.code, forKey: .code)
            try container.encodeIfPresent(error.field, forKey: .field)
            try container.encodeIfPresent(error.retryAfter?.rounded(decimals: 1), forKey: .retryAfter)
            try container.encodeIfPresent(requestID, forKey: .requestID)
        }
    }
}
