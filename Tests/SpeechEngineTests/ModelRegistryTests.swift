import Foundation
import SpeechEngine
import Synchronization
import Testing

private struct NoFile: Error, CustomStringConvertible {
    let description = "no file"
}

/// An engine that is only its name, and loads as long as the test wants it to.
private final class NamedEngine: LoadableSpeechEngine {
    struct State {
        var isLoaded = false
        var isShutDown = false
    }

    let modelName: String
    /// Loading ends when this is signalled; nil ends at once.
    let gate: DispatchSemaphore?
    let failure: NoFile?
    let state = Mutex(State())

    init(_ name: String, gate: DispatchSemaphore? = nil, failure: NoFile? = nil) {
        modelName = name
        self.gate = gate
        self.failure = failure
    }

    var isReady: Bool { state.withLock { $0.isLoaded && !$0.isShutDown } }
    let sampleRateHz = 24000
    var voices: [String] { ["\(modelName) voice"] }
    var defaultVoice: String { "\(modelName) voice" }
    let ignoredParameters: [String] = []
    let canClone = true

    func load() throws {
        gate?.wait()
        if let failure { throw failure }
        state.withLock { $0.isLoaded = true }
    }

    func shutdown() { state.withLock { $0.isShutDown = true } }

    func speak(_ request: SpeechRequest) throws -> SpeechStream {
        guard isReady else { throw SpeechEngineError.notReady }
        return SpeechStream { _ in }
    }
}

@Suite struct ModelRegistryTests {
    /// Every engine that was made, in order.
    private final class Made: Sendable {
        let engines = Mutex<[NamedEngine]>([])
        var names: [String] { engines.withLock { $0.map(\.modelName) } }
        func isShutDown(_ name: String) -> Bool? {
            engines.withLock { $0.last { $0.modelName == name } }?.state.withLock { $0.isShutDown }
        }
    }

    private typealias Registry = ModelRegistry<NamedEngine>
    private let made = Made()

    private func registry(
        budget: Int64? = nil, idle: Duration? = .seconds(600), gate: DispatchSemaphore? = nil, failing: String? = nil
    ) -> Registry {
        let entries: [(String, Int64)] = [("small", 10), ("nano", 100), ("turbo", 200), ("english", 300)]
        return Registry(
            entries.map { .init(name: $0.0, byteCount: $0.1) }, limits: .init(memoryBudget: budget, idleTimeout: idle)
        ) { [made] name in
            let engine = NamedEngine(
                name, gate: name == "small" ? nil : gate,
                failure: name == failing ? NoFile() : nil)
            made.engines.withLock { $0.append(engine) }
            return engine
        }
    }

    private func loaded(_ registry: Registry) -> [String] {
        registry.models.filter { $0.state == .loaded }.map(\.name)
    }

    @Test func modelsAreLoadedWhenAskedFor() async throws {
        let registry = registry()
        #expect(!registry.isReady)
        try await registry.load()
        #expect(registry.isReady && registry.modelName == "small" && registry.voices == ["small voice"])
        #expect(loaded(registry) == ["small"])
        #expect(try await registry.engine(of: nil).modelName == "small")
        for _ in 0..<2 { #expect(try await registry.engine(of: "turbo").defaultVoice == "turbo voice") }
        #expect(loaded(registry) == ["small", "turbo"])
        #expect(made.names == ["small", "turbo"])
        #expect(registry.models.map(\.isDefault) == [true, false, false, false])
        #expect(registry.models[2].voices == ["turbo voice"] && registry.models[1].voices.isEmpty)
    }

    @Test func unknownModel() async {
        let error = SpeechEngineError.unknownModel(name: "huge", available: ["small", "nano", "turbo", "english"])
        let registry = registry()
        await #expect(throws: error) { try await registry.engine(of: "huge") }
        #expect(error.description.contains("huge") && error.description.contains("small, nano"))
    }

    @Test func manyWhoAskLoadItOnceAndOthersGoOn() async throws {
        let gate = DispatchSemaphore(value: 0)
        let registry = registry(gate: gate)
        try await registry.load()
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await registry.engine(of: "nano").modelName } }
            while registry.models[1].activeRequests < 20 { await Task.yield() }
            #expect(registry.models[1].state == .loading && !loaded(registry).contains("nano"))
            // the default model answers while the other is read
            #expect(try await registry.engine(of: nil).modelName == "small")
            gate.signal()
            for try await name in group { #expect(name == "nano") }
        }
        #expect(made.names == ["small", "nano"])
        #expect(registry.models[1].activeRequests == 0)
    }

    @Test func cancelledWhileLoading() async throws {
        let gate = DispatchSemaphore(value: 0)
        let registry = registry(idle: .zero, gate: gate)
        let task = Task { try await registry.engine(of: "nano").modelName }
        while registry.models[1].activeRequests == 0 { await Task.yield() }
        task.cancel()
        // before the gate opens
        await #expect(throws: CancellationError.self) { try await task.value }
        while registry.models[1].activeRequests > 0 { await Task.yield() }
        gate.signal()
        while registry.models[1].state == .loading { await Task.yield() }
        // nobody holds what was loaded for nobody
        #expect(registry.models[1].activeRequests == 0 && registry.unloadIdle() == ["nano"])
    }

    @Test func failedLoadingIsToldAndTriedAgain() async throws {
        let registry = registry(failing: "nano")
        let error = SpeechEngineError.modelNotLoadable(name: "nano", reason: "no file")
        for _ in 0..<2 {
            await #expect(throws: error) { try await registry.engine(of: "nano") }
        }
        #expect(made.names == ["nano", "nano"])
        #expect(registry.models[1].state == .unloaded && registry.models[1].failure == "no file")
        #expect(try await registry.engine(of: "turbo").modelName == "turbo")
    }

    @Test func longestIdleGoesForRoom() async throws {
        let registry = registry(budget: 320)
        try await registry.load()
        _ = try await registry.engine(of: "nano")
        _ = try await registry.engine(of: "turbo")
        #expect(loaded(registry) == ["small", "nano", "turbo"])
        var nano: (any SpeechSynthesizing)? = try await registry.engine(of: "nano")
        // turbo is idle but english needs nano's room too, which is in use: nothing is taken out in vain
        let error = SpeechEngineError.noRoomForModel(
            name: "english", neededBytes: 300, budgetBytes: 320, inUse: ["small", "nano"])
        await #expect(throws: error) { try await registry.engine(of: "english") }
        #expect(loaded(registry) == ["small", "nano", "turbo"])
        #expect(nano?.isReady == true)
        nano = nil
        #expect(try await registry.engine(of: "english").modelName == "english")
        #expect(loaded(registry) == ["small", "english"])
        #expect(made.isShutDown("nano") == true && made.isShutDown("turbo") == true)
        #expect(made.isShutDown("small") == false)
    }

    /// What is loading takes its room already.
    @Test func loadingCountsForTheBudget() async throws {
        let gate = DispatchSemaphore(value: 0)
        let registry = registry(budget: 320, gate: gate)
        try await registry.load()
        let turbo = Task { try await registry.engine(of: "turbo").modelName }
        while registry.models[2].state != .loading { await Task.yield() }
        await #expect(
            throws: SpeechEngineError.noRoomForModel(
                name: "english", neededBytes: 300, budgetBytes: 320, inUse: ["small", "turbo"])
        ) { try await registry.engine(of: "english") }
        gate.signal()
        #expect(try await turbo.value == "turbo")
    }

    @Test func theIdleGoInTime() async throws {
        let registry = registry(idle: .seconds(60))
        try await registry.load()
        _ = try await registry.engine(of: "nano")
        var turbo: (any SpeechSynthesizing)? = try await registry.engine(of: "turbo")
        #expect(registry.unloadIdle() == [])
        #expect(registry.unloadIdle(now: .now + .seconds(61)) == ["nano"])
        #expect(loaded(registry) == ["small", "turbo"])
        #expect(turbo?.isReady == true)
        turbo = nil
        #expect(registry.unloadIdle() == [])
        #expect(registry.unloadIdle(now: .now + .seconds(61)) == ["turbo"])
        #expect(try await registry.engine(of: "nano").modelName == "nano")
        #expect(made.names == ["small", "nano", "turbo", "nano"])
    }

    @Test func shutdownEndsAll() async throws {
        let gate = DispatchSemaphore(value: 0)
        let registry = registry(gate: gate)
        try await registry.load()
        let late = Task { try await registry.engine(of: "nano").modelName }
        while registry.models[1].activeRequests == 0 { await Task.yield() }
        let shutdown = Task { await registry.shutdown() }
        await #expect(throws: SpeechEngineError.shuttingDown) { try await late.value }
        await #expect(throws: SpeechEngineError.shuttingDown) { try await registry.engine(of: nil) }
        gate.signal()
        await shutdown.value
        #expect(made.isShutDown("small") == true && made.isShutDown("nano") == true)
    }
}
