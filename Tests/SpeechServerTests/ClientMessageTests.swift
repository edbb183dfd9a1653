import Foundation
import SpeechServer
import Testing

@Suite struct ClientMessageTests {
    static func parse(_ text: String) throws -> ClientMessage {
        try ClientMessage(JSONValue(parsing: text), models: ["small", "nano"])
    }

    static func parse(data: String) throws -> StreamRequest {
        guard case .streamRequest(let request) = try parse(#"{"type": "stream_request", "data": \#(data)}"#) else {
            throw ServerError.internalFailure
        }
        return request
    }

    static func refusal(_ message: String) -> ServerError? {
        #expect(throws: ServerError.self) { try parse(message) }
    }

    static func refusal(field: String, value: String) -> ServerError? {
        refusal(#"{"type": "stream_request", "data": {"input": "x", "\#(field)": \#(value)}}"#)
    }

    @Test func errorsAreShortWhateverCame() throws {
        let strangers = (0..<200).map { #""field\#($0)": \#($0)"# }.joined(separator: ", ")
        let many = try #require(Self.refusal(#"{"type": "stream_request", "data": {"input": "x", \#(strangers)}}"#))
        #expect(many.message.hasSuffix("; and 190 more") && many.message.utf8.count < 1000)
        // One character, as Swift counts.
        let dots = "a" + String(repeating: "\u{307}", count: 50_000)
        for refusal in [
            Self.refusal(field: dots, value: "1"), Self.refusal(field: "voice_audio", value: "\"\(dots)\""),
            Self.refusal(field: "model", value: "\"\(dots)\""), Self.refusal(#"{"type": "\#(dots)"}"#),
        ] {
            let error = try #require(refusal)
            #expect(error.message.utf8.count < 1000 && (error.field?.utf8.count ?? 0) < 300)
        }
    }

    @Test func defaults() throws {
        let request = try Self.parse(data: #"{"input": "Hello."}"#)
        #expect(request.model == nil && request.voice == nil)
        #expect(request.speech.voice == nil && request.speech.language == nil && request.speech.normalizeText)
        #expect(request.speech.exaggeration == 0.5)
        #expect(request.speech.cfgWeight == 0.5)
        #expect(request.speech.temperature == 0.8)
        #expect(request.speech.topP == 0.95)
        #expect(request.speech.chunkSize == 25)
        #expect(request.speech.chunkGrowth)
        #expect(request.speech.contextWindow == 50)
        #expect(request.speech.maxNewTokens == 4096)
        #expect(request.speech.minNewTokens == 0)
        #expect(request.speech.enableAlignmentMonitoring)
        #expect(request.speech.alignmentWindowSize == 50)
        #expect(request.speech.alignmentThreshold == 0.15)
        #expect(request.speech.enableFadeIn)
        #expect(request.speech.fadeInDurationMs == 20)
        #expect(request.speech.seed == nil)
        #expect(!request.speech.includeTimestamps)
        #expect(request.outputFormat == .wav)
        #expect(request.includeMetrics)
        #expect(!request.printMetrics)
        #expect(request.requestID == nil)
    }

    /// Whoever fixes the chunks or wants the same samples again gets what is asked for, unless asking for both.
    @Test(arguments: [
        ("", true), (#", "seed": null"#, true), (#", "seed": 1"#, false), (#", "chunk_size": 25"#, false),
        (#", "seed": 1, "chunk_size": 25, "chunk_growth": true"#, true), (#", "chunk_growth": false"#, false),
    ])
    func growthOfChunks(fields: String, grows: Bool) throws {
        let request = try Self.parse(data: #"{"input": "x"\#(fields)}"#)
        #expect(request.speech.chunkGrowth == grows)
        #expect(request.parameters["chunk_growth"] == .bool(grows))
    }

    @Test func everyFieldIsEchoed() throws {
        let echoed = try Set(Self.parse(data: #"{"input": "Hello."}"#).parameters.keys)
        #expect(echoed == Set(StreamRequest.fields).subtracting(["input", "voice", "voice_audio", "request_id"]))
    }

    @Test func recordings() throws {
        for value in [#""UklGRg==""#, #""data:audio/wav;base64,UklGRg==""#] {
            let request = try Self.parse(data: #"{"input": "x", "voice_audio": \#(value)}"#)
            #expect(request.speech.voiceAudio == Data("RIFF".utf8))
            #expect(request.voice == "voice_audio")
        }
        #expect(try Self.parse(data: #"{"input": "x", "voice_audio": null}"#).speech.voiceAudio == nil)
        for (value, code) in [(#""""#, "invalid_value"), (#""no base64!""#, "invalid_value"), ("7", "invalid_type")] {
            let refusal = Self.refusal(field: "voice_audio", value: value)
            #expect(refusal?.code == code && refusal?.field == "voice_audio", "\(value)")
        }
        let both = Self.refusal(
            #"{"type": "stream_request", "data": {"input": "x", "voice": "alloy", "voice_audio": "UklGRg=="}}"#)
        #expect(both?.code == "invalid_value" && both?.field == "voice")
    }

    @Test(arguments: [
        ("exaggeration", ["0.25", "2", "2.0"], ["0.24", "2.01", "1e300"]),
        ("cfg_weight", ["0", "1"], ["-0.01", "1.01"]),
        ("temperature", ["0.05", "5"], ["0", "5.01"]),
        ("top_p", ["0", "1"], ["-1", "2"]),
        ("chunk_size", ["10", "100", "25.0"], ["9", "101", "1e18", "-1e300"]),
        ("context_window", ["0", "200"], ["-1", "201"]),
        ("max_new_tokens", ["100", "10000"], ["99", "10001"]),
        ("min_new_tokens", ["0", "1000"], ["-1", "1001"]),
        ("alignment_window_size", ["10", "200"], ["9", "201"]),
        ("alignment_threshold", ["0", "1"], ["-0.1", "1.1"]),
        ("fade_in_duration_ms", ["0", "100"], ["-1", "101"]),
        ("seed", ["0", "18446744073709551615"], ["-1", "18446744073709551616"]),
    ])
    func ranges(field: String, good: [String], bad: [String]) throws {
        for value in good {
            _ = try Self.parse(data: #"{"input": "x", "\#(field)": \#(value)}"#)
        }
        for value in bad {
            let error = Self.refusal(field: field, value: value)
            #expect(error?.code == "out_of_range", "\(value)")
            #expect(error?.field == field)
        }
        for value in ["\"1\"", "true", "[]", "{}"] {
            let error = Self.refusal(field: field, value: value)
            #expect(error?.code == "invalid_type", "\(value)")
            #expect(error?.field == field)
        }
    }

    @Test(arguments: [
        ("[]", "invalid_message"), ("{}", "missing_field"), (#"{"type": 1}"#, "invalid_type"),
        (#"{"type": "PING"}"#, "unknown_type"), (#"{"type": "ping", "x": 1}"#, "unknown_field"),
        (#"{"type": "stream_request"}"#, "missing_field"), (#"{"type": "stream_request", "data": 1}"#, "invalid_type"),
        (#"{"type": "cancel", "request_id": 1}"#, "invalid_type"), ("{", "invalid_json"), ("", "invalid_json"),
        (#"{"type": "stream_request", "data": {"input": "  "}}"#, "empty_text"),
        (
            #"{"type": "stream_request", "data": {"input": "x", "min_new_tokens": 101, "max_new_tokens": 100}}"#,
            "out_of_range"
        ),
    ])
    func refusals(message: String, code: String) {
        #expect(Self.refusal(message)?.code == code)
    }

    @Test func lengthCountsUnicodeScalars() throws {
        #expect(try Self.parse(data: #"{"input": "👨‍👩‍👧"}"#).textLength == 5)
        let long = String(repeating: "é", count: 3001)
        #expect(
            Self.refusal(#"{"type": "stream_request", "data": {"input": "\#(long)"}}"#)
                == .textTooLong(length: 3001, limit: 3000))
    }

    @Test func hints() {
        #expect(Suggestion.nearest(to: "temprature", in: StreamRequest.fields) == "temperature")
        #expect(Suggestion.nearest(to: "chunkSize", in: StreamRequest.fields) == "chunk_size")
        #expect(Suggestion.nearest(to: "zzzzzz", in: StreamRequest.fields) == nil)
        #expect(
            Self.refusal(#"{"type": "stream_request", "data": {"input": "x"}, "voice": "echo"}"#)
                == .unknownField("voice", suggestion: "data.voice"))
    }

    @Test func siblingFieldsAreTolerated() throws {
        #expect(
            try Self.parse(data: #"{"input": "x", "speed": 1, "model": "tts-1"}"#).ignoredFields == ["model", "speed"])
    }

    @Test func modelsAreChosenByName() throws {
        let nano = try Self.parse(data: #"{"input": "x", "model": "nano", "language": "pt-BR"}"#)
        #expect(nano.model == "nano" && nano.parameters["model"] == .string("nano"))
        #expect(nano.speech.language == "pt-BR" && nano.parameters["language"] == .string("pt-BR"))
        for none in [#"{"input": "x"}"#, #"{"input": "x", "model": null}"#, #"{"input": "x", "model": "tts-1"}"#] {
            let request = try Self.parse(data: none)
            #expect(request.model == nil && request.parameters["model"] == .string("small"))
        }
        let error = Self.refusal(field: "model", value: #""huge""#)
        #expect(error == .unknownModel("huge", available: ["small", "nano"]))
        #expect(error?.code == "unknown_model" && error?.field == "model")
        #expect(error?.message.contains("huge") == true && error?.message.contains("small, nano") == true)
        for field in ["model", "language", "normalize_text", "chunk_growth"] {
            let error = Self.refusal(field: field, value: "3")
            #expect(error?.code == "invalid_type" && error?.field == field)
        }
    }

    @Test func requestIDInsideWins() throws {
        let message = #"{"type": "stream_request", "request_id": "a", "data": {"input": "x", "request_id": "b"}}"#
        guard case .streamRequest(let request) = try Self.parse(message) else { return }
        #expect(request.requestID == "b")
    }
}
