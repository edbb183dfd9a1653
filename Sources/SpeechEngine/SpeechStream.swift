import Synchronization

/// The events of one request. Bounded: while `capacity` of them are unread, nothing more is made. Cancelling the
/// iterating task, `cancel()` and letting go of the stream all end the request at its next token.
public struct SpeechStream: AsyncSequence, Sendable {
    public typealias Element = SpeechEvent
    private let owner: Owner
    /// Where in the queue the request is, each time that changes; ends when it is spoken, at once if it needn't wait. For
    /// one reader.
    public let waiting: AsyncStream<QueuePlace>

    /// Cancels when the last copy of the stream goes.
    fileprivate final class Owner: Sendable {
        let queue: EventQueue
        init(queue: EventQueue) { self.queue = queue }
        deinit { queue.cancel() }
    }

    public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
        fileprivate let owner: Owner
        public mutating func next() async throws -> SpeechEvent? { try await owner.queue.next() }
    }

    init(queue: EventQueue, waiting: AsyncStream<QueuePlace> = AsyncStream { $0.finish() }) {
        owner = Owner(queue: queue)
        self.waiting = waiting
    }

    /// A stream fed by `body`, which gets a function to send an event (false once nobody listens) and ends the stream
    /// by returning or throwing; for servers' tests.
    package init(
        capacity: Int = 4, waiting: AsyncStream<QueuePlace> = AsyncStream { $0.finish() },
        producing body: @escaping @Sendable (@Sendable (SpeechEvent) async -> Bool) async throws -> Void
    ) {
        let queue = EventQueue(capacity: capacity)
        self.init(queue: queue, waiting: waiting)
        let task = Task {
            do {
                try await body { event in
                    while queue.isFull { try? await Task.sleep(for: .milliseconds(1)) }
                    return queue.send(event)
                }
                queue.finish(nil)
            } catch {
                queue.finish(error)
            }
        }
        queue.onChange { if queue.isCancelled { task.cancel() } }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(owner: owner) }

    /// Ends the request; the stream then throws `SpeechEngineError.cancelled`. No effect once it has ended.
    public func cancel() { owner.queue.cancel() }
}

/// A request's place among those that wait to be spoken.
public struct QueuePlace: Sendable, Equatable {
    /// 1 is the next.
    public var position: Int
    /// Seconds that it is likely to wait at most; nil while nobody knows what speech costs here.
    public var estimatedWait: Double?

    public init(position: Int, estimatedWait: Double? = nil) {
        (self.position, self.estimatedWait) = (position, estimatedWait)
    }
}

/// Between the worker that makes events and the one task that reads them.
final class EventQueue: Sendable {
    private typealias Reader = CheckedContinuation<SpeechEvent?, any Error>

    private struct State {
        var events: [SpeechEvent] = []
        /// Set once: nothing more will be sent.
        var end: Result<Void, any Error>?
        var cancelled = false
        var reader: Reader?
        var changed: (@Sendable () -> Void)?
    }

    let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) { self.capacity = capacity }

    var isFull: Bool { state.withLock { $0.events.count >= capacity && $0.end == nil } }
    var isCancelled: Bool { state.withLock { $0.cancelled } }

    /// `body` is called after every read and after a cancellation.
    func onChange(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.changed = body }
    }

    /// - Returns: false if nobody wants it any more.
    @discardableResult func send(_ event: SpeechEvent) -> Bool {
        let reader: Reader? = state.withLock { state in
            guard state.end == nil else { return nil }
            if let reader = state.reader {
                state.reader = nil
                return reader
            }
            state.events.append(event)
            return nil
        }
        reader?.resume(returning: event)
        return !isCancelled
    }

    /// Ends the stream after what was sent; `error` is thrown then.
    func finish(_ error: (any Error)?) {
        let reader = state.withLock { state -> Reader? in
            guard state.end == nil else { return nil }
            state.end = error.map { .failure($0) } ?? .success(())
            state.changed = nil
            defer { state.reader = nil }
            return state.reader
        }
        if let error { reader?.resume(throwing: error) } else { reader?.resume(returning: nil) }
    }

    /// Ends the stream now; unread events are dropped.
    func cancel() {
        let (reader, changed) = state.withLock { state in
            guard state.end == nil else { return (Reader?.none, (@Sendable () -> Void)?.none) }
            state.end = .failure(SpeechEngineError.cancelled)
            state.cancelled = true
            state.events = []
            defer { (state.reader, state.changed) = (nil, nil) }
            return (state.reader, state.changed)
        }
        reader?.resume(throwing: SpeechEngineError.cancelled)
        changed?()
    }

    func next() async throws -> SpeechEvent? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let changed = state.withLock { state -> (@Sendable () -> Void)? in
                    if !state.events.isEmpty {
                        continuation.resume(returning: state.events.removeFirst())
                        return state.changed
                    }
                    switch state.end {
                    case .success: continuation.resume(returning: nil)
                    case .failure(let error): continuation.resume(throwing: error)
                    case nil:
                        precondition(state.reader == nil, "a SpeechStream has one reader")
                        state.reader = continuation
                    }
                    return nil
                }
                changed?()
            }
        } onCancel: {
            cancel()
        }
    }
}
