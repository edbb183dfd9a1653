/// How a text is spoken; what is nil is the server's choice. Ranges and meaning: docs/protocol.md.
public struct SpeechOptions: Sendable, Equatable, Encodable {
    public var model: String?
    public var voice: String?
    public var language: String?
    public var normalizeText: Bool?
    public var exaggeration: Double?
    public var cfgWeight: Double?
    public var temperature: Double?
    public var topP: Double?
    public var chunkSize: Int?
    public var chunkGrowth: Bool?
    public var contextWindow: Int?
    public var maxNewTokens: Int?
    public var minNewTokens: Int?
    public var enableAlignmentMonitoring: Bool?
    public var alignmentWindowSize: Int?
    public var alignmentThreshold: Double?
    public var enableFadeIn: Bool?
    public var fadeInDurationMs: Int?
    public var includeMetrics: Bool?
    public var includeTimestamps: Bool?
    public var seed: UInt64?
    public var requestId: String?

    public init(voice: String? = nil, model: String? = nil) { (self.voice, self.model) = (voice, model) }
}

/// How speech began.
public struct SpeechStart: Sendable, Equatable, Decodable {
    /// Who speaks.
    public let voice: String
    /// Of the audio, in Hz.
    public let sampleRate: Int
    public let textLength: Int
    /// Options that this model can't honour.
    public let ignoredParameters: [String]
}

/// A word of the text, and when it is spoken: seconds from the start of the audio.
public struct Word: Sendable, Equatable, Decodable {
    public let word: String
    public let start: Double
    public let end: Double
}

/// How the request stood after a chunk; times in seconds.
public struct Metrics: Sendable, Equatable, Decodable {
    public let chunk: Int
    public let latencyToFirstChunk: Double
    public let elapsedTime: Double
    public let audioDuration: Double
    /// `elapsedTime / audioDuration`.
    public let rtf: Double
}

/// How a request ended.
public struct Summary: Sendable, Equatable, Decodable {
    public let totalChunks: Int
    public let audioDuration: Double
    public let elapsedTime: Double
    public let tokens: Int
    /// `stop_token`, `alignment`, `max_new_tokens`, `model_limit` or `cancelled`.
    public let endReason: String
    /// Gives the same samples again.
    public let seed: UInt64?
}
