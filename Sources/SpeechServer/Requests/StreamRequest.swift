import SpeechEngine

/// The `data` of a `stream_request`: what to speak, how, and what to send. Ranges, defaults and meaning:
/// docs/protocol.md.
package struct StreamRequest: Sendable, Equatable {
    package enum OutputFormat: String, Sendable, CaseIterable {
        case wav, base64
    }

    /// Settings of the sibling HTTP API that clients send along; they have no meaning here and are listed as ignored.
    static let toleratedFields = ["response_format", "speed", "stream_format"]

    package static let fields =
        SpeechParameters.names + ["output_format", "include_metrics", "print_metrics", "request_id"]

    private static let outputFormat = ChoiceField(
        "output_format", default: OutputFormat.wav, "Binary messages, or base64 in JSON")
    private static let includeMetrics = FlagField("include_metrics", default: true, "Whether to send metrics")
    /// HTTP has it too.
    static let printMetrics = FlagField("print_metrics", default: false, "Whether to log metrics of each chunk")
    private static let requestID = StringField("request_id", lengths: 1...128, "Echoed in answers")

    private(set) var parts: SpeechParameters
    package var outputFormat: OutputFormat
    package var includeMetrics: Bool
    package var printMetrics: Bool
    package var requestID: String?
    /// Every parameter but input, voice, voice_audio and request_id, as it will be used, for the `info` message.
    package var parameters: [String: JSONValue]
    /// Fields of the request that were accepted and have no effect.
    package var ignoredFields: [String]

    /// nil is the default model.
    package var model: String? { parts.model }

    package var speech: SpeechRequest {
        get { parts.speech }
        set { parts.speech = newValue }
    }

    package var awaitsRecording: Bool {
        get { parts.awaitsRecording }
        set { parts.awaitsRecording = newValue }
    }

    /// nil is the model's default.
    package var voice: String? { parts.voice }

    /// Characters of the text as Unicode scalars, as Python's `len` counts them.
    package var textLength: Int { speech.input.unicodeScalars.count }

    /// - Parameters:
    ///   - requestID: the one beside `data`, used if `data` has none.
    ///   - models: names that `model` may choose, the default first.
    /// - Throws: `ServerError` that names every field at fault, in the documented order.
    package init(
        _ data: [String: JSONValue], requestID: String? = nil, models: [String] = [], defaults: SpeechDefaults = .init()
    ) throws {
        var reader = FieldReader(data)
        parts = SpeechParameters(
            &reader, rules: .init(models: models, defaults: defaults, recordingMayFollow: true))
        outputFormat = reader(Self.outputFormat)
        includeMetrics = reader(Self.includeMetrics)
        printMetrics = reader(Self.printMetrics)
        self.requestID = reader(Self.requestID) ?? requestID
        ignoredFields = try reader.finish(known: Self.fields, tolerated: Self.toleratedFields)
        if parts.model == nil, reader.has("model") { ignoredFields = (ignoredFields + ["model"]).sorted() }
        parameters = reader.used
        for name in ["input", "voice", "voice_audio", "request_id"] { parameters[name] = nil }
    }

    /// - Returns: nil if absent or null.
    static func requestID(_ value: JSONValue?) throws -> String? {
        try value.flatMap { try requestID.read($0, isText: false) }
    }
}
