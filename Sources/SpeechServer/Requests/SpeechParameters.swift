import SpeechEngine

/// The parameters of a request that say what is spoken and how, the same over WebSocket and HTTP: docs/protocol.md.
package struct SpeechParameters: Sendable, Equatable {
    /// Where the request came from, and what the server's settings are.
    package struct Rules: Sendable, Equatable {
        /// Names that `model` may choose, the default first.
        var models: [String] = []
        var defaults = SpeechDefaults()
        var inputLengths = SpeechRequest.Limits.inputLength
        /// Whether a recording may follow as a message.
        var recordingMayFollow = false
        /// Most tokens if the request doesn't say.
        var maxNewTokens = 4096

        package init(
            models: [String] = [], defaults: SpeechDefaults = SpeechDefaults(),
            inputLengths: ClosedRange<Int> = SpeechRequest.Limits.inputLength, recordingMayFollow: Bool = false,
            maxNewTokens: Int = 4096
        ) {
            (self.models, self.defaults, self.inputLengths) = (models, defaults, inputLengths)
            (self.recordingMayFollow, self.maxNewTokens) = (recordingMayFollow, maxNewTokens)
        }
    }

    /// nil is the default model.
    var model: String?
    var speech: SpeechRequest
    /// Whether the recording of `voice_audio` is the client's next binary message.
    var awaitsRecording: Bool

    /// The name of the voice of a request's own recording.
    static let ownVoice = "voice_audio"

    static let names = [
        "input", "model", "voice", "voice_audio", "language", "normalize_text", "exaggeration", "cfg_weight",
        "temperature", "top_p", "chunk_size", "chunk_growth", "context_window", "max_new_tokens", "min_new_tokens",
        "enable_alignment_monitoring", "alignment_window_size", "alignment_threshold", "enable_fade_in",
        "fade_in_duration_ms", "seed", "include_timestamps",
    ]

    init(_ reader: inout FieldReader, rules: Rules) {
        let fields = SpeechFields(rules)
        let input = reader(fields.input)
        model = reader(fields.model)
        let recording = reader(fields.voiceAudio)
        awaitsRecording = recording == .nextMessage
        let voice = reader(fields.voice)
        if recording != nil, let voice, voice != Self.ownVoice {
            reader.refuse(
                .invalidValue(
                    field: "voice", value: "\"\(voice.excerpt(60))\" beside voice_audio", allowed: "one of the two"))
        }
        let language = reader(fields.language)
        reader.use("language", .string(language ?? "en"))
        var growth = fields.chunkGrowth
        growth.fallback = !reader.has("chunk_size") && !reader.has("seed")
        speech = SpeechRequest(
            input: input, voice: voice, voiceAudio: recording?.data, language: language,
            normalizeText: reader(fields.normalizeText), exaggeration: reader(fields.exaggeration),
            cfgWeight: reader(fields.cfgWeight), temperature: reader(fields.temperature), topP: reader(fields.topP),
            chunkSize: reader(fields.chunkSize), chunkGrowth: reader(growth),
            contextWindow: reader(fields.contextWindow), maxNewTokens: reader(fields.maxNewTokens),
            minNewTokens: reader(fields.minNewTokens), enableAlignmentMonitoring: reader(fields.alignmentMonitoring),
            alignmentWindowSize: reader(fields.alignmentWindowSize),
            alignmentThreshold: reader(fields.alignmentThreshold), enableFadeIn: reader(fields.fadeIn),
            fadeInDurationMs: reader(fields.fadeInDurationMs), seed: reader(fields.seed),
            includeTimestamps: reader(fields.timestamps))
        if speech.minNewTokens > speech.maxNewTokens {
            reader.refuse(
                .outOfRange(
                    field: "min_new_tokens", value: String(speech.minNewTokens),
                    allowed: "0 to max_new_tokens (\(speech.maxNewTokens))"))
        }
    }

    /// nil is the model's default.
    var voice: String? {
        speech.voiceAudio == nil && !awaitsRecording ? speech.voice : Self.ownVoice
    }
}

/// What the server uses where a request says nothing.
public struct SpeechDefaults: Sendable, Equatable {
    public var exaggeration: Double
    public var cfgWeight: Double
    public var temperature: Double

    public init(exaggeration: Double = 0.5, cfgWeight: Double = 0.5, temperature: Double = 0.8) {
        (self.exaggeration, self.cfgWeight, self.temperature) = (exaggeration, cfgWeight, temperature)
    }
}

/// Every field of ``SpeechParameters``, in the documented order.
struct SpeechFields {
    typealias Limits = SpeechRequest.Limits

    let input: TextField
    let model: ModelField
    let voice = StringField(
        "voice", lengths: 0...10_000, "Who speaks: a voice of the model or of the library, or one of its aliases")
    let voiceAudio: RecordingField
    let language = StringField("language", lengths: 0...40, "The text's language, such as fr; en if absent")
    let normalizeText = FlagField(
        "normalize_text", default: true, "Whether numbers, dates and the like become words in English text")
    let exaggeration: NumberField
    let cfgWeight: NumberField
    let temperature: NumberField
    let topP = NumberField("top_p", Limits.topP, default: 0.95, "Nucleus sampling; 0 takes the likeliest token")
    let chunkSize = IntegerField(
        "chunk_size", Limits.chunkSize, default: 25, "Speech tokens that become audio together; 25 are a second")
    let chunkGrowth = FlagField(
        "chunk_growth", default: true,
        "Whether later chunks may have more tokens; false by default if chunk_size or seed is given")
    let contextWindow = IntegerField(
        "context_window", Limits.contextWindow, default: 50, "Tokens before a chunk that the decoder hears again")
    let maxNewTokens: IntegerField
    let minNewTokens = IntegerField("min_new_tokens", Limits.minNewTokens, default: 0, "Fewest speech tokens")
    let alignmentMonitoring = FlagField(
        "enable_alignment_monitoring", default: true, "Ends speech that repeats itself or runs on")
    let alignmentWindowSize = IntegerField(
        "alignment_window_size", Limits.alignmentWindowSize, default: 50, "Frames that the monitor looks back")
    let alignmentThreshold = NumberField(
        "alignment_threshold", Limits.alignmentThreshold, default: 0.15, "Tolerance of the monitor")
    let fadeIn = FlagField("enable_fade_in", default: true, "Cross-fades joins and fades in the very start")
    let fadeInDurationMs = IntegerField(
        "fade_in_duration_ms", Limits.fadeInDurationMs, default: 20, "Length of those fades in ms")
    let seed = SeedField(name: "seed", about: "Same seed, same request: same samples")
    let timestamps = FlagField("include_timestamps", default: false, "Whether words come with their times")

    init(_ rules: SpeechParameters.Rules) {
        input = TextField(name: "input", lengths: rules.inputLengths, about: "The text to speak")
        model = ModelField(
            name: "model", models: rules.models, about: "Which model speaks; tts-1 and the like are the default one")
        voiceAudio = RecordingField(
            name: "voice_audio", mayFollow: rules.recordingMayFollow,
            about: "A recording in base64 to speak in the voice of, in place of voice")
        exaggeration = NumberField(
            "exaggeration", Limits.exaggeration, default: rules.defaults.exaggeration, "How lively")
        cfgWeight = NumberField(
            "cfg_weight", Limits.cfgWeight, default: rules.defaults.cfgWeight, "Weight of classifier-free guidance")
        temperature = NumberField(
            "temperature", Limits.temperature, default: rules.defaults.temperature, "Randomness of sampling")
        maxNewTokens = IntegerField(
            "max_new_tokens", Limits.maxNewTokens, default: rules.maxNewTokens, "Most speech tokens")
    }

    var properties: [FieldProperty] {
        [
            input.property, model.property, voice.property, voiceAudio.property, language.property,
            normalizeText.property, exaggeration.property, cfgWeight.property, temperature.property, topP.property,
            chunkSize.property, chunkGrowth.property, contextWindow.property, maxNewTokens.property,
            minNewTokens.property, alignmentMonitoring.property, alignmentWindowSize.property,
            alignmentThreshold.property, fadeIn.property, fadeInDurationMs.property, seed.property,
            timestamps.property,
        ]
    }
}
