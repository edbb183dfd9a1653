/// What a request gives, in order: chunks, then one `finished`.
public enum SpeechEvent: Sendable, Equatable {
    case chunk(SpeechChunk)
    case finished(SpeechSummary)
}

/// Audio that was just made, and how the request stood then.
public struct SpeechChunk: Sendable, Equatable {
    /// From 1.
    public var index: Int
    /// Mono PCM at the engine's sample rate.
    public var samples: [Int16]
    /// Speech tokens made so far.
    public var tokens: Int
    /// Seconds from the request to its first chunk.
    public var latencyToFirstChunk: Double
    /// Seconds from the request to this chunk.
    public var elapsedTime: Double
    /// Seconds of audio so far, this chunk included.
    public var audioDuration: Double
    /// `elapsedTime / audioDuration`: below 1 is faster than real time.
    public var realTimeFactor: Double
    /// Words whose end is known since this chunk, if the request wants them.
    public var words: [WordTimestamp]

    public init(
        index: Int, samples: [Int16], tokens: Int, latencyToFirstChunk: Double, elapsedTime: Double,
        audioDuration: Double, realTimeFactor: Double, words: [WordTimestamp] = []
    ) {
        self.index = index
        self.samples = samples
        self.tokens = tokens
        self.latencyToFirstChunk = latencyToFirstChunk
        self.elapsedTime = elapsedTime
        self.audioDuration = audioDuration
        self.realTimeFactor = realTimeFactor
        self.words = words
    }
}

/// When a word of the request's text is spoken.
public struct WordTimestamp: Sendable, Equatable, Codable {
    /// As it is written.
    public var word: String
    /// Seconds from the start of the request's audio; `end` is `start` for a word that is not heard.
    public var start: Double
    public var end: Double

    public init(word: String, start: Double, end: Double) {
        self.word = word
        self.start = start
        self.end = end
    }
}

/// How a request ended.
public struct SpeechSummary: Sendable, Equatable {
    public enum EndReason: String, Sendable {
        /// T3 said that the text is spoken.
        case stopToken = "stop_token"
        case maxNewTokens = "max_new_tokens"
        /// The alignment monitor ended it.
        case alignment = "alignment"
        /// T3 has no positions left.
        case modelLimit = "model_limit"
    }

    public var totalChunks: Int
    /// Seconds.
    public var audioDuration: Double
    /// Seconds from the request to its end.
    public var elapsedTime: Double
    public var tokens: Int
    /// Text tokens that T3 read.
    public var textTokens: Int
    public var endReason: EndReason
    /// The seed that gives the same samples again.
    public var seed: UInt64
    /// Words that no chunk had, such as one at the end that has no sound.
    public var words: [WordTimestamp]

    public init(
        totalChunks: Int, audioDuration: Double, elapsedTime: Double, tokens: Int, textTokens: Int = 0,
        endReason: EndReason, seed: UInt64 = 0, words: [WordTimestamp] = []
    ) {
        self.totalChunks = totalChunks
        self.audioDuration = audioDuration
        self.elapsedTime = elapsedTime
        self.tokens = tokens
        self.textTokens = textTokens
        self.endReason = endReason
        self.seed = seed
        self.words = words
    }
}
