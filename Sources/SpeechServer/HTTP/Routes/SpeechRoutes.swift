import AudioDSP
import Foundation
import Hummingbird
import SpeechEngine

/// Text in, audio out.
struct SpeechRoutes: Sendable {
    let service: SpeechService
    let rules: SpeechParameters.Rules

    /// Recordings that come along may be so large.
    static let maxRecordingBytes = 10 << 20
    static let recordingExtensions = [
        "wav", "mp3", "flac", "m4a", "ogg", "oga", "opus", "aac", "webm", "aif", "aiff",
    ]
    static var recordingEndings: String { recordingExtensions.map { "." + $0 }.joined(separator: ", ") }

    var routes: [Route] {
        [
            route("/audio/speech", alias: "/tts", "Speaks a text") { .whole },
            route("/audio/speech/upload", alias: "/tts/upload", "Speaks in the voice of a file", upload: true) {
                .whole
            },
            route("/audio/speech/stream", alias: "/tts/stream", "Speaks a text, sending while it is made") {
                .chunked
            },
            route(
                "/audio/speech/stream/upload", alias: "/tts/stream/upload",
                "Speaks in the voice of a file, sending while it is made", upload: true
            ) { .chunked },
        ]
    }

    private func route(
        _ path: String, alias: String, _ summary: String, upload: Bool = false,
        delivery: @escaping @Sendable () -> SpeechAnswer.Delivery
    ) -> Route {
        let file = FieldProperty(
            name: "voice_file", isRequired: false,
            schema: [
                "type": "string", "format": "binary",
                "description": .string("A recording to speak in the voice of: \(Self.recordingEndings), 10 MB at most"),
            ])
        let audio = Dictionary(
            uniqueKeysWithValues: Set(AudioFormat.allCases.map(\.contentType)).map { ($0, JSONValue.object([:])) })
        return Route(
            method: .post, path: path, aliases: [alias], tag: .speech, summary: summary,
            body: .init(
                kind: upload ? .form : .json, fields: SpeakRequest.properties(rules), files: upload ? [file] : [],
                limit: upload ? Self.maxRecordingBytes + (1 << 20) : 16 << 20),
            answers: [
                .init(
                    status: 200, about: "The speech",
                    content: audio.merging(["text/event-stream": [:]]) { $1 })
            ],
            failures: [404, 413, 415, 503]
        ) { call in try await speak(call, delivery()) }
    }

    private func speak(_ call: Call, _ asked: SpeechAnswer.Delivery) async throws -> Response {
        var fields = try await call.fields()
        // The requirements show `?stream_format=sse`.
        if let format = call.queryValues["stream_format"], fields.values["stream_format"] == nil {
            fields.values["stream_format"] = format
        }
        var rules = rules
        rules.models = service.models
        var request = try SpeakRequest(fields, rules: rules)
        if let recording = try Self.recording(in: fields) {
            request.parts.speech.voiceAudio = recording
            request.parts.speech.voice = nil
        }
        try call.check(.textLength, of: request.parts.speech.input)
        let audio = try await SpokenAudio(request, by: service.of(call.client), from: call.origin)
        try request.effects.check(sampleRateHz: audio.sampleRateHz)
        let isSSE = request.streamFormat == .sse
        // Without a format, events carry plain samples, as the sibling's do.
        let format = isSSE && request.format ?? .wav == .wav ? .pcm : request.format ?? .wav
        var delivery = asked
        if isSSE {
            delivery = .events
        } else if asked == .whole, request.streamFormat == .audio || ![.wav, .flac].contains(format) {
            // Only these two say in front how long they are.
            delivery = .chunked
        }
        return try await SpeechAnswer(request: request, audio: audio, format: format, delivery: delivery).response()
    }

    /// - Throws: `ServerError` for a file that can't be a recording.
    static func recording(in fields: RequestFields, field: String = "voice_file") throws -> Data? {
        guard let file = fields.files.first(where: { $0.name == field }) else { return nil }
        guard file.content.count <= maxRecordingBytes else {
            throw ServerError.messageTooLarge(limit: maxRecordingBytes)
        }
        let ending = URL(filePath: file.fileName).pathExtension.lowercased()
        guard recordingExtensions.contains(ending) else {
            throw ServerError.invalidValue(
                field: field, value: "\"\(file.fileName.excerpt(80))\"",
                allowed: recordingEndings)
        }
        guard !file.content.isEmpty else {
            throw ServerError.invalidValue(field: field, value: "an empty file", allowed: "a recording")
        }
        return file.content
    }
}
