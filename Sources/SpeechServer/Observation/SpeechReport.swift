import Logging
import SpeechEngine
import Synchronization

/// Follows one request for speech, and tells of it: to `/status`, to the metrics and to the log. Never its text.
final class SpeechReport: Sendable {
    private struct State {
        var firstAudio: Duration?
        var chunks = 0
        var audioDuration = 0.0
        var hasEnded = false
    }

    /// Under which `/status` knows the request.
    let id: String
    private let origin: SpeechOrigin
    private let model: String
    private let voice: String
    private let characters: Int
    private let log: RequestLog
    private let metrics: ServerMetrics
    private let state = Mutex(State())

    /// - Parameters:
    ///   - model: by the name that requests call it.
    ///   - parameters: as `/status` shows them.
    init(
        _ request: SpeechRequest, from origin: SpeechOrigin, model: String, voice: String,
        parameters: [String: JSONValue], log: RequestLog, metrics: ServerMetrics
    ) {
        (self.origin, self.model, self.voice, self.log, self.metrics) = (origin, model, voice, log, metrics)
        characters = request.input.unicodeScalars.count
        let source = voice == SpeechParameters.ownVoice ? "uploaded file" : voice
        id = log.begin(id: origin.id, text: request.input, voiceSource: source, parameters: parameters)
    }

    /// Before it went away, nothing had been heard of its end.
    deinit { cancelled() }

    func chunk(_ chunk: SpeechChunk) {
        log.chunk(id, audioDuration: chunk.audioDuration)
        let sinceArrival = origin.arrival.duration(to: .now)
        let isFirst = state.withLock { state in
            state.chunks += 1
            state.audioDuration = chunk.audioDuration
            defer { state.firstAudio = state.firstAudio ?? sinceArrival }
            return state.firstAudio == nil
        }
        if isFirst { firstAudio(after: sinceArrival, chunk) }
        guard origin.printsMetrics else { return }
        origin.logger.info(
            "chunk",
            metadata: [
                "chunk": .stringConvertible(chunk.index), "bytes": .stringConvertible(chunk.samples.count * 2),
                "audio_seconds": .seconds(chunk.audioDuration), "elapsed_seconds": .seconds(chunk.elapsedTime),
                "latency_seconds": .seconds(chunk.latencyToFirstChunk), "rtf": .seconds(chunk.realTimeFactor),
            ])
    }

    private func firstAudio(after duration: Duration, _ chunk: SpeechChunk) {
        metrics.firstAudio(after: duration, origin.transport, model: model)
        // Of HTTP the answer's head tells it, and nobody waits for a job.
        guard origin.transport == .websocket, metrics.isSlow(duration, origin.transport) else { return }
        origin.logger.warning(
            "slow request",
            metadata: facts.merging([
                "first_audio_seconds": .seconds(duration.inSeconds),
                "spoken_since_seconds": .seconds(chunk.latencyToFirstChunk),
            ]) { $1 })
    }

    func finished(_ summary: SpeechSummary) {
        guard let state = end(.completed) else { return }
        log.end(id)
        let factor = summary.audioDuration > 0 ? summary.elapsedTime / summary.audioDuration : 0
        metrics.completed(
            origin.transport, model: model, characters: characters, tokens: summary.tokens, realTimeFactor: factor)
        origin.logger.info(
            "speech completed",
            metadata: facts.merging([
                "chunks": .stringConvertible(summary.totalChunks), "tokens": .stringConvertible(summary.tokens),
                "audio_seconds": .seconds(summary.audioDuration),
                "first_audio_seconds": .seconds(state.firstAudio?.inSeconds ?? 0),
                "elapsed_seconds": .seconds(summary.elapsedTime), "real_time_factor": .seconds(factor),
                "end_reason": "\(summary.endReason.rawValue)",
            ]) { $1 })
    }

    func failed(_ error: any Error) {
        if case SpeechEngineError.cancelled = error { return cancelled() }
        if error is CancellationError { return cancelled() }
        guard end(.failed) != nil else { return }
        let told = ServerError(error)
        log.end(id, error: told.message)
        origin.logger.tell("speech failed", told, facts)
    }

    func cancelled() {
        guard let state = end(.cancelled) else { return }
        log.end(id, error: "cancelled")
        origin.logger.info(
            "speech cancelled",
            metadata: facts.merging([
                "chunks": .stringConvertible(state.chunks), "audio_seconds": .seconds(state.audioDuration),
            ]) { $1 })
    }

    /// - Returns: nil if it has ended before.
    private func end(_ outcome: ServerMetrics.Outcome) -> State? {
        let ended = state.withLock { state -> State? in
            defer { state.hasEnded = true }
            return state.hasEnded ? nil : state
        }
        if ended != nil { metrics.ended(outcome, origin.transport, model: model) }
        return ended
    }

    private var facts: Logger.Metadata {
        [
            "transport": "\(origin.transport.rawValue)", "model": "\(model)", "voice": "\(voice)",
            "characters": .stringConvertible(characters),
        ]
    }
}

extension Logger {
    /// An error that a client is told: its message may quote what was sent, so that only `debug` has it.
    func tell(_ message: Logger.Message, _ error: ServerError, _ facts: Logger.Metadata = [:]) {
        var facts = facts
        facts["code"] = "\(error.code)"
        switch error {
        case .speechFailed, .libraryFailed, .internalFailure:
            facts["reason"] = "\(error.message)"
            self.error(message, metadata: facts)
        default:
            if logLevel <= .debug { facts["reason"] = "\(error.message)" }
            info(message, metadata: facts)
        }
    }
}

extension Logger.MetadataValue {
    /// A number to tenths of milliseconds.
    static func seconds(_ value: Double) -> Self { .stringConvertible(value.rounded(decimals: 4)) }
}
