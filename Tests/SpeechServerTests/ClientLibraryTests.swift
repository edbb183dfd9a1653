import ChatterboxClient
import Logging
import ServiceLifecycle
import SpeechEngine
import SpeechServer
import Testing

/// The Swift client against a server on a real socket.
@Suite struct ClientLibraryTests {
    static func withServer(
        _ engine: ScriptedEngine, _ body: @escaping @Sendable (ChatterboxClient) async throws -> Void
    ) async throws {
        let (ports, running) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = try ChatterboxServer(
            engine: engine, configuration: .init(host: "127.0.0.1", port: 0), logger: logger,
            onRunning: { running.yield($0) })
        let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            for await port in ports {
                try await body(ChatterboxClient(host: "127.0.0.1", port: port))
                break
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func eventsInOrder() async throws {
        try await Self.withServer(ScriptedEngine(.chunks(3))) { client in
            var options = SpeechOptions(voice: "echo")
            options.seed = 7
            options.exaggeration = 0.7
            var events: [ChatterboxClient.Event] = []
            for try await event in client.speak("Hello.", options) { events.append(event) }
            guard case .started(let start) = events.first, case .done(let summary) = events.last else {
                Issue.record("\(events)")
                return
            }
            #expect(start.voice == "echo" && start.sampleRate == 24000)
            #expect(summary.totalChunks == 3 && summary.seed == 7)
            let chunks = events.filter { if case .audio(let samples) = $0 { !samples.isEmpty } else { false } }
            #expect(chunks.count == 3)
        }
    }

    @Test func wholeAudio() async throws {
        try await Self.withServer(ScriptedEngine(.chunks(2))) { client in
            let (samples, rate) = try await client.audio(of: "Hello.")
            #expect(rate == 24000 && !samples.isEmpty)
        }
    }

    @Test func errorsNameTheField() async throws {
        try await Self.withServer(ScriptedEngine()) { client in
            do {
                for try await _ in client.speak("Hello.", SpeechOptions(voice: "nobody")) {}
                Issue.record("no error")
            } catch let ChatterboxClientError.server(code, message, field) {
                #expect(code == "unknown_voice" && field == "voice" && message.contains("alloy"))
            }
        }
    }

    @Test func leavingTheLoopEndsTheSpeech() async throws {
        let engine = ScriptedEngine(.hangs)
        try await Self.withServer(engine) { client in
            for try await event in client.speak("Hello.") {
                if case .audio = event { break }
            }
            while engine.state.withLock({ $0.cancelled }) == 0 { try await Task.sleep(for: .milliseconds(5)) }
        }
    }

    @Test func nobodyThere() async {
        await #expect(throws: (any Error).self) {
            for try await _ in ChatterboxClient(host: "127.0.0.1", port: 1).speak("Hello.") {}
        }
    }
}
