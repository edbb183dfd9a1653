import AudioDSP
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// How speech leaves over HTTP: whole, in chunks while it is made, or as server-sent events.
struct SpeechAnswer: Sendable {
    enum Delivery: Sendable {
        case whole, chunked, events
    }

    let request: SpeakRequest
    let audio: SpokenAudio
    let format: AudioFormat
    let delivery: Delivery

    private var sampleRateHz: Int {
        request.sampleRateHz ?? format.defaultSampleRateHz(source: audio.sampleRateHz)
    }

    /// Returns once there is sound, so that what can't be spoken is told before an answer begins.
    /// - Throws: `ServerError`.
    func response() async throws -> Response {
        var headers = HTTPFields()
        headers[HTTPField.Name("X-Voice")!] = audio.voice.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed)
        headers[HTTPField.Name("X-Sample-Rate")!] = String(sampleRateHz)
        if !request.ignored.isEmpty {
            // Names are the client's; clients take headers of some kilobytes.
            let names = request.ignored.map { $0.prefix(60) }.joined(separator: ",").prefix(1000)
            headers[HTTPField.Name("X-Ignored-Fields")!] = names.addingPercentEncoding(
                withAllowedCharacters: .urlPathAllowed)
        }
        headers[.cacheControl] = "no-cache"
        // Proxies must not collect what is meant to stream.
        headers[HTTPField.Name("X-Accel-Buffering")!] = "no"
        guard delivery != .events else {
            headers[.contentType] = "text/event-stream; charset=utf-8"
            let stream = try await opened()
            return Response(status: .ok, headers: headers, body: ResponseBody { try await sendEvents(stream, &$0) })
        }
        headers[.contentType] = format.contentType
        headers[.contentDisposition] = "attachment; filename=speech.\(format.fileExtension)"
        guard delivery == .whole else {
            let stream = try await opened()
            return Response(status: .ok, headers: headers, body: ResponseBody { try await sendChunks(stream, &$0) })
        }
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: try await whole())))
    }

    /// A file whose header tells its length.
    private func whole() async throws -> [UInt8] {
        var samples: [Int16] = []
        while let next = try await audio.next() { samples += next }
        return try AudioPipe.file(samples, request, format: format, sampleRateHz: audio.sampleRateHz)
    }

    /// A stream of which the first sound is there, in bytes: it leaves with the answer's head, not after it.
    private struct Opened: Sendable {
        let pipe: AudioPipe
        let start: [UInt8]
    }

    private func opened() async throws -> Opened {
        // Made while the engine is at the first sound.
        let pipe = try AudioPipe(request, format: format, sampleRateHz: audio.sampleRateHz)
        let first = try await audio.next()
        return Opened(pipe: pipe, start: try first.map(pipe.bytes) ?? [])
    }

    /// What fails from here on cuts the answer off, and the client sees that it is not whole.
    private func sendChunks(_ stream: Opened, _ writer: inout any ResponseBodyWriter) async throws {
        let pipe = stream.pipe
        if !stream.start.isEmpty { try await writer.write(ByteBuffer(bytes: stream.start)) }
        do {
            while let samples = try await audio.next() {
                let bytes = try pipe.bytes(samples)
                if !bytes.isEmpty { try await writer.write(ByteBuffer(bytes: bytes)) }
            }
        } catch let error as ServerError {
            audio.failed(error)
            throw error
        }
        try await writer.write(ByteBuffer(bytes: pipe.finish()))
        try await writer.finish(nil)
    }

    private func sendEvents(_ stream: Opened, _ writer: inout any ResponseBodyWriter) async throws {
        let pipe = stream.pipe
        try await writer.write(Self.event(SpeechInfo(sampleRate: sampleRateHz, format: format.rawValue)))
        if !stream.start.isEmpty { try await writer.write(Self.event(SpeechDelta(stream.start))) }
        do {
            while let samples = try await audio.next() {
                let bytes = try pipe.bytes(samples)
                if !bytes.isEmpty { try await writer.write(Self.event(SpeechDelta(bytes))) }
            }
            let rest = try pipe.finish()
            if !rest.isEmpty { try await writer.write(Self.event(SpeechDelta(rest))) }
            try await writer.write(
                Self.event(SpeechDone(await audio.usage, withWords: request.parts.speech.includeTimestamps)))
        } catch let error as ServerError {
            audio.failed(error)
            try await writer.write(Self.event(SpeechFailure(error)))
        }
        try await writer.finish(nil)
    }

    static func event(_ value: some Encodable) throws -> ByteBuffer {
        var buffer = ByteBuffer(string: "data: ")
        var json = try JSONText.encode(value)
        buffer.writeBuffer(&json)
        buffer.writeString("\n\n")
        return buffer
    }
}

private struct SpeechInfo: Encodable {
    var type = "speech.audio.info"
    var sampleRate: Int
    var channels = 1
    var bitsPerSample = 16
    /// Beyond the sibling's fields.
    var format: String
}

private struct SpeechDelta: Encodable {
    var type = "speech.audio.delta"
    var audio: String

    init(_ bytes: [UInt8]) { audio = Data(bytes).base64EncodedString() }
}

private struct SpeechDone: Encodable {
    struct Usage: Encodable {
        var inputTokens: Int
        var outputTokens: Int
        var totalTokens: Int
    }

    struct Word: Encodable {
        var word: String
        var start: Double
        var end: Double
    }

    var type = "speech.audio.done"
    var usage: Usage
    var words: [Word]?

    init(_ usage: SpokenAudio.Usage, withWords: Bool) {
        self.usage = Usage(
            inputTokens: usage.textTokens, outputTokens: usage.speechTokens,
            totalTokens: usage.textTokens + usage.speechTokens)
        if withWords {
            words = usage.words.map {
                Word(word: $0.word, start: $0.start.rounded(decimals: 4), end: $0.end.rounded(decimals: 4))
            }
        }
    }
}

private struct SpeechFailure: Encodable {
    var type = "error"
    var error: ErrorBody.Failure

    init(_ error: ServerError) { self.error = ErrorBody(error).error }
}
