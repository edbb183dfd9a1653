import Foundation
import Tensors

/// Runs sessions on threads of its own, one unit of work at a time: a session's text or audio, or the next token of all
/// sessions that want one, in one pass of T3. Who waits for its first sound goes first, then whoever's listener would run
/// dry first; a session whose listener is slow waits until there is room. Passes of T3, which read memory, and S3Gen, which
/// computes, run side by side; two passes of T3 never do, since one does the work of both.
package final class Scheduler<Model: SpeechModel>: @unchecked Sendable {
    // Proof of Sendable: everything mutable is in `state`, touched only with `condition` locked.
    private struct State {
        /// Not being worked on, with room for what they make.
        var ready: [Session<Model>] = []
        /// Waiting for their listeners.
        var parked: [Session<Model>] = []
        /// Being worked on.
        var busy = 0
        /// Accepted, no place yet; in order.
        var waiting: [Session<Model>] = []
        /// Being spoken, wherever they are.
        var admitted: [ObjectIdentifier: Expected] = [:]
        var admission: Admission
        /// Since when something has been computed that `admission` doesn't know of.
        var busySince: ContinuousClock.Instant?
        var isMakingTokens = false
        var isStopping = false
        /// Whether memory that only speech needs was given back since the last request.
        var isTidy = true
        var running: Int { ready.count + parked.count + busy }

        init(admission: Admission) { self.admission = admission }

        /// Whether one more may be spoken. Sessions that wait for their listeners cost nothing.
        var hasPlace: Bool { ready.count + busy < admission.places && running < admission.most }
    }

    /// Seconds of audio of a session: in all, as far as one can tell, and made.
    private struct Expected {
        var all: Double
        var made = 0.0
        var left: Double { max(all - made, 0) }
    }

    private enum Work {
        case own(Session<Model>)
        case tokens([Session<Model>])
    }

    /// Who has so many seconds more than the one who has least needn't share a pass with it, which would take longer.
    private static var hurry: Double { 2 }
    /// Seconds without a request after which memory is given back.
    private static var tidyingDelay: Double { 5 }

    private let model: Model
    private let condition = NSCondition()
    private var state: State
    private let maxWaiting: Int
    private let metrics: EngineMetrics?

    /// - Parameter model: that speaks all requests, and so can speak them together.
    package init(
        model: Model, threads: Int, admission rule: Admission.Rule, maxWaiting: Int, metrics: EngineMetrics? = nil
    ) {
        self.model = model
        self.metrics = metrics
        state = State(admission: Admission(rule))
        self.maxWaiting = maxWaiting
        for index in 0..<threads {
            let thread = Thread { [weak self] in
                while let self, self.work() {}
            }
            thread.name = "speech-\(index)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    /// Sessions that have a place, and that wait for one.
    package var load: (running: Int, waiting: Int) {
        condition.withLock { (state.running, state.waiting.count) }
    }

    /// Takes a request; its events come from the stream.
    /// - Parameter voices: names to tell whoever asks for another.
    /// - Throws: `SpeechEngineError.queueFull`, `.shuttingDown`; what `Utterance` has to say of the request.
    package func start(
        _ request: SpeechRequest, voiceName: String, voices: [String], seed: UInt64, maxUnreadChunks: Int
    ) throws -> SpeechStream {
        let utterance = try Utterance(
            model: model, request: request, voiceName: voiceName, voices: voices, seed: seed)
        let queue = EventQueue(capacity: maxUnreadChunks)
        queue.onChange { [weak self] in self?.review() }
        let (waiting, places) = AsyncStream.makeStream(of: QueuePlace.self, bufferingPolicy: .bufferingNewest(1))
        try add(
            Session(
                utterance: utterance, request: request, queue: queue, places: places, seed: seed,
                sampleRateHz: model.sampleRateHz))
        return SpeechStream(queue: queue, waiting: waiting)
    }

    private func add(_ session: Session<Model>) throws {
        try condition.withLock {
            guard !state.isStopping else { throw SpeechEngineError.shuttingDown }
            defer { tellLoad() }
            state.isTidy = false
            if state.waiting.isEmpty, state.hasPlace {
                admit(session)
            } else {
                guard state.waiting.count < maxWaiting else {
                    throw SpeechEngineError.queueFull(limit: maxWaiting, wait: wait(before: state.waiting.count))
                }
                state.waiting.append(session)
                tellPlaces(from: state.waiting.count - 1)
            }
            condition.signal()
        }
    }

    /// With the lock held.
    private func tellLoad() { metrics?.load(running: state.running, waiting: state.waiting.count) }

    /// With the lock held.
    private func admit(_ session: Session<Model>) {
        metrics?.waited(session.accepted.duration(to: .now))
        session.begin()
        state.admitted[ObjectIdentifier(session)] = Expected(all: expectedAudio(of: session))
        state.ready.append(session)
    }

    private func expectedAudio(of session: Session<Model>) -> Double {
        let expected = state.admission.expectedAudio(characters: session.characters)
        return min(max(expected, session.audioLimits.lowerBound), session.audioLimits.upperBound)
    }

    /// Seconds until all are spoken that are admitted or in front of a place in the queue: at most so long is the wait.
    private func wait(before index: Int) -> Double? {
        state.admission.wait(
            audio: state.admitted.values.reduce(0) { $0 + $1.left }
                + state.waiting[..<index].reduce(0) { $0 + expectedAudio(of: $1) })
    }

    /// Tells those in the queue where they are. With the lock held.
    private func tellPlaces(from first: Int = 0) {
        for index in state.waiting.indices.dropFirst(first) {
            state.waiting[index].wait(at: QueuePlace(position: index + 1, estimatedWait: wait(before: index)))
        }
    }

    /// Ends all sessions and threads.
    package func stop() {
        let ended = condition.withLock { () -> [Session<Model>] in
            state.isStopping = true
            let all = state.ready + state.parked + state.waiting
            (state.ready, state.parked, state.waiting) = ([], [], [])
            tellLoad()
            condition.broadcast()
            return all
        }
        for session in ended { end(session) }
    }

    private func end(_ session: Session<Model>) {
        session.queue.finish(SpeechEngineError.shuttingDown)
        session.endWait()
    }

    /// After a read or a cancellation: parked sessions may go on, cancelled ones free their places.
    private func review() {
        condition.withLock {
            let gone = state.waiting.filter { $0.queue.isCancelled }
            state.waiting.removeAll { $0.queue.isCancelled }
            for session in gone { session.endWait() }
            if !gone.isEmpty { tellPlaces() }
            let all = state.ready + state.parked
            (state.ready, state.parked) = ([], [])
            place(all)
            tellLoad()
            condition.signal()
        }
    }

    /// Sessions that nobody works on, and those that wait, where they belong now. With the lock held.
    private func place(_ sessions: [Session<Model>]) {
        for session in sessions {
            if session.queue.isCancelled {
                state.admitted[ObjectIdentifier(session)] = nil
            } else if session.queue.isFull {
                state.parked.append(session)
            } else {
                state.ready.append(session)
            }
        }
        guard state.hasPlace, !state.waiting.isEmpty else { return }
        while state.hasPlace, !state.waiting.isEmpty { admit(state.waiting.removeFirst()) }
        tellPlaces()
    }

    /// Takes sessions, does their most urgent work, gives them back.
    /// - Returns: false when the scheduler has stopped.
    private func work() -> Bool {
        let taken = condition.withLock { () -> Work? in
            while !state.isStopping {
                if let work = take() { return work }
                rest()
            }
            return nil
        }
        switch taken {
        case .own(let session):
            return giveBack(Cores.working { session.advance() } ? [session] : [], of: [session])
        case .tokens(let sessions):
            metrics?.pass(of: sessions.count)
            let left = Cores.working { Session.makeTokens(sessions, model: model) }
            return giveBack(left, of: sessions, madeTokens: true)
        case nil: return false
        }
    }

    /// Waits for something to do; gives memory back if nothing comes for long. With the lock held.
    private func rest() {
        guard state.running == 0, !state.isTidy else { return condition.wait() }
        let isWoken = condition.wait(until: Date(timeIntervalSinceNow: Self.tidyingDelay))
        if !isWoken, state.running == 0, !state.isTidy {
            state.isTidy = true
            MemoryPool.shared.releaseIdle()
        }
    }

    /// What is most urgent of all that isn't being done. With the lock held.
    private func take() -> Work? {
        let now = ContinuousClock.now
        let able = state.ready.filter { !state.isMakingTokens || $0.work != .token }
        let leads = able.map { $0.lead(at: now) }
        guard
            let best = able.indices.min(by: {
                (leads[$0], able[$0].work, able[$0].accepted) < (leads[$1], able[$1].work, able[$1].accepted)
            })
        else { return nil }
        let makesTokens = able[best].work == .token
        let limit = max(leads[best], 0) + Self.hurry
        let taken =
            makesTokens
            ? able.indices.filter { able[$0].work == .token && leads[$0] <= limit }.map { able[$0] } : [able[best]]
        state.ready.removeAll { session in taken.contains { $0 === session } }
        for session in taken { session.spokenBeside = state.running }
        if state.busy == 0 { state.busySince = now }
        state.busy += taken.count
        if makesTokens { state.isMakingTokens = true }
        // Another thread may do something of what is left.
        if state.ready.contains(where: { !state.isMakingTokens || $0.work != .token }) { condition.signal() }
        return makesTokens ? .tokens(taken) : .own(able[best])
    }

    /// - Parameters:
    ///   - sessions: that go on.
    ///   - taken: those that were taken.
    /// - Returns: false when the scheduler has stopped.
    private func giveBack(_ sessions: [Session<Model>], of taken: [Session<Model>], madeTokens: Bool = false) -> Bool {
        let stopped = condition.withLock {
            state.busy -= taken.count
            account(for: taken, left: sessions)
            if madeTokens { state.isMakingTokens = false }
            if !state.isStopping { place(sessions) }
            tellLoad()
            return state.isStopping
        }
        if stopped { for session in sessions { end(session) } }
        return !stopped
    }

    /// What was computed, and what came of it. With the lock held, by whoever still has the sessions.
    private func account(for taken: [Session<Model>], left: [Session<Model>]) {
        let now = ContinuousClock.now
        let seconds = state.busySince.map { $0.duration(to: now).seconds } ?? 0
        state.busySince = state.busy > 0 ? now : nil
        let audio = taken.reduce(0) { $0 + $1.takeAudio() }
        state.admission.observe(busy: seconds, audio: audio)
        metrics?.computed(for: seconds, audio: audio)
        for session in taken {
            let id = ObjectIdentifier(session)
            state.admitted[id]?.made = session.audioDuration
            guard !left.contains(where: { $0 === session }) else { continue }
            state.admitted[id] = nil
            if session.isSpoken {
                state.admission.observe(characters: session.characters, audio: session.audioDuration)
            }
        }
    }
}
