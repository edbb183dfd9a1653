import AudioDSP
import SpeechEngine

/// A request for speech over HTTP: what is spoken, as over the WebSocket, and how it is answered.
package struct SpeakRequest: Sendable {
    enum StreamFormat: String, Sendable, CaseIterable {
        case audio, sse
    }

    /// How text becomes sound: token by token, or by the piece of text as servers do that can't stream.
    enum StreamingMode: String, Sendable, CaseIterable {
        case model, standard
    }

    package enum Strategy: String, Sendable, CaseIterable {
        case sentence, paragraph, fixed, word
    }

    enum Quality: String, Sendable, CaseIterable {
        case fast, balanced, high

        var block: (size: Int, strategy: Strategy) {
            switch self {
            case .fast: (100, .word)
            case .balanced: (200, .sentence)
            case .high: (300, .paragraph)
            }
        }
    }

    /// What the sibling's and OpenAI's clients may send that has no meaning here.
    static let tolerated = [
        "instructions", "session_id", "enable_pauses", "custom_pauses", "user", "include_metrics", "output_format",
    ]

    private static let responseFormat = OptionalChoiceField(
        "response_format", AudioFormat.self, "What the audio comes as; wav if absent")
    private static let streamFormat = OptionalChoiceField(
        "stream_format", StreamFormat.self,
        "audio sends it while it is made, sse as server-sent events; if absent, wav and flac come whole")
    private static let speed = NumberField("speed", 0.25...4, default: 1, "Pace, at the same pitch")
    private static let sampleRate = IntegerField(
        "sample_rate", 8000...48000, default: 0, "Samples a second; the model's own if absent")
    private static let mode = ChoiceField(
        "streaming_mode", default: StreamingMode.model,
        "model streams tokens; standard speaks the text piece by piece, as streaming_strategy says")
    private static let blockSize = IntegerField(
        "streaming_chunk_size", 50...500, default: 200, "Characters of a piece, in standard mode")
    private static let strategy = OptionalChoiceField(
        "streaming_strategy", Strategy.self, "Where pieces end, in standard mode")
    private static let quality = OptionalChoiceField(
        "streaming_quality", Quality.self, "A preset of size and strategy, in standard mode")
    private static let bufferSize = IntegerField(
        "streaming_buffer_size", 1...10, default: 3, "Pieces that may be ready before they are sent")

    static let names =
        SpeechParameters.names + [
            "response_format", "stream_format", "speed", "sample_rate", "effects", "streaming_mode",
            "streaming_chunk_size", "streaming_strategy", "streaming_quality", "streaming_buffer_size", "print_metrics",
        ]

    static func properties(_ rules: SpeechParameters.Rules) -> [FieldProperty] {
        SpeechFields(rules).properties + [
            responseFormat.property, streamFormat.property, speed.property, sampleRateProperty,
            EffectsField().property, mode.property, blockSize.property, strategy.property, quality.property,
            bufferSize.property, StreamRequest.printMetrics.property,
        ]
    }

    private static var sampleRateProperty: FieldProperty {
        var property = sampleRate.property
        if case .object(var schema) = property.schema {
            schema["default"] = nil
            property.schema = .object(schema)
        }
        return property
    }

    var parts: SpeechParameters
    /// nil if the request doesn't say.
    var format: AudioFormat?
    var streamFormat: StreamFormat?
    var effects: AudioEffects
    /// nil is the format's own choice.
    var sampleRateHz: Int?
    /// Pieces of the text that are spoken one by one; nil streams from the model.
    var block: (size: Int, strategy: Strategy)?
    var bufferSize: Int
    var printsMetrics: Bool
    /// What is used, for the record.
    package var used: [String: JSONValue]
    /// Fields that were sent and have no effect.
    var ignored: [String]

    /// - Parameters:
    ///   - values: the fields as they came.
    ///   - recording: a file that came along, to speak in the voice of.
    /// - Throws: `ServerError` that names every field at fault.
    package init(_ fields: RequestFields, rules: SpeechParameters.Rules) throws {
        var reader = FieldReader(fields.values, isText: fields.isText)
        parts = SpeechParameters(&reader, rules: rules)
        format = reader(Self.responseFormat)
        streamFormat = reader(Self.streamFormat)
        let speed = reader(Self.speed)
        sampleRateHz = reader.has("sample_rate") ? reader(Self.sampleRate) : nil
        effects = AudioEffects(speed: speed, effects: reader(EffectsField()))
        let mode = reader(Self.mode)
        let preset = reader(Self.quality)?.block ?? Quality.balanced.block
        let size = reader.has("streaming_chunk_size") ? reader(Self.blockSize) : preset.size
        let strategy = reader(Self.strategy) ?? preset.strategy
        block = mode == .standard ? (size, strategy) : nil
        bufferSize = reader(Self.bufferSize)
        printsMetrics = reader(StreamRequest.printMetrics)
        if let rate = sampleRateHz, let rates = format?.sampleRatesHz, !rates.contains(rate) {
            reader.refuse(
                .invalidValue(
                    field: "sample_rate", value: "\(rate) with response_format \(format?.rawValue ?? "wav")",
                    allowed: rates.map(String.init).joined(separator: ", ")))
        }
        // A drop-in gets fields that nobody here knows; only what looks like a slip is refused.
        let strangers = fields.values.keys.filter { !Self.names.contains($0) }
        let harmless = strangers.filter { Suggestion.nearest(to: $0, in: Self.names) == nil }
        ignored = try reader.finish(known: Self.names, tolerated: Self.tolerated + harmless)
        used = reader.used
        if parts.model == nil, reader.has("model") { ignored.append("model") }
        ignored.sort()
    }
}
