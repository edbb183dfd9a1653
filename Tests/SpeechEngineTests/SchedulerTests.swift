import Foundation
import SpeechEngine
import Synchronization
import Testing

@Suite struct SchedulerTests {
    private func scheduler(threads: Int = 2, running: Int = 8, waiting: Int = 4) -> Scheduler<ScriptedModel> {
        Scheduler(threads: threads, maxRunning: running, maxWaiting: waiting)
    }

    private func start(
        _ text: String, on scheduler: Scheduler<ScriptedModel>, model: ScriptedModel = ScriptedModel(),
        unread: Int = 1000
    ) throws -> SpeechStream {
        let request = SpeechRequest(input: text, maxNewTokens: 10000, enableAlignmentMonitoring: false)
        return try scheduler.start(
            Utterance(model: model, request: request, voiceName: "alloy", voices: ["alloy"], seed: 1), seed: 1,
            sampleRateHz: 200, maxUnreadChunks: unread)
    }

    @Test func eventsAreWholeAndInOrder() async throws {
        let scheduler = scheduler()
        defer { scheduler.stop() }
        var (samples, summary, index) = (0, SpeechSummary?.none, 0)
        for try await event in try start("a93|b60", on: scheduler) {
            switch event {
            case .chunk(let chunk):
                index += 1
                samples += chunk.samples.count
                #expect(chunk.index == index)
                #expect(abs(chunk.audioDuration - Double(samples) / 200) < 1e-9)
                #expect(abs(chunk.realTimeFactor - chunk.elapsedTime / chunk.audioDuration) < 1e-9)
                #expect(chunk.latencyToFirstChunk <= chunk.elapsedTime)
            case .finished(let end): summary = end
            }
        }
        #expect(samples == 4 * (2 * 153 + 12))
        #expect(summary?.totalChunks == index)
        #expect(summary?.tokens == 153)
    }

    @Test func firstChunksGoBeforeLaterOnes() async throws {
        // One thread, and streams that nobody reads yet: every request has its first chunk before any is finished.
        let scheduler = scheduler(threads: 1)
        defer { scheduler.stop() }
        let streams = try (0..<8).map { _ in try start("a400", on: scheduler) }
        let firsts = try await withThrowingTaskGroup(of: (Double, Double).self) { group in
            for stream in streams {
                group.addTask {
                    var (first, last) = (0.0, 0.0)
                    for try await case .chunk(let chunk) in stream {
                        (first, last) = (chunk.latencyToFirstChunk, chunk.elapsedTime)
                    }
                    return (first, last)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let latestFirst = firsts.map(\.0).max() ?? .infinity
        #expect(firsts.allSatisfy { latestFirst < $0.1 })
    }

    @Test func slowListenerHoldsTheProducer() async throws {
        let (scheduler, model) = (scheduler(), ScriptedModel())
        defer { scheduler.stop() }
        let stream = try start("a400", on: scheduler, model: model, unread: 2)
        // Production has stopped when the count no longer changes.
        var before = -1
        while model.steps.count != before || before == 0 {
            before = model.steps.count
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(model.steps.count <= 100)
        var tokens = 0
        for try await case .finished(let summary) in stream { tokens = summary.tokens }
        #expect(tokens == 400)
    }

    @Test func cancellationFreesThePlace() async throws {
        let scheduler = scheduler(running: 1)
        defer { scheduler.stop() }
        let endless = ScriptedModel(script: { step, _ in (0, Int32(step % 90)) })
        let first = try start(
            "a1|" + Array(repeating: "b1", count: 50).joined(separator: "|"), on: scheduler, model: endless, unread: 1)
        let second = try start("a30", on: scheduler)
        #expect(scheduler.load.waiting == 1)
        first.cancel()
        var finished = false
        for try await case .finished in second { finished = true }
        #expect(finished)
        await #expect(throws: SpeechEngineError.cancelled) { for try await _ in first {} }
    }

    @Test func cancellationActsWithinAToken() async throws {
        let scheduler = scheduler(running: 1)
        defer { scheduler.stop() }
        // Token 30 lasts until the request is cancelled.
        let held = Held()
        var slow = ScriptedModel()
        slow.script = { step, tokens in
            while step == 30, held.isHeld { usleep(500) }
            return ScriptedModel.plain(step, tokens)
        }
        let stream = try start("a400", on: scheduler, model: slow)
        while slow.steps.count < 30 { try await Task.sleep(for: .milliseconds(1)) }
        stream.cancel()
        held.letGo()
        for try await _ in try start("a30", on: scheduler) {}
        #expect(slow.steps.count == 30)
    }

    private final class Held: Sendable {
        private let value = Atomic<Bool>(true)
        var isHeld: Bool { value.load(ordering: .acquiring) }
        func letGo() { value.store(false, ordering: .releasing) }
    }

    @Test func lettingGoCancels() async throws {
        let scheduler = scheduler(running: 1)
        defer { scheduler.stop() }
        _ = try start("a400|a400|a400", on: scheduler, unread: 1)
        var finished = false
        for try await case .finished in try start("a30", on: scheduler) { finished = true }
        #expect(finished)
    }

    @Test func fullQueueRefuses() throws {
        let scheduler = scheduler(running: 1, waiting: 1)
        defer { scheduler.stop() }
        let streams = try (0..<2).map { _ in try start("a400|a400", on: scheduler, unread: 1) }
        #expect(throws: SpeechEngineError.queueFull(limit: 1)) { try start("a1", on: scheduler) }
        withExtendedLifetime(streams) {}
    }

    @Test func stopEndsEveryRequest() async throws {
        let scheduler = scheduler(running: 1)
        let streams = try (0..<3).map { _ in try start("a400|a400", on: scheduler, unread: 1) }
        scheduler.stop()
        for stream in streams {
            await #expect(throws: SpeechEngineError.shuttingDown) { for try await _ in stream {} }
        }
        #expect(throws: SpeechEngineError.shuttingDown) { try start("a1", on: scheduler) }
    }
}
