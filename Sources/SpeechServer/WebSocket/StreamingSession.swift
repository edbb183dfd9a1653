import AudioDSP
import Foundation
import Logging
import NIOCore
import SpeechEngine

/// One client's conversation: reads its messages, speaks its requests in order, answers control messages meanwhile.
///
/// It knows messages and the engine, not sockets: it reads a sequence of ``ClientFrame`` and writes ``ServerFrame``
/// through `send`, which suspends while the client is slow and so holds back the engine.
package actor StreamingSession {
    private final class Running {
        let request: StreamRequest
        /// The model it waits for.
        var loading: Task<Speech, any Error>?
        var speech: Speech?
        var isCancelled = false
        /// What has been sent so far; becomes the `done` message.
        var done = ServerMessage.Done(message: "Streaming complete", endReason: "")

        init(_ request: StreamRequest) {
            self.request = request
            done.requestID = request.requestID
        }

        /// Ends the wait for the model, and the speech.
        func end() {
            loading?.cancel()
            speech?.cancel()
        }
    }

    private let connectionID: String
    private let service: SpeechService
    private let defaults: SpeechDefaults
    private let limits: ServerLimits
    private let logger: Logger
    private let send: @Sendable (ServerFrame) async throws -> Void

    private var waiting: [StreamRequest] = []
    /// A request whose recording is the next binary message.
    private var awaitingRecording: StreamRequest?
    private var running: Running?
    /// Made when the session runs, as they speak through it. They don't keep it: neither would ever go.
    private lazy var contexts = SpeechContexts(
        service: service, limit: limits.maxQueuedRequests, logger: logger,
        send: { [weak self] in try await self?.tell($0) }, onEnd: { [weak self] in await self?.closeIfDue() })
    /// Speaks what waits; nil while nothing does, as most connections are idle.
    private var speaking: Task<Void, Never>?
    /// The connection is closed for it as soon as nothing is spoken any more.
    private var due: ServerError?
    private var isClosed = false

    package init(
        connectionID: String, service: SpeechService, defaults: SpeechDefaults = .init(), limits: ServerLimits,
        logger: Logger,
        send: @escaping @Sendable (ServerFrame) async throws -> Void
    ) {
        self.connectionID = connectionID
        self.service = service
        self.defaults = defaults
        self.limits = limits
        self.logger = logger
        self.send = send
    }

    /// Runs until the client's messages end. When it returns, nothing of it is left in the engine.
    package func run<Frames: AsyncSequence & Sendable>(_ frames: Frames) async where Frames.Element == ClientFrame {
        do {
            try await tell(.connected(connectionID: connectionID))
            for try await frame in frames { try await receive(frame) }
        } catch {
            logger.debug("connection ended", metadata: ["error": "\(error)"])
        }
        await stop()
        speaking?.cancel()
        await speaking?.value
        await contexts.waitUntilEmpty()
    }

    // MARK: Messages of the client

    private func receive(_ frame: ClientFrame) async throws {
        switch frame {
        case .text(let text): try await receive(text)
        case .binary(let payload): try await receive(payload)
        case .closing(let reason):
            if let reason, !isClosed { service.metrics.told(reason, over: .websocket) }
            await stop()
        case .due(.connectionTimeout(let timeout)):
            // Speech that waits for its place is silent, but not idle.
            if speaking == nil { await close(.connectionTimeout(timeout)) }
        case .due(let reason):
            if reason == .shuttingDown { try await refuseWaiting() }
            due = due ?? reason
            await closeIfDue()
        }
    }

    private func receive(_ text: String) async throws {
        var requestID: String?
        var contextID: String?
        do {
            let json = try JSONValue(parsing: text)
            requestID = ClientMessage.requestID(in: json)
            contextID = ClientMessage.contextID(in: json)
            switch try ClientMessage(json, models: service.models, defaults: defaults) {
            case .ping: try await tell(.pong)
            case .cancel(let id): try await cancel(id)
            case .streamRequest(let request):
                try await service.admitRequest(textLength: request.textLength)
                try await enqueue(request)
            case .append(let id, let text, let request):
                try await service.admitRequest(textLength: text.unicodeScalars.count, isNew: request != nil)
                try await contexts.append(text, to: id, request)
            case .flush(let id): try await contexts.flush(id)
            case .close(let id): try await contexts.close(id)
            case .cancelContext(let id): try await contexts.cancel(id)
            }
        } catch let error as ServerError {
            logger.tell("message refused", error)
            let answer = ServerMessage.error(error, requestID: requestID)
            try await tell(contextID.map { .inContext($0, answer) } ?? answer)
            // A key that was withdrawn has no business on an open connection.
            if error.endsAccess {
                await stop()
                try await send(.close(error))
            }
        }
    }

    /// The recording of the request that awaits one.
    private func receive(_ recording: ByteBuffer) async throws {
        let requestID = awaitingRecording?.requestID
        do {
            guard var request = awaitingRecording else {
                throw ServerError.unexpectedBinary(byteCount: recording.readableBytes)
            }
            awaitingRecording = nil
            request.speech.voiceAudio = Data(recording.readableBytesView)
            request.awaitsRecording = false
            try await enqueue(request)
        } catch let error as ServerError {
            try await tell(.error(error, requestID: requestID))
        }
    }

    private func enqueue(_ request: StreamRequest) async throws {
        if due == .shuttingDown { throw ServerError.shuttingDown }
        guard service.engine.isReady else { throw ServerError.notReady }
        try await service.checkSpeaker(of: request.parts)
        if request.awaitsRecording {
            guard awaitingRecording == nil else {
                throw ServerError.invalidValue(
                    field: "voice_audio", value: "true, while another request awaits its recording",
                    allowed: "one such request at a time")
            }
            awaitingRecording = request
            return
        }
        if let recording = request.speech.voiceAudio {
            // Recordings that wait are kept: together no more than one message may hold.
            let held = waiting.reduce(0) { $0 + ($1.speech.voiceAudio?.count ?? 0) }
            guard held + recording.count <= limits.maxMessageBytes else {
                throw ServerError.queueFull(limit: waiting.count)
            }
        }
        guard waiting.count < limits.maxQueuedRequests else {
            throw ServerError.queueFull(limit: limits.maxQueuedRequests)
        }
        waiting.append(request)
        if speaking == nil { speaking = Task { await speakInOrder() } }
    }

    /// Without an id, ends the request being spoken; with one, that request, spoken or waiting.
    private func cancel(_ requestID: String?) async throws {
        if let running, !running.isCancelled, requestID == nil || requestID == running.request.requestID {
            // `cancelled` and `done` follow from the speaking side, behind what it has sent already.
            running.isCancelled = true
            running.end()
            return
        }
        if let awaited = awaitingRecording,
            requestID.map({ $0 == awaited.requestID }) ?? (running == nil && waiting.isEmpty)
        {
            awaitingRecording = nil
            return try await tellCancelled(awaited)
        }
        if requestID == nil, running == nil, waiting.isEmpty, await contexts.cancelAll() { return }
        let place = requestID == nil ? waiting.indices.first : waiting.firstIndex { $0.requestID == requestID }
        guard let place, running == nil || requestID != nil else {
            throw ServerError.nothingToCancel(requestID: requestID)
        }
        try await tellCancelled(waiting.remove(at: place))
    }

    /// Of a request that was never spoken.
    private func tellCancelled(_ request: StreamRequest) async throws {
        try await tell(.cancelled(requestID: request.requestID))
        let done = ServerMessage.Done(
            message: "Streaming cancelled", endReason: "cancelled", requestID: request.requestID)
        try await tell(.done(done))
    }

    // MARK: Speaking

    private func speakInOrder() async {
        while !isClosed, !waiting.isEmpty {
            let job = Running(waiting.removeFirst())
            running = job
            do {
                try await speak(job)
            } catch {
                // Only sending fails here: the client is gone, and its messages are about to end too.
                job.end()
                logger.debug("client gone while speaking", metadata: ["error": "\(error)"])
            }
            running = nil
        }
        speaking = nil
        await closeIfDue()
    }

    private func speak(_ job: Running) async throws {
        let request = job.request
        do {
            let speech = try await started(job)
            job.speech = speech
            let engine = speech.engine
            for await place in speech.waiting where !job.isCancelled {
                try await sending { try await self.tell(.queued(place, requestID: request.requestID)) }
            }
            if job.isCancelled || isClosed { throw SpeechEngineError.cancelled }
            let info = ServerMessage.Info(
                textLength: request.textLength, voice: speech.voice,
                parameters: request.parameters,
                ignoredParameters: (engine.ignoredParameters + request.ignoredFields).sorted(),
                sampleRate: engine.sampleRateHz, requestID: request.requestID)
            try await sending { try await self.tell(.info(info)) }
            if request.outputFormat == .wav {
                let header = WAV.header(sampleRateHz: engine.sampleRateHz, sampleCount: nil)
                try await sending { try await self.send(.binary(ByteBuffer(bytes: header))) }
            }
            for try await event in speech {
                if job.isCancelled || isClosed { break }
                switch event {
                case .chunk(let chunk): try await sending { try await self.sendChunk(chunk, of: job) }
                case .finished(let summary):
                    finish(job, summary)
                    try await sending { try await self.tellWords(summary.words, of: job) }
                }
            }
        } catch let failure as SendFailure {
            throw failure.cause
        } catch  where job.isCancelled || isClosed {
            // A cancelled stream may end by throwing; the client is told below that it was cancelled.
        } catch {
            try await tell(.error(ServerError(error), requestID: request.requestID))
            return
        }
        // From here on a cancel comes too late for this request.
        running = nil
        if job.isCancelled {
            try await tell(.cancelled(requestID: request.requestID))
            job.done.message = "Streaming cancelled"
            job.done.endReason = "cancelled"
        }
        if !isClosed { try await tell(.done(job.done)) }
    }

    /// Starts the request once its model is loaded; others' requests go on meanwhile.
    private func started(_ job: Running) async throws -> Speech {
        let (service, request) = (service, job.request)
        let origin = request.origin(request.requestID, logger)
        let loading = Task { try await service.start(request.parts, used: request.parameters, from: origin) }
        job.loading = loading
        let speech = try await loading.value
        job.loading = nil
        if job.isCancelled || isClosed { throw SpeechEngineError.cancelled }
        return speech
    }

    private func sendChunk(_ chunk: SpeechChunk, of job: Running) async throws {
        job.done.totalChunks += 1
        let number = job.done.totalChunks
        let pcm = PCM16.bytes(chunk.samples)
        switch job.request.outputFormat {
        case .wav: try await send(.binary(ByteBuffer(bytes: pcm)))
        case .base64: try await tell(.audio(chunk: number, base64: Data(pcm).base64EncodedString()))
        }
        try await tellWords(chunk.words, of: job)
        job.done.audioDuration = chunk.audioDuration.rounded(decimals: 4)
        job.done.elapsedTime = chunk.elapsedTime.rounded(decimals: 4)
        job.done.tokens = chunk.tokens
        if number == 1 { job.done.firstChunkTokens = chunk.tokens }
        let metrics = ServerMessage.Metrics(
            chunk: number, latencyToFirstChunk: chunk.latencyToFirstChunk.rounded(decimals: 4),
            elapsedTime: chunk.elapsedTime.rounded(decimals: 4),
            audioDuration: chunk.audioDuration.rounded(decimals: 4),
            rtf: chunk.realTimeFactor.rounded(decimals: 4), chunkSizeBytes: pcm.count,
            sampleRate: job.speech?.engine.sampleRateHz ?? 0)
        if job.request.includeMetrics, !job.isCancelled { try await tell(.metrics(metrics)) }
    }

    private func tellWords(_ words: [WordTimestamp], of job: Running) async throws {
        if !words.isEmpty, !job.isCancelled { try await tell(.timestamps(words)) }
    }

    private func finish(_ job: Running, _ summary: SpeechSummary) {
        job.done.audioDuration = summary.audioDuration.rounded(decimals: 4)
        job.done.elapsedTime = summary.elapsedTime.rounded(decimals: 4)
        job.done.tokens = summary.tokens
        job.done.endReason = summary.endReason.rawValue
        job.done.seed = summary.seed
    }

    // MARK: Ending

    private func stop() async {
        isClosed = true
        waiting.removeAll()
        running?.end()
        await contexts.cancelAll()
    }

    private func refuseWaiting() async throws {
        let dropped = waiting + (awaitingRecording.map { [$0] } ?? [])
        waiting.removeAll()
        awaitingRecording = nil
        due = .shuttingDown
        for request in dropped { try await tell(.error(.shuttingDown, requestID: request.requestID)) }
        // What was said to a context is spoken to its end, if there is time.
        await contexts.closeAll()
    }

    private func closeIfDue() async {
        // Asked first: while that takes, something may come to be spoken.
        let isSilent = await contexts.isEmpty
        if let due, isSilent, speaking == nil, !isClosed { await close(due) }
    }

    private func close(_ reason: ServerError) async {
        service.metrics.told(reason, over: .websocket)
        await stop()
        try? await send(.close(reason))
    }

    // MARK: Sending

    private func tell(_ message: ServerMessage) async throws {
        guard !isClosed else { return }
        if let error = message.failure { service.metrics.told(error, over: .websocket) }
        try await send(.text(JSONText.encode(message)))
    }

    /// A failure to reach the client, kept apart from failures of the engine.
    private struct SendFailure: Error {
        var cause: any Error
    }

    private func sending(_ body: () async throws -> Void) async throws {
        do { try await body() } catch { throw SendFailure(cause: error) }
    }
}

extension Double {
    /// Tenths of milliseconds are what a clock is good for.
    func rounded(decimals: Int) -> Double {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        return (self * scale).rounded() / scale
    }
}
