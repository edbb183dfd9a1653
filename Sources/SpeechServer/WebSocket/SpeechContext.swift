import AudioDSP
import Foundation
import Logging
import SpeechEngine

/// One stream of text on a socket that may have several: text is appended, and spoken as its sentences become whole.
actor SpeechContext {
    private enum Unit: Sendable {
        case text(String)
        /// All text before it has been spoken.
        case flushed
    }

    /// Characters that may wait to be spoken.
    static let maxPendingCharacters = 100_000
    /// Sentences that wait are spoken in one go, up to so many characters.
    private static let maxTogether = 600

    nonisolated let id: String
    private let request: StreamRequest
    private let service: SpeechService
    private let logger: Logger
    private let send: @Sendable (ServerMessage) async throws -> Void

    private var buffer = TextBuffer()
    private var units: [Unit] = []
    private var pendingCharacters = 0
    private var lastText: String?
    private var isOpen = true
    private var isCancelled = false
    private var speech: Speech?
    private var starting: Task<Speech, any Error>?
    private var done = ServerMessage.Done(message: "Streaming complete", endReason: "stop_token")
    private var latency: Double?
    private let news: AsyncStream<Void>
    private let newsSource: AsyncStream<Void>.Continuation

    /// - Parameter request: its text is not looked at.
    init(
        id: String, request: StreamRequest, service: SpeechService, logger: Logger,
        send: @escaping @Sendable (ServerMessage) async throws -> Void
    ) {
        (self.id, self.request, self.service, self.logger, self.send) = (id, request, service, logger, send)
        (news, newsSource) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        done.seed = request.speech.seed
    }

    // MARK: From the client

    /// - Throws: `ServerError` if too much waits, or the context is closed.
    func append(_ text: String) throws {
        guard isOpen else { throw ServerError.noSuchContext(id) }
        let count = text.unicodeScalars.count
        guard pendingCharacters + count <= Self.maxPendingCharacters else {
            throw ServerError.outOfRange(
                field: "text", value: "\(count) characters, with \(pendingCharacters) waiting to be spoken",
                allowed: "\(Self.maxPendingCharacters) in all")
        }
        pendingCharacters += count
        add(buffer.append(text))
    }

    /// What was appended is spoken, whether its last sentence is whole or not.
    func flush() throws {
        guard isOpen else { throw ServerError.noSuchContext(id) }
        add(buffer.flush())
        units.append(.flushed)
        newsSource.yield()
    }

    /// No more text comes.
    func close() {
        guard isOpen else { return }
        isOpen = false
        add(buffer.flush())
        newsSource.finish()
    }

    /// Ends it at once: nothing more is heard of it.
    func cancel() {
        guard !isCancelled else { return }
        (isOpen, isCancelled, units) = (false, true, [])
        starting?.cancel()
        speech?.cancel()
        newsSource.finish()
    }

    private func add(_ sentences: [String]) {
        units += sentences.map(Unit.text)
        if !sentences.isEmpty { newsSource.yield() }
    }

    // MARK: Speaking

    /// Speaks until it is closed or cancelled; tells the client of its end.
    func run() async {
        do {
            for await _ in news { try await speakPending() }
            try await speakPending()
            if isCancelled {
                try await tell(.cancelled(requestID: nil))
                (done.message, done.endReason) = ("Streaming cancelled", "cancelled")
            }
            try await tell(.done(done))
        } catch let error as SpeechEngineError {
            try? await tell(.error(ServerError(error), requestID: nil))
        } catch let error as ServerError {
            try? await tell(.error(error, requestID: nil))
        } catch {
            // The client is gone.
            logger.debug("context ended", metadata: ["context": "\(id)", "error": "\(error)"])
        }
        isOpen = false
    }

    private func speakPending() async throws {
        while !isCancelled, let unit = units.first {
            switch unit {
            case .flushed:
                units.removeFirst()
                try await tell(.flushed)
            case .text:
                let text = takeText()
                do {
                    try await speak(text)
                } catch let error where isCancelled {
                    logger.debug("context cancelled", metadata: ["context": "\(id)", "error": "\(error)"])
                } catch SpeechEngineError.emptyText {
                    // A smile between two sentences is nothing to be said.
                }
                pendingCharacters = max(0, pendingCharacters - text.unicodeScalars.count)
                if units.isEmpty { pendingCharacters = 0 }
            }
        }
    }

    /// The sentences that wait, as far as they may be spoken in one go.
    private func takeText() -> String {
        var text = ""
        while case .text(let next)? = units.first, text.isEmpty || text.count + next.count < Self.maxTogether {
            units.removeFirst()
            text += text.isEmpty || text.hasSuffix("\n") ? next : " " + next
        }
        return text
    }

    private func speak(_ text: String) async throws {
        var parts = request.parts
        parts.speech.input = text
        parts.speech.follow(lastText)
        lastText = text
        let (service, used, origin) = (service, request.parameters, request.origin(id, logger))
        let starting = Task { try await service.start(parts, used: used, from: origin) }
        self.starting = starting
        let speech = try await starting.value
        self.speech = speech
        if isCancelled { speech.cancel() }
        for await place in speech.waiting where !isCancelled { try await tell(.queued(place, requestID: nil)) }
        if latency == nil, !isCancelled {
            try await tell(
                .info(
                    ServerMessage.Info(
                        textLength: text.unicodeScalars.count, voice: speech.voice, parameters: request.parameters,
                        ignoredParameters: (speech.engine.ignoredParameters + request.ignoredFields).sorted(),
                        sampleRate: speech.engine.sampleRateHz)))
        }
        let (audioBefore, elapsedBefore, tokensBefore) = (done.audioDuration, done.elapsedTime, done.tokens)
        for try await event in speech {
            if isCancelled { break }
            switch event {
            case .chunk(let chunk):
                done.audioDuration = (audioBefore + chunk.audioDuration).rounded(decimals: 4)
                done.elapsedTime = (elapsedBefore + chunk.elapsedTime).rounded(decimals: 4)
                done.tokens = tokensBefore + chunk.tokens
                try await sendChunk(chunk, of: speech, after: audioBefore)
            case .finished(let summary):
                done.tokens = tokensBefore + summary.tokens
                done.endReason = summary.endReason.rawValue
                if done.seed == nil { done.seed = summary.seed }
                try await tellWords(summary.words, after: audioBefore)
            }
        }
        self.speech = nil
    }

    private func sendChunk(_ chunk: SpeechChunk, of speech: Speech, after start: Double) async throws {
        done.totalChunks += 1
        if done.totalChunks == 1 { done.firstChunkTokens = chunk.tokens }
        let first = latency ?? chunk.latencyToFirstChunk
        latency = first
        let pcm = PCM16.bytes(chunk.samples)
        try await tell(.audio(chunk: done.totalChunks, base64: Data(pcm).base64EncodedString()))
        try await tellWords(chunk.words, after: start)
        guard request.includeMetrics, !isCancelled else { return }
        try await tell(
            .metrics(
                ServerMessage.Metrics(
                    chunk: done.totalChunks, latencyToFirstChunk: first.rounded(decimals: 4),
                    elapsedTime: done.elapsedTime, audioDuration: done.audioDuration,
                    rtf: (done.elapsedTime / done.audioDuration).rounded(decimals: 4), chunkSizeBytes: pcm.count,
                    sampleRate: speech.engine.sampleRateHz)))
    }

    private func tellWords(_ words: [WordTimestamp], after start: Double) async throws {
        guard !words.isEmpty, !isCancelled else { return }
        try await tell(
            .timestamps(
                words.map { WordTimestamp(word: $0.word, start: $0.start + start, end: $0.end + start) }))
    }

    private func tell(_ message: ServerMessage) async throws { try await send(.inContext(id, message)) }
}
