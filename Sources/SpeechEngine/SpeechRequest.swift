import Chatterbox
import Foundation

/// One request for speech, as a client may word it.
public struct SpeechRequest: Sendable, Equatable {
    /// Text to speak.
    public var input: String
    /// A voice of the model; nil is its default voice.
    public var voice: String?
    /// A recording, a media file, to speak in the voice of; goes before `voice`.
    public var voiceAudio: Data?
    /// The text's language, such as `fr`; nil is English.
    public var language: String?
    /// Whether numbers, dates and the like become words in English text, which the reference leaves to the model. The
    /// embedded voice needs it and always does so.
    public var normalizeText: Bool
    /// Emotion intensity, 0.25 to 2.
    public var exaggeration: Double
    /// Weight of classifier-free guidance, 0 to 1; 0 spares half of T3's work.
    public var cfgWeight: Double
    /// Randomness of sampling, 0.05 to 5.
    public var temperature: Double
    /// Nucleus sampling: the share of probability to draw from, 0 to 1; 0 takes the likeliest token.
    public var topP: Double
    /// Speech tokens that become audio together, 10 to 100; 25 are a second.
    public var chunkSize: Int
    /// Whether `chunkSize` is only that of the first chunk, and later ones may have up to 100 while the listener has sound
    /// enough. Where chunks end then depends on the machine's pace, and with it what the samples are, though no listener
    /// can tell.
    public var chunkGrowth: Bool
    /// Tokens in front of a chunk that S3Gen hears again, 0 to 200.
    public var contextWindow: Int
    /// Most speech tokens of the whole request, 100 to 10000.
    public var maxNewTokens: Int
    /// Fewest speech tokens of the whole request, 0 to 1000.
    public var minNewTokens: Int
    /// Whether `AlignmentMonitor` may end or prolong speech.
    public var enableAlignmentMonitoring: Bool
    /// Frames that the monitor looks back, 10 to 200.
    public var alignmentWindowSize: Int
    /// Tolerance of the monitor, 0 to 1; lower ends speech sooner.
    public var alignmentThreshold: Double
    /// Whether chunks are cross-faded at their joins and the very start is faded in.
    public var enableFadeIn: Bool
    /// Length of those fades, 0 to 100 ms.
    public var fadeInDurationMs: Int
    /// Same seed, same request: same samples, unless chunks grow. nil draws one.
    public var seed: UInt64?
    /// Whether chunks tell when words are spoken.
    public var includeTimestamps: Bool
    /// Whether this goes on after a sentence of another request, so that a pause comes first.
    public private(set) var followsSentence = false

    public init(
        input: String, voice: String? = nil, voiceAudio: Data? = nil, language: String? = nil,
        normalizeText: Bool = true, exaggeration: Double = 0.5, cfgWeight: Double = 0.5, temperature: Double = 0.8,
        topP: Double = 0.95, chunkSize: Int = 25, chunkGrowth: Bool = false, contextWindow: Int = 50,
        maxNewTokens: Int = 4096, minNewTokens: Int = 0, enableAlignmentMonitoring: Bool = true,
        alignmentWindowSize: Int = 50, alignmentThreshold: Double = 0.15, enableFadeIn: Bool = true,
        fadeInDurationMs: Int = 20, seed: UInt64? = nil,
        includeTimestamps: Bool = false
    ) {
        self.input = input
        self.voice = voice
        self.voiceAudio = voiceAudio
        self.language = language
        self.normalizeText = normalizeText
        self.exaggeration = exaggeration
        self.cfgWeight = cfgWeight
        self.temperature = temperature
        self.topP = topP
        self.chunkSize = chunkSize
        self.chunkGrowth = chunkGrowth
        self.contextWindow = contextWindow
        self.maxNewTokens = maxNewTokens
        self.minNewTokens = minNewTokens
        self.enableAlignmentMonitoring = enableAlignmentMonitoring
        self.alignmentWindowSize = alignmentWindowSize
        self.alignmentThreshold = alignmentThreshold
        self.enableFadeIn = enableFadeIn
        self.fadeInDurationMs = fadeInDurationMs
        self.seed = seed
        self.includeTimestamps = includeTimestamps
    }

    /// Has a pause come first if what was spoken right before, by another request, ended with its sentence.
    public mutating func follow(_ text: String?) { followsSentence = text?.endsSentence ?? false }

    /// What each numeric parameter may be, by its name in the protocol.
    public enum Limits {
        public static let inputLength = 1...3000
        public static let exaggeration = 0.25...2.0
        public static let cfgWeight = 0.0...1.0
        public static let temperature = 0.05...5.0
        public static let topP = 0.0...1.0
        public static let chunkSize = 10...100
        public static let contextWindow = 0...200
        public static let maxNewTokens = 100...10000
        public static let minNewTokens = 0...1000
        public static let alignmentWindowSize = 10...200
        public static let alignmentThreshold = 0.0...1.0
        public static let fadeInDurationMs = 0...100
    }

    /// - Throws: `SpeechEngineError.outOfRange`, which names the parameter as the protocol does.
    func validate() throws {
        func check<T: Comparable & CustomStringConvertible & Sendable>(
            _ value: T, _ range: ClosedRange<T>, _ field: String
        ) throws {
            guard range.contains(value) else {
                throw SpeechEngineError.outOfRange(
                    field: field, value: value.description, allowed: "\(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check(exaggeration, Limits.exaggeration, "exaggeration")
        try check(cfgWeight, Limits.cfgWeight, "cfg_weight")
        try check(temperature, Limits.temperature, "temperature")
        try check(topP, Limits.topP, "top_p")
        try check(chunkSize, Limits.chunkSize, "chunk_size")
        try check(contextWindow, Limits.contextWindow, "context_window")
        try check(maxNewTokens, Limits.maxNewTokens, "max_new_tokens")
        try check(minNewTokens, Limits.minNewTokens, "min_new_tokens")
        try check(alignmentWindowSize, Limits.alignmentWindowSize, "alignment_window_size")
        try check(alignmentThreshold, Limits.alignmentThreshold, "alignment_threshold")
        try check(fadeInDurationMs, Limits.fadeInDurationMs, "fade_in_duration_ms")
        guard minNewTokens <= maxNewTokens else {
            throw SpeechEngineError.outOfRange(
                field: "min_new_tokens", value: "\(minNewTokens)", allowed: "at most max_new_tokens (\(maxNewTokens))")
        }
    }
}
