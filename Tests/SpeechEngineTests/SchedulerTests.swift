import Foundation
import SpeechEngine
import Synchronization
import Testing

@Suite struct SchedulerTests {
    private func scheduler(
        _ model: ScriptedModel = ScriptedModel(), threads: Int = 2, running: Int = 8, waiting: Int = 4
    ) -> Scheduler<ScriptedModel> {
        Scheduler(model: model, threads: threads, admission: .fixed(running), maxWaiting: waiting)
    }

    private func start(
        _ text: String, on scheduler: Scheduler<ScriptedModel>, unread: Int = 1000, chunkGrowth: Bool = false
    ) throws -> SpeechStream {
        let request = SpeechRequest(
            input: text, chunkGrowth: chunkGrowth, maxNewTokens: 10000, enableAlignmentMonitoring: false)
        return try scheduler.start(request, voiceName: "alloy", voices: ["alloy"], seed: 1, maxUnreadChunks: unread)
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

    /// A token sounds for 8 s: no machine is too slow.
    @Test func chunksGrowWithTheSoundInHand() async throws {
        let scheduler = scheduler(ScriptedModel(sampleRateHz: 1))
        defer { scheduler.stop() }
        var found: [Int] = []
        for try await case .chunk(let chunk) in try start("a400", on: scheduler, chunkGrowth: true) {
            if found.last != chunk.tokens { found.append(chunk.tokens) }
        }
        #expect(found == [25, 75, 175, 275, 375, 400])
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
        let model = ScriptedModel()
        let scheduler = scheduler(model)
        defer { scheduler.stop() }
        let stream = try start("a400", on: scheduler, unread: 2)
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
        // Pieces of one token never end.
        let model = ScriptedModel(script: { step, tokens in
            tokens > 1 ? ScriptedModel.plain(step, tokens) : (0, Int32(step % 90))
        })
        let scheduler = scheduler(model, running: 1)
        defer { scheduler.stop() }
        let first = try start(
            "a1|" + Array(repeating: "b1", count: 50).joined(separator: "|"), on: scheduler, unread: 1)
        let second = try start("a30", on: scheduler)
        #expect(scheduler.load.waiting == 1)
        first.cancel()
        var finished = false
        for try await case .finished in second { finished = true }
        #expect(finished)
        await #expect(throws: SpeechEngineError.cancelled) { for try await _ in first {} }
    }

    @Test func cancellationActsWithinAToken() async throws {
        // Token 30 lasts until the request is cancelled.
        let (model, held) = Self.held(at: 30, of: 400)
        let scheduler = scheduler(model, running: 1)
        defer { scheduler.stop() }
        let stream = try start("a400", on: scheduler)
        while model.steps.count < 30 { try await Task.sleep(for: .milliseconds(1)) }
        stream.cancel()
        held.letGo()
        for try await _ in try start("a20", on: scheduler) {}
        #expect(model.passes.all.count { $0 == [400] } == 30)
    }

    /// A model that stops in front of a token of pieces of some length, until it is let go.
    private static func held(at token: Int, of tokens: Int) -> (ScriptedModel, Held) {
        let held = Held()
        var model = ScriptedModel()
        model.script = { step, count in
            while step == token, count == tokens, held.isHeld { usleep(500) }
            return ScriptedModel.plain(step, count)
        }
        return (model, held)
    }

    /// Sessions of one age, on one thread: nearly every pass serves all of them.
    @Test func tokensAreMadeTogether() async throws {
        let (model, held) = Self.held(at: 0, of: 7)
        let scheduler = scheduler(model, threads: 1, running: 9)
        defer { scheduler.stop() }
        let first = try start("a7", on: scheduler)
        let streams = try (0..<8).map { try start("a\(200 + $0)", on: scheduler) }
        held.letGo()
        for stream in [first] + streams { for try await _ in stream {} }
        let passes = model.passes.all
        #expect(passes.reduce(0) { $0 + $1.count } == model.steps.count)
        #expect(model.steps.count > 8 * 199 && passes.count < model.steps.count / 6, "\(passes.count) passes")
    }

    /// Whoever has the next minutes ready doesn't slow a newcomer's tokens down.
    @Test func newcomersPassAlone() async throws {
        var (model, held) = Self.held(at: 300, of: 400)
        model.sampleRateHz = 4  // 2 s a token: a lead that a busy machine can't use up
        let scheduler = scheduler(model, threads: 1)
        defer { scheduler.stop() }
        let old = try start("a400", on: scheduler)
        while model.steps.count < 300 { try await Task.sleep(for: .milliseconds(1)) }
        let new = try start("a60", on: scheduler)
        held.letGo()
        for stream in [new, old] { for try await _ in stream {} }
        let passes = model.passes.all
        let begin = try #require(passes.firstIndex { $0.contains(60) })
        #expect(passes[..<begin].count { $0 == [400] } == 300)
        #expect(passes[begin...].prefix(24).allSatisfy { $0 == [60] })
    }

    /// Two passes would read the weights twice.
    @Test func onePassAtATime() async throws {
        let model = ScriptedModel(script: { step, tokens in
            usleep(20)
            return ScriptedModel.plain(step, tokens)
        })
        let scheduler = scheduler(model, threads: 4)
        defer { scheduler.stop() }
        let streams = try (0..<8).map { try start("a\(40 + $0)|b30", on: scheduler) }
        for stream in streams { for try await _ in stream {} }
        #expect(model.passes.mostAtOnce == 1)
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
        let error = #expect(throws: SpeechEngineError.self) { try start("a1", on: scheduler) }
        if case .queueFull(limit: 1, _)? = error {} else { Issue.record("\(String(describing: error))") }
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
