/// A request in the scheduler: its utterance, where its events go, and how it stands.
final class Session<Model: SpeechModel>: @unchecked Sendable {
    // Proof of Sendable: `utterance` and the figures are touched only by the worker that took the session from the
    // scheduler's ready list; taking and giving back happen under the scheduler's lock. `queue` is Sendable itself.
    let queue: EventQueue
    private var utterance: Utterance<Model>
    private let seed: UInt64
    /// When it got its place; until then when it came. Times count from here.
    private(set) var accepted: ContinuousClock.Instant
    /// Tells the client where in the queue it is; ends with the wait.
    private let places: AsyncStream<QueuePlace>.Continuation
    /// In the queue, as the client knows it.
    private var position = 0
    /// Seconds of audio that were accounted for.
    private var accounted = 0.0
    let characters: Int
    /// The most speech tokens' worth of audio, and the least, in seconds.
    let audioLimits: ClosedRange<Double>
    private var firstChunk: Duration?
    private var chunks = 0
    /// Sessions that were being spoken when this one was taken last; set by who takes it.
    var spokenBeside = 1
    private var sent = 0
    private let sampleRateHz: Int

    init(
        utterance: Utterance<Model>, request: SpeechRequest, queue: EventQueue,
        places: AsyncStream<QueuePlace>.Continuation, seed: UInt64, sampleRateHz: Int
    ) {
        self.utterance = utterance
        self.places = places
        characters = request.input.unicodeScalars.count
        let tokens = min(request.minNewTokens, request.maxNewTokens)...request.maxNewTokens
        audioLimits = utterance.seconds(tokens.lowerBound)...utterance.seconds(tokens.upperBound)
        self.queue = queue
        self.seed = seed
        self.sampleRateHz = sampleRateHz
        accepted = .now
    }

    /// Seconds of sound that the listener still has if it plays since the first chunk: who has least goes first. Before
    /// the first chunk it is less than any.
    func lead(at now: ContinuousClock.Instant) -> Double {
        firstChunk.map { utterance.audioDuration - (accepted.duration(to: now) - $0).seconds } ?? -.infinity
    }

    var work: Utterance<Model>.Work { utterance.work }

    /// Seconds of audio so far; for whoever has the session.
    var audioDuration: Double { utterance.audioDuration }

    /// Seconds of audio since the last call.
    func takeAudio() -> Double {
        defer { accounted = utterance.audioDuration }
        return utterance.audioDuration - accounted
    }

    /// Whether its text was spoken to the end.
    var isSpoken: Bool { utterance.isSpoken }

    /// Tells the client its place, if that is another than before.
    func wait(at place: QueuePlace) {
        guard place.position != position else { return }
        position = place.position
        places.yield(place)
    }

    /// Ends the wait, also of one that is over.
    func endWait() { places.finish() }

    func begin() {
        accepted = .now
        endWait()
    }

    deinit { places.finish() }

    /// Makes a token for each of the sessions, which want one, in one pass of their model.
    /// - Returns: those that go on.
    static func makeTokens(_ sessions: [Session], model: Model) -> [Session] {
        var (tokens, decodings): ([Int32], [Model.Decoding]) = ([], [])
        for session in sessions { session.utterance.enter(&tokens, &decodings) }
        do {
            try model.step(tokens, &decodings)
        } catch {
            for session in sessions { session.queue.finish(error) }
            return []
        }
        for session in sessions.reversed() { session.utterance.draw(decodings.removeLast()) }
        return sessions
    }

    /// Does one unit of work of its own and sends what it gave.
    /// - Returns: false when the session is over.
    func advance() -> Bool {
        do {
            let progress = try utterance.advance { [queue] in
                if queue.isCancelled { throw SpeechEngineError.cancelled }
            }
            switch progress {
            case .more: break
            case .chunk(let samples): send(samples)
            case .finished(let reason):
                finish(reason)
                return false
            }
            return !queue.isCancelled
        } catch {
            queue.finish(error)
            return false
        }
    }

    private func send(_ samples: [Float]) {
        guard !samples.isEmpty else { return }
        chunks += 1
        sent += samples.count
        let elapsed = accepted.duration(to: .now)
        let first = firstChunk ?? elapsed
        firstChunk = first
        let duration = Double(sent) / Double(sampleRateHz)
        queue.send(
            .chunk(
                SpeechChunk(
                    index: chunks, samples: samples.map(Self.pcm16), tokens: utterance.tokenCount,
                    latencyToFirstChunk: first.seconds, elapsedTime: elapsed.seconds, audioDuration: duration,
                    realTimeFactor: elapsed.seconds / duration, words: utterance.takeWords())))
        utterance.chunkSent(elapsed: elapsed.seconds, sessions: spokenBeside)
    }

    private func finish(_ reason: SpeechSummary.EndReason) {
        queue.send(
            .finished(
                SpeechSummary(
                    totalChunks: chunks, audioDuration: Double(sent) / Double(sampleRateHz),
                    elapsedTime: accepted.duration(to: .now).seconds, tokens: utterance.tokenCount,
                    textTokens: utterance.textTokenCount, endReason: reason, seed: seed, words: utterance.takeWords())))
        queue.finish(nil)
    }

    private static func pcm16(_ sample: Float) -> Int16 {
        Int16(max(-32768, min(32767, (sample * 32767).rounded())))
    }
}

extension Duration {
    var seconds: Double {
        let (whole, atto) = components
        return Double(whole) + Double(atto) * 1e-18
    }
}
