import AudioDSP
import Foundation
import Logging
import ServiceLifecycle
import SpeechEngine
import VoiceLibrary

/// Speaks long texts in the background, chunk by chunk. What is spoken is kept, so that a killed server goes on where it
/// was.
package struct JobRunner: Service {
    package struct Settings: Sendable {
        /// Jobs at the same time.
        var workers: Int
        /// Characters of a chunk.
        var chunkSize: Int
        /// Silence between paragraphs of two chunks, beside what is spoken.
        var paddingMs: Int
        var retentionDays: Int

        init(_ jobs: ChatterboxServer.Configuration.Jobs) {
            (workers, chunkSize) = (jobs.workers, jobs.chunkSize)
            (paddingMs, retentionDays) = (jobs.paddingMs, jobs.retentionDays)
        }
    }

    /// Why a job stopped that is not its own fault.
    private struct Interrupted: Error {}

    let store: JobStore
    let service: SpeechService
    let rules: SpeechParameters.Rules
    let settings: Settings
    let logger: Logger

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                for _ in 0..<settings.workers { group.addTask { await work() } }
                group.addTask { await forgetOldJobs() }
            }
        }
    }

    private func work() async {
        while !Task.isCancelled {
            do {
                for try await count in store.pendingCounts() where count > 0 {
                    while let job = try await store.claimNext() { await speak(job) }
                }
            } catch {
                if Task.isCancelled { return }
                logger.error("jobs can't be read", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .seconds(5))
            }
        }
    }

    private func forgetOldJobs() async {
        while !Task.isCancelled {
            if let gone = try? await store.deleteEnded(olderThanDays: Double(settings.retentionDays)), !gone.isEmpty {
                logger.info("old jobs deleted", metadata: ["count": "\(gone.count)"])
            }
            try? await Task.sleep(for: .seconds(3600))
        }
    }

    /// Speaks a job as far as it may: it may be paused, cancelled or deleted meanwhile, or the server may end.
    private func speak(_ job: Job) async {
        let logger = logger
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await complete(job) }
                group.addTask {
                    for try await now in store.updates(of: job.id) where now.claim != job.claim || now.state.isIdle {
                        throw Interrupted()
                    }
                    throw Interrupted()
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch is Interrupted {
            logger.debug("job stopped", metadata: ["job": "\(job.id)"])
        } catch LibraryError.claimLost, LibraryError.unknownJob, LibraryError.impossible {
            logger.debug("job taken away", metadata: ["job": "\(job.id)"])
        } catch {
            if Task.isCancelled || error is CancellationError {
                // The server ends: the next start goes on.
                let store = store
                await Task.detached { _ = try? await store.interrupt(job) }.value
                return
            }
            let told = ServerError(error)
            service.metrics.told(told, over: .job)
            logger.warning("job failed", metadata: ["job": "\(job.id)", "code": "\(told.code)"])
            _ = try? await store.fail(job, error: told.message)
        }
    }

    private func complete(_ claimed: Job) async throws {
        var job = claimed
        if job.state == .chunking {
            let parts = TextBlocks.split(try await store.text(of: job.id), size: settings.chunkSize, by: .paragraph)
            job = try await store.setChunks(
                parts.map { NewChunk(text: $0.text, pauseAfterMs: $0.endsParagraph ? settings.paddingMs : 0) }, of: job)
        }
        let request = try JobRequest(job, rules: rules, models: service.models)
        let chunks = try await store.chunks(of: job.id)
        for (chunk, before) in zip(chunks, [nil] + chunks) where chunk.state != .completed {
            try await store.startChunk(chunk.index, of: job)
            do {
                try await speak(chunk, after: before, of: job, request)
            } catch let error where !(error is CancellationError) && !Task.isCancelled {
                try? await store.failChunk(chunk.index, of: job, error: ServerError(error).message)
                throw error
            }
        }
        let seconds = try await JobOutput(store: store, format: request.format).write(job)
        try await store.complete(job, audioSeconds: seconds)
        logger.info("job completed", metadata: ["job": "\(job.id)", "seconds": "\(seconds.rounded(decimals: 1))"])
    }

    private func speak(_ chunk: JobChunk, after before: JobChunk?, of job: Job, _ request: JobRequest) async throws {
        let start = ContinuousClock.now
        var parts = request.parts
        parts.speech.input = chunk.text
        parts.speech.follow(before?.text)
        let speech = try await startPatiently(parts, of: job, used: request.used)
        var samples: [Int16] = []
        for try await event in speech {
            if case .chunk(let spoken) = event { samples += spoken.samples }
        }
        let rate = speech.engine.sampleRateHz
        let took = (ContinuousClock.now - start).components
        let isOurs = try await store.finishChunk(
            chunk.index, of: job, audio: Data(WAV.file(samples, sampleRateHz: rate)), sampleCount: samples.count,
            seconds: Double(took.seconds) + Double(took.attoseconds) * 1e-18)
        if !isOurs { throw LibraryError.claimLost(job: job.id) }
    }

    /// A job has time: it waits for a model that loads and for a place.
    private func startPatiently(
        _ parts: SpeechParameters, of job: Job, used: [String: JSONValue]
    ) async throws -> Speech {
        while true {
            do {
                return try await service.start(
                    parts, used: used, from: SpeechOrigin(.job, id: job.id, logger: logger))
            } catch {
                switch ServerError(error) {
                case .notReady, .serverBusy, .modelUnavailable: try await Task.sleep(for: .seconds(1))
                case .shuttingDown: throw CancellationError()
                default: throw error
                }
            }
        }
    }
}

extension JobState {
    /// Whether no worker may be at it.
    fileprivate var isIdle: Bool { self != .processing && self != .chunking }
}

/// How a job is to be spoken, from what was kept of its request.
struct JobRequest: Sendable {
    var parts: SpeechParameters
    var used: [String: JSONValue]
    var format: AudioFormat

    /// - Throws: `ServerError` for parameters that this server doesn't take (any more).
    init(_ job: Job, rules: SpeechParameters.Rules, models: [String]) throws {
        guard case .object(var values) = try JSONValue(parsing: job.parameters) else {
            throw ServerError.internalFailure
        }
        values["input"] = "-"
        values["voice"] = job.voice.map(JSONValue.string)
        for name in LongTextRequest.ownNames { values[name] = nil }
        var rules = rules
        rules.models = models
        var reader = FieldReader(values)
        parts = SpeechParameters(&reader, rules: rules)
        _ = try reader.finish(known: SpeechParameters.names)
        used = reader.used
        // Nobody waits for the first sound: long chunks are cheaper.
        if values["chunk_size"] == nil { parts.speech.chunkSize = SpeechRequest.Limits.chunkSize.upperBound }
        if let url = job.recordingURL {
            parts.speech.voiceAudio = try Data(contentsOf: url)
            parts.speech.voice = nil
        }
        format = AudioFormat(rawValue: job.responseFormat) ?? .wav
    }
}
