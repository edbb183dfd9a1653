import Foundation

/// Runs sessions on threads of its own, one unit of work at a time. Who has waited longest for its first sound goes first,
/// then whoever's listener would run dry first; a session whose listener is slow waits until there is room.
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
        var stopping = false
        var threads = 0
        var running: Int { ready.count + parked.count + busy }
    }

    private let condition = NSCondition()
    private var state = State()
    private let maxRunning: Int
    private let maxWaiting: Int

    package init(threads: Int, maxRunning: Int, maxWaiting: Int) {
        self.maxRunning = maxRunning
        self.maxWaiting = maxWaiting
        state.threads = threads
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
    /// - Throws: `SpeechEngineError.queueFull`, `.shuttingDown`.
    package func start(
        _ utterance: Utterance<Model>, seed: UInt64, sampleRateHz: Int, maxUnreadChunks: Int
    ) throws -> SpeechStream {
        let queue = EventQueue(capacity: maxUnreadChunks)
        try add(Session(utterance: utterance, queue: queue, seed: seed, sampleRateHz: sampleRateHz))
        return SpeechStream(queue: queue)
    }

    private func add(_ session: Session<Model>) throws {
        try condition.withLock {
            guard !state.stopping else { throw SpeechEngineError.shuttingDown }
            if state.running < maxRunning {
                state.ready.append(session)
            } else {
                guard state.waiting.count < maxWaiting else { throw SpeechEngineError.queueFull(limit: maxWaiting) }
                state.waiting.append(session)
            }
            condition.signal()
        }
        session.queue.onChange { [weak self] in self?.review() }
    }

    /// Ends all sessions and threads.
    package func stop() {
        let ended = condition.withLock { () -> [Session<Model>] in
            state.stopping = true
            let all = state.ready + state.parked + state.waiting
            (state.ready, state.parked, state.waiting) = ([], [], [])
            condition.broadcast()
            return all
        }
        for session in ended { session.queue.finish(SpeechEngineError.shuttingDown) }
    }

    /// After a read or a cancellation: parked sessions may go on, cancelled ones free their places.
    private func review() {
        condition.withLock {
            state.waiting.removeAll { $0.queue.isCancelled }
            state.ready.removeAll { $0.queue.isCancelled }
            let free = state.parked.filter { $0.queue.isCancelled || !$0.queue.isFull }
            state.parked.removeAll { session in free.contains { $0 === session } }
            state.ready += free.filter { !$0.queue.isCancelled }
            admit()
            condition.broadcast()
        }
    }

    /// With the lock held.
    private func admit() {
        while state.running < maxRunning, !state.waiting.isEmpty { state.ready.append(state.waiting.removeFirst()) }
    }

    /// Takes a session, advances it, gives it back.
    /// - Returns: false when the scheduler has stopped.
    private func work() -> Bool {
        let taken: Session<Model>? = condition.withLock {
            while state.ready.isEmpty, !state.stopping { condition.wait() }
            guard !state.stopping else { return nil }
            var (best, least) = (0, Double.infinity)
            for (index, session) in state.ready.enumerated() {
                let lead = session.lead
                if lead < least { (best, least) = (index, lead) }
            }
            state.busy += 1
            return state.ready.remove(at: best)
        }
        guard let session = taken else { return false }
        let goesOn = session.advance()
        let stopped = condition.withLock { () -> Bool in
            state.busy -= 1
            if goesOn, !state.stopping {
                if session.queue.isFull { state.parked.append(session) } else { state.ready.append(session) }
            }
            admit()
            condition.broadcast()
            return state.stopping
        }
        if stopped, goesOn { session.queue.finish(SpeechEngineError.shuttingDown) }
        // It may have been read between the look at its queue and its parking.
        if goesOn, !session.queue.isFull { review() }
        return !stopped
    }
}
