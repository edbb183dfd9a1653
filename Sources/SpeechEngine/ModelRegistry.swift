import Foundation
import Synchronization

/// Several models, of which `model` in a request chooses one. A model is read when it is first asked for; the ones idle for
/// longest go when the memory budget needs their room, and any that nobody asked for in `idleTimeout`, except the default.
/// A model is in use, and stays, as long as an engine that `engine(of:)` gave is held.
///
/// To a server it is one engine: what it says of voices and the like is of the default model.
public final class ModelRegistry<Engine: LoadableSpeechEngine>: SpeechSynthesizing {
    /// A model that may be asked for.
    public struct Entry: Sendable {
        public var name: String
        /// What it takes in memory, by estimate.
        public var byteCount: Int64
        public var languages: [String]

        public init(name: String, byteCount: Int64, languages: [String] = ["en"]) {
            self.name = name
            self.byteCount = byteCount
            self.languages = languages
        }
    }

    public struct Limits: Sendable {
        /// Bytes that all loaded models may take together; nil is no limit. The default model is loaded in any case.
        public var memoryBudget: Int64?
        /// How long a model other than the default stays without requests; nil is for ever.
        public var idleTimeout: Duration?

        public init(memoryBudget: Int64? = nil, idleTimeout: Duration? = .seconds(600)) {
            self.memoryBudget = memoryBudget
            self.idleTimeout = idleTimeout
        }
    }

    private typealias Waiter = AsyncThrowingStream<EngineInUse<Engine>, any Error>.Continuation

    /// A model that is in memory or on its way there.
    private struct Slot {
        /// nil while it is read.
        var engine: Engine?
        /// Of those who wait for it, by number.
        var waiting: [Int: Waiter] = [:]
        /// Engines given out and still held.
        var uses = 0
        var lastUse = ContinuousClock.now

        var isIdle: Bool { engine != nil && uses == 0 }
    }

    private struct State {
        var slots: [String: Slot] = [:]
        var failures: [String: String] = [:]
        var nextNumber = 0
        var isStopped = false
    }

    private let entries: [String: Entry]
    private let order: [String]
    private let defaultName: String
    private let limits: Limits
    private let makeEngine: @Sendable (String) throws -> Engine
    private let state = Mutex(State())
    /// Threads that read a model.
    private let reading = DispatchGroup()

    /// - Parameters:
    ///   - entries: the default model first; their names differ.
    ///   - makeEngine: an engine that isn't loaded yet.
    public init(
        _ entries: [Entry], limits: Limits = Limits(), makeEngine: @escaping @Sendable (_ name: String) throws -> Engine
    ) {
        guard let first = entries.first else { preconditionFailure("a registry has a default model") }
        defaultName = first.name
        order = entries.map(\.name)
        self.entries = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
        self.limits = limits
        self.makeEngine = makeEngine
    }

    // MARK: The default model

    private var defaultEngine: Engine? { state.withLock { $0.slots[defaultName]?.engine } }
    public var isReady: Bool { defaultEngine?.isReady ?? false }
    public var sampleRateHz: Int { defaultEngine?.sampleRateHz ?? 24000 }
    public var voices: [String] { defaultEngine?.voices ?? [] }
    public var defaultVoice: String { defaultEngine?.defaultVoice ?? "" }
    public var modelName: String { defaultEngine?.modelName ?? defaultName }
    public var ignoredParameters: [String] { defaultEngine?.ignoredParameters ?? [] }
    public var canClone: Bool { defaultEngine?.canClone ?? false }

    public func speak(_ request: SpeechRequest) throws -> SpeechStream {
        guard let engine = defaultEngine else { throw SpeechEngineError.notReady }
        return try engine.speak(request)
    }

    public var models: [ModelStatus] {
        state.withLock { state in
            order.compactMap { name in
                guard let entry = entries[name] else { return nil }
                let slot = state.slots[name]
                return ModelStatus(
                    name: name, isDefault: name == defaultName,
                    state: slot == nil ? .unloaded : slot?.engine == nil ? .loading : .loaded,
                    byteCount: entry.byteCount, languages: entry.languages, voices: slot?.engine?.voices ?? [],
                    canClone: slot?.engine?.canClone ?? false,
                    activeRequests: slot.map { $0.uses + $0.waiting.count } ?? 0, failure: state.failures[name])
            }
        }
    }

    // MARK: Loading

    public func engine(of model: String?) async throws -> any SpeechSynthesizing {
        do {
            return try await use(model)
        } catch let error where error is SpeechEngineError || error is CancellationError {
            throw error
        } catch {
            throw SpeechEngineError.modelNotLoadable(name: model ?? defaultName, reason: String(describing: error))
        }
    }

    /// Loads a model before anybody asks for it.
    /// - Throws: as `engine(of:)`, but what loading threw as it is.
    public func load(_ model: String? = nil) async throws { _ = try await use(model) }

    /// `engine(of:)` with the error that loading gave.
    package func use(_ model: String? = nil) async throws -> EngineInUse<Engine> {
        let name = model ?? defaultName
        let (news, waiter) = AsyncThrowingStream<EngineInUse<Engine>, any Error>.makeStream()
        let arrival = try state.withLock { try arrive(at: name, waiter, in: &$0) }
        switch arrival {
        case .loaded(let engine): return inUse(engine, name)
        case .waits(let number, let startsLoading, let evicted):
            waiter.onTermination = { [weak self] _ in
                self?.state.withLock { $0.slots[name]?.waiting[number] = nil }
            }
            for engine in evicted { engine.shutdown() }
            if startsLoading { read(name) }
        }
        for try await engine in news { return engine }
        throw CancellationError()
    }

    private enum Arrival {
        case loaded(Engine)
        case waits(number: Int, startsLoading: Bool, evicted: [Engine])
    }

    private func arrive(at name: String, _ waiter: Waiter, in state: inout State) throws -> Arrival {
        guard let entry = entries[name] else {
            throw SpeechEngineError.unknownModel(name: name, available: order)
        }
        guard !state.isStopped else { throw SpeechEngineError.shuttingDown }
        if let engine = state.slots[name]?.engine {
            state.slots[name]?.uses += 1
            return .loaded(engine)
        }
        let evicted = state.slots[name] == nil ? try makeRoom(for: entry, in: &state) : []
        let startsLoading = state.slots[name] == nil
        if startsLoading { reading.enter() }
        state.nextNumber += 1
        state.slots[name, default: Slot()].waiting[state.nextNumber] = waiter
        return .waits(number: state.nextNumber, startsLoading: startsLoading, evicted: evicted)
    }

    private func inUse(_ engine: Engine, _ name: String) -> EngineInUse<Engine> {
        EngineInUse(engine) { [weak self] in
            self?.state.withLock { state in
                state.slots[name]?.uses -= 1
                state.slots[name]?.lastUse = .now
            }
        }
    }

    /// Reading keeps a thread busy: one of its own, so that everything else goes on meanwhile.
    private func read(_ name: String) {
        Thread.detachNewThread { [self] in
            end(
                reading: name,
                with: Result {
                    let engine = try makeEngine(name)
                    try engine.load()
                    return engine
                })
            reading.leave()
        }
    }

    private func end(reading name: String, with result: Result<Engine, any Error>) {
        let (waiters, isStopped) = state.withLock { state -> ([Waiter], Bool) in
            guard !state.isStopped else { return ([], true) }
            let waiting = state.slots[name]?.waiting ?? [:]
            switch result {
            case .success(let engine):
                state.slots[name] = Slot(engine: engine, uses: waiting.count)
                state.failures[name] = nil
            case .failure(let error):
                state.slots[name] = nil
                state.failures[name] = String(describing: error)
            }
            return (Array(waiting.values), false)
        }
        if isStopped { try? result.get().shutdown() }
        // Not in the lock: who has gone meanwhile lets go of the engine at once, which takes the lock.
        for waiter in waiters {
            switch result {
            case .success(let engine):
                waiter.yield(inUse(engine, name))
                waiter.finish()
            case .failure(let error): waiter.finish(throwing: error)
            }
        }
    }

    // MARK: Unloading

    /// Takes idle models out, the one longest unused first, until there is room. Takes none if that wouldn't be enough.
    private func makeRoom(for entry: Entry, in state: inout State) throws -> [Engine] {
        guard let budget = limits.memoryBudget, entry.name != defaultName else { return [] }
        func byteCount(_ names: some Sequence<String>) -> Int64 {
            names.reduce(0) { $0 + (entries[$1]?.byteCount ?? 0) }
        }
        var idle = state.slots.filter { $0.key != defaultName && $0.value.isIdle }
            .sorted { $0.value.lastUse > $1.value.lastUse }
        var taken = byteCount(state.slots.keys)
        guard taken - byteCount(idle.map(\.key)) + entry.byteCount <= budget else {
            let used = order.filter { name in state.slots[name] != nil && !idle.contains { $0.key == name } }
            throw SpeechEngineError.noRoomForModel(
                name: entry.name, neededBytes: entry.byteCount, budgetBytes: budget, inUse: used)
        }
        var evicted: [Engine] = []
        while taken + entry.byteCount > budget, let oldest = idle.popLast(), let engine = oldest.value.engine {
            state.slots[oldest.key] = nil
            taken -= byteCount([oldest.key])
            evicted.append(engine)
        }
        return evicted
    }

    /// Unloads what nobody has asked for in `idleTimeout`; to be called now and then.
    /// - Returns: names of what went.
    @discardableResult
    public func unloadIdle(now: ContinuousClock.Instant = .now) -> [String] {
        guard let timeout = limits.idleTimeout else { return [] }
        let gone = state.withLock { state -> [(String, Engine)] in
            var gone: [(String, Engine)] = []
            for (name, slot) in state.slots {
                guard let engine = slot.engine, slot.isIdle, name != defaultName, now - slot.lastUse >= timeout else {
                    continue
                }
                state.slots[name] = nil
                gone.append((name, engine))
            }
            return gone
        }
        for (_, engine) in gone { engine.shutdown() }
        return gone.map(\.0).sorted()
    }

    /// Ends all requests of all models, and waits until none is being read: reading can't be cut short, and a process that
    /// exits meanwhile takes the libraries away under it.
    public func shutdown() async {
        let slots = state.withLock { state -> [Slot] in
            state.isStopped = true
            defer { state.slots = [:] }
            return Array(state.slots.values)
        }
        for slot in slots {
            slot.engine?.shutdown()
            for waiter in slot.waiting.values { waiter.finish(throwing: SpeechEngineError.shuttingDown) }
        }
        await withCheckedContinuation { done in reading.notify(queue: .global()) { done.resume() } }
    }
}
