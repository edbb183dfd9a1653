import SpeechEngine
import Synchronization

/// An engine that says what a test tells it to.
final class ScriptedEngine: SpeechSynthesizing {
    enum Script: Sendable {
        /// So many chunks of 25 tokens, at once.
        case chunks(Int)
        /// One chunk, then nothing until it is cancelled.
        case hangs
        /// One chunk, then this error.
        case fails(SpeechEngineError)
        /// A model that is never loaded.
        case loads
        /// Places in the queue, then one chunk; without end, the last place is kept.
        case waits([QueuePlace], ends: Bool)
        /// An error instead of a stream.
        case refuses(SpeechEngineError)
    }

    struct State {
        var requests: [SpeechRequest] = []
        var cancelled = 0
        /// How often a model was asked for.
        var asked = 0
        var isReady = true
    }

    let script: Script
    let state = Mutex(State())

    init(_ script: Script = .chunks(2), canClone: Bool = false) {
        self.canClone = canClone
        self.script = script
    }

    var isReady: Bool { state.withLock { $0.isReady } }
    let sampleRateHz = 24000
    let voices = ["alloy", "echo"]
    let defaultVoice = "alloy"
    let modelName = "scripted"
    let ignoredParameters = ["top_p"]
    let canClone: Bool

    func engine(of model: String?) async throws -> any SpeechSynthesizing {
        state.withLock { $0.asked += 1 }
        guard case .loads = script else { return self }
        do {
            try await Task.sleep(for: .seconds(3600))
        } catch {
            state.withLock { $0.cancelled += 1 }
            throw error
        }
        return self
    }

    func speak(_ request: SpeechRequest) throws -> SpeechStream {
        if case .refuses(let error) = script { throw error }
        state.withLock { $0.requests.append(request) }
        let (waiting, places) = AsyncStream.makeStream(of: QueuePlace.self)
        if case .waits(let all, let ends) = script {
            for place in all { places.yield(place) }
            if ends { places.finish() }
        } else {
            places.finish()
        }
        return SpeechStream(waiting: waiting) { [self] send in
            switch script {
            case .chunks(let count):
                let words = [WordTimestamp(word: "Hello.", start: 0.08, end: 0.1 + 0.2)]
                for index in 1...count {
                    let isTold = request.includeTimestamps && index == 1
                    _ = await send(.chunk(Self.chunk(index, words: isTold ? words : [])))
                }
                _ = await send(
                    .finished(
                        SpeechSummary(
                            totalChunks: count, audioDuration: Double(count), elapsedTime: 0.1 * Double(count),
                            tokens: 25 * count, endReason: .stopToken, seed: 7,
                            words: request.includeTimestamps ? [WordTimestamp(word: "X1", start: 2, end: 2)] : [])))
            case .hangs:
                _ = await send(.chunk(Self.chunk(1)))
                do {
                    try await Task.sleep(for: .seconds(3600))
                } catch {
                    state.withLock { $0.cancelled += 1 }
                }
            case .waits(_, ends: false):
                do {
                    try await Task.sleep(for: .seconds(3600))
                } catch {
                    state.withLock { $0.cancelled += 1 }
                    places.finish()
                    throw error
                }
            case .waits: _ = await send(.chunk(Self.chunk(1)))
            case .fails(let error):
                _ = await send(.chunk(Self.chunk(1)))
                throw error
            case .refuses, .loads: break
            }
        }
    }

    /// Waits for the end of a script that hangs, which follows a cancellation in a task of its own.
    func waitUntilCancelled() async {
        while state.withLock({ $0.cancelled == 0 }) { await Task.yield() }
    }

    func waitUntilAsked() async {
        while state.withLock({ $0.asked == 0 }) { await Task.yield() }
    }

    static func chunk(_ index: Int, words: [WordTimestamp] = []) -> SpeechChunk {
        SpeechChunk(
            index: index, samples: [Int16(index), -1, 256], tokens: 25 * index, latencyToFirstChunk: 0.1,
            elapsedTime: 0.1 * Double(index), audioDuration: Double(index), realTimeFactor: 0.1, words: words)
    }
}
