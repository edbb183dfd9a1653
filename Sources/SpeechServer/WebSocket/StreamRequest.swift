import Foundation
import SpeechEngine

/// The `data` of a `stream_request`: what to speak and how to send it.
package struct StreamRequest: Sendable, Equatable {
    package enum OutputFormat: String, Sendable, CaseIterable {
        case wav, base64
    }

    static let maxInputCharacters = SpeechRequest.Limits.inputLength.upperBound
    static let maxRequestIDCharacters = 128

    /// Settings of the sibling HTTP API that clients send along; they have no meaning here and are listed as ignored.
    static let toleratedFields = ["response_format", "speed", "stream_format"]

    /// Names that clients of the sibling API send for whatever model there is.
    static let toleratedModels = ["chatterbox", "chatterbox-tts-1", "gpt-4o-mini-tts", "tts-1", "tts-1-hd"]

    package static let fields = [
        "input", "model", "voice", "voice_audio", "language", "normalize_text", "exaggeration", "cfg_weight",
        "temperature", "top_p", "chunk_size", "chunk_growth", "context_window", "max_new_tokens", "min_new_tokens",
        "enable_alignment_monitoring", "alignment_window_size",
        "alignment_threshold", "enable_fade_in", "fade_in_duration_ms", "output_format", "include_metrics",
        "print_metrics", "seed", "include_timestamps", "request_id",
    ]

    /// nil is the default model.
    package var model: String?
    package var speech: SpeechRequest
    package var outputFormat: OutputFormat
    package var includeMetrics: Bool
    package var printMetrics: Bool
    package var requestID: String?
    /// Every parameter but input, voice, voice_audio and request_id, as it will be used, for the `info` message.
    package var parameters: [String: JSONValue]
    /// Fields of the request that were accepted and have no effect.
    package var ignoredFields: [String]

    /// Whether the recording of `voice_audio` is the client's next binary message.
    package var awaitsRecording: Bool

    /// The name of the voice of a request's own recording.
    static let ownVoice = "voice_audio"

    /// nil is the model's default.
    package var voice: String? {
        speech.voiceAudio == nil && !awaitsRecording ? speech.voice : Self.ownVoice
    }

    /// Characters of the text as Unicode scalars, as Python's `len` counts them.
    package var textLength: Int { speech.input.unicodeScalars.count }

    /// - Parameters:
    ///   - requestID: the one beside `data`, used if `data` has none.
    ///   - models: names that `model` may choose, the default first.
    /// - Throws: `ServerError` that names the first field at fault, in the documented order.
    package init(_ data: [String: JSONValue], requestID: String? = nil, models: [String] = []) throws {
        typealias Limits = SpeechRequest.Limits
        var reader = ParameterReader(data)
        let input = try reader.text("input")
        model = try reader.model("model", among: models)
        let recording = try reader.recording("voice_audio")
        awaitsRecording = recording == .nextMessage
        let voice = try reader.string("voice")
        if recording != nil, let voice, voice != Self.ownVoice {
            throw ServerError.invalidValue(
                field: "voice", value: "\"\(voice.prefix(60))\" beside voice_audio", allowed: "one of the two")
        }
        let language = try reader.language("language")
        let normalizeText = try reader.flag("normalize_text", default: true)
        let exaggeration = try reader.number("exaggeration", in: Limits.exaggeration, default: 0.5)
        let cfgWeight = try reader.number("cfg_weight", in: Limits.cfgWeight, default: 0.5)
        let temperature = try reader.number("temperature", in: Limits.temperature, default: 0.8)
        let topP = try reader.number("top_p", in: Limits.topP, default: 0.95)
        let chunkSize = try reader.integer("chunk_size", in: Limits.chunkSize, default: 25)
        let chunkGrowth = try reader.flag(
            "chunk_growth", default: data["chunk_size"] == nil && data["seed"] ?? .null == .null)
        let contextWindow = try reader.integer("context_window", in: Limits.contextWindow, default: 50)
        let maxNewTokens = try reader.integer("max_new_tokens", in: Limits.maxNewTokens, default: 4096)
        let minNewTokens = try reader.integer("min_new_tokens", in: Limits.minNewTokens, default: 0)
        let monitoring = try reader.flag("enable_alignment_monitoring", default: true)
        let windowSize = try reader.integer("alignment_window_size", in: Limits.alignmentWindowSize, default: 50)
        let threshold = try reader.number("alignment_threshold", in: Limits.alignmentThreshold, default: 0.15)
        let fadeIn = try reader.flag("enable_fade_in", default: true)
        let fadeInDurationMs = try reader.integer("fade_in_duration_ms", in: Limits.fadeInDurationMs, default: 20)
        outputFormat = try reader.choice("output_format", default: OutputFormat.wav)
        includeMetrics = try reader.flag("include_metrics", default: true)
        printMetrics = try reader.flag("print_metrics", default: false)
        let seed = try reader.seed("seed")
        let timestamps = try reader.flag("include_timestamps", default: false)
        self.requestID = try Self.requestID(data["request_id"]) ?? requestID
        if minNewTokens > maxNewTokens {
            throw ServerError.outOfRange(
                field: "min_new_tokens", value: String(minNewTokens), allowed: "0 to max_new_tokens (\(maxNewTokens))")
        }
        ignoredFields = try reader.finish(known: Self.fields, tolerated: Self.toleratedFields)
        if model == nil, data["model"].map({ $0 != .null }) == true {
            ignoredFields = (ignoredFields + ["model"]).sorted()
        }
        parameters = reader.used
        speech = SpeechRequest(
            input: input, voice: voice, voiceAudio: recording?.data, language: language, normalizeText: normalizeText,
            exaggeration: exaggeration, cfgWeight: cfgWeight, temperature: temperature, topP: topP,
            chunkSize: chunkSize, chunkGrowth: chunkGrowth, contextWindow: contextWindow, maxNewTokens: maxNewTokens,
            minNewTokens: minNewTokens, enableAlignmentMonitoring: monitoring, alignmentWindowSize: windowSize,
            alignmentThreshold: threshold, enableFadeIn: fadeIn, fadeInDurationMs: fadeInDurationMs, seed: seed,
            includeTimestamps: timestamps)
    }

    /// - Returns: nil if absent or null.
    static func requestID(_ value: JSONValue?) throws -> String? {
        switch value {
        case nil, .null?: return nil
        case .string(let id)?:
            guard (1...maxRequestIDCharacters).contains(id.unicodeScalars.count) else {
                throw ServerError.outOfRange(
                    field: "request_id", value: "\(id.unicodeScalars.count) characters long",
                    allowed: "1 to \(maxRequestIDCharacters) characters")
            }
            return id
        case .some(let value):
            throw ServerError.invalidType(field: "request_id", value: value.excerpt, expected: "a string")
        }
    }
}

/// Reads fields one by one with type, range and default, and keeps what will be used.
struct ParameterReader {
    private let fields: [String: JSONValue]
    private(set) var used: [String: JSONValue] = [:]

    init(_ fields: [String: JSONValue]) {
        self.fields = fields
    }

    /// Text to speak: required, not blank, at most ``StreamRequest/maxInputCharacters`` Unicode scalars.
    func text(_ field: String) throws -> String {
        guard let value = fields[field] else { throw ServerError.missingField(field) }
        guard case .string(let text) = value else {
            throw ServerError.invalidType(field: field, value: value.excerpt, expected: "a string")
        }
        let length = text.unicodeScalars.count
        guard length <= StreamRequest.maxInputCharacters else {
            throw ServerError.textTooLong(length: length, limit: StreamRequest.maxInputCharacters)
        }
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else { throw ServerError.emptyText }
        return text
    }

    /// One of the names; nil if the field is absent, null or names no model in particular.
    mutating func model(_ field: String, among names: [String]) throws -> String? {
        used[field] = names.first.map(JSONValue.string) ?? .null
        guard let name = try string(field) else { return nil }
        guard names.contains(name) else {
            if StreamRequest.toleratedModels.contains(name) { return nil }
            throw ServerError.unknownModel(name, available: names)
        }
        used[field] = .string(name)
        return name
    }

    /// A language's tag; which ones there are is for the model to say.
    mutating func language(_ field: String) throws -> String? {
        let language = try string(field)
        used[field] = .string(language ?? "en")
        return language
    }

    /// nil if the field is absent or null.
    func string(_ field: String) throws -> String? {
        guard let value = fields[field], value != .null else { return nil }
        guard case .string(let text) = value else {
            throw ServerError.invalidType(field: field, value: value.excerpt, expected: "a string")
        }
        return text
    }

    enum Recording: Equatable {
        case inline(Data)
        case nextMessage

        var data: Data? {
            if case .inline(let data) = self { data } else { nil }
        }
    }

    /// A media file in base64, a `data:` URL's prefix allowed, or true for the next binary message; what is in it is for
    /// the engine to say.
    func recording(_ field: String) throws -> Recording? {
        guard let value = fields[field], value != .null else { return nil }
        if value == .bool(true) { return .nextMessage }
        let allowed =
            "a recording in base64 (WAV, MP3, FLAC, M4A, Ogg or WebM), or true if it follows as a binary message"
        guard case .string(var text) = value else {
            throw ServerError.invalidType(field: field, value: value.excerpt, expected: allowed)
        }
        if text.hasPrefix("data:"), let comma = text.firstIndex(of: ",") { text = String(text[comma...].dropFirst()) }
        guard let data = Data(base64Encoded: text), !data.isEmpty else {
            throw ServerError.invalidValue(
                field: field, value: text.isEmpty ? "empty" : "no base64", allowed: allowed)
        }
        return .inline(data)
    }

    mutating func number(_ field: String, in range: ClosedRange<Double>, default fallback: Double) throws -> Double {
        let allowed = "a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))"
        var result = fallback
        if let value = fields[field] {
            guard let number = value.double else {
                throw ServerError.invalidType(field: field, value: value.excerpt, expected: allowed)
            }
            guard range.contains(number) else {
                throw ServerError.outOfRange(field: field, value: value.excerpt, allowed: allowed)
            }
            result = number
        }
        used[field] = .number(result)
        return result
    }

    mutating func integer(_ field: String, in range: ClosedRange<Int>, default fallback: Int) throws -> Int {
        let allowed = "an integer from \(range.lowerBound) to \(range.upperBound)"
        var result = fallback
        if let value = fields[field] {
            guard let number = value.double else {
                throw ServerError.invalidType(field: field, value: value.excerpt, expected: allowed)
            }
            guard range.lowerBound <= Int(clamping: number), Int(clamping: number) <= range.upperBound else {
                throw ServerError.outOfRange(field: field, value: value.excerpt, allowed: allowed)
            }
            guard let integer = value.int else {
                throw ServerError.invalidType(field: field, value: value.excerpt, expected: allowed)
            }
            result = integer
        }
        used[field] = .integer(Int64(result))
        return result
    }

    mutating func flag(_ field: String, default fallback: Bool) throws -> Bool {
        var result = fallback
        if let value = fields[field] {
            guard case .bool(let flag) = value else {
                throw ServerError.invalidType(field: field, value: value.excerpt, expected: "true or false")
            }
            result = flag
        }
        used[field] = .bool(result)
        return result
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ field: String, default fallback: Choice
    ) throws -> Choice where Choice.RawValue == String {
        var result = fallback
        if let value = fields[field] {
            let allowed = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
            guard case .string(let name) = value else {
                throw ServerError.invalidType(field: field, value: value.excerpt, expected: allowed)
            }
            guard let choice = Choice(rawValue: name) else {
                throw ServerError.invalidValue(field: field, value: value.excerpt, allowed: allowed)
            }
            result = choice
        }
        used[field] = .string(result.rawValue)
        return result
    }

    /// An unsigned 64-bit integer, or nil for a seed of the engine's own choice.
    mutating func seed(_ field: String) throws -> UInt64? {
        guard let value = fields[field], value != .null else {
            used[field] = .null
            return nil
        }
        let allowed = "an integer from 0 to \(UInt64.max)"
        guard let number = value.double else {
            throw ServerError.invalidType(field: field, value: value.excerpt, expected: allowed)
        }
        guard let seed = value.uint64 else {
            let isWhole = number.rounded() == number
            throw isWhole
                ? ServerError.outOfRange(field: field, value: value.excerpt, allowed: allowed)
                : ServerError.invalidType(field: field, value: value.excerpt, expected: allowed)
        }
        used[field] = .unsigned(seed)
        return seed
    }

    /// Rejects fields nobody knows, because a silent typo loses a setting.
    /// - Returns: the tolerated fields that were sent.
    func finish(known: [String], tolerated: [String]) throws -> [String] {
        for field in fields.keys.sorted() where !known.contains(field) && !tolerated.contains(field) {
            throw ServerError.unknownField(field, suggestion: Suggestion.nearest(to: field, in: known))
        }
        return fields.keys.filter(tolerated.contains).sorted()
    }

    private func plain(_ value: Double) -> String {
        value == value.rounded() ? String(Int(value)) : String(value)
    }
}

extension Int {
    /// The nearest whole number towards zero, at the ends of `Int` for values beyond them.
    fileprivate init(clamping value: Double) {
        self = Int(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
    }
}
