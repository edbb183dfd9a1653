import Foundation
import SpeechEngine
import Synchronization
import Testing

/// Sessions that wait for a place.
@Suite struct AdmittedSessionsTests {
    private func scheduler(_ model: ScriptedModel, _ rule: Admission.Rule) -> Scheduler<ScriptedModel> {
        Scheduler(model: model, threads: 2, admission: rule, maxWaiting: 4)
    }

    private func start(_ text: String, on scheduler: Scheduler<ScriptedModel>) throws -> SpeechStream {
        let request = SpeechRequest(
            input: text, chunkGrowth: false, maxNewTokens: 10000, enableAlignmentMonitoring: false)
        return try scheduler.start(request, voiceName: "alloy", voices: ["alloy"], seed: 1, maxUnreadChunks: 1000)
    }

    private func places(of stream: SpeechStream) async -> [Int] {
        var positions: [Int] = []
        for await place in stream.waiting { positions.append(place.position) }
        return positions
    }

    /// A model that makes no token until it is let go.
    private final class Gate: Sendable {
        private let isOpen = Atomic<Bool>(false)
        func close() { isOpen.store(false, ordering: .releasing) }
        func open() { isOpen.store(true, ordering: .releasing) }
        func model(sampleRateHz: Int = 200) -> ScriptedModel {
            var model = ScriptedModel(sampleRateHz: sampleRateHz)
            model.script = { [self] step, count in
                while !isOpen.load(ordering: .acquiring) { usleep(500) }
                return ScriptedModel.plain(step, count)
            }
            return model
        }
    }

    @Test func firstComeFirstServed() async throws {
        let gate = Gate()
        let scheduler = scheduler(gate.model(), .fixed(1))
        defer { scheduler.stop() }
        let first = try start("a60", on: scheduler)
        let others = try (0..<3).map { try start("a\(40 + $0)", on: scheduler) }
        #expect(scheduler.load.waiting == 3)
        // Whoever needn't wait isn't told to.
        #expect(await places(of: first).isEmpty)
        var iterators = others.map { $0.waiting.makeAsyncIterator() }
        for index in others.indices {
            let place = await iterators[index].next()
            #expect(place?.position == index + 1)
        }
        // Who leaves makes room.
        others[1].cancel()
        let (gone, behind) = (await iterators[1].next(), await iterators[2].next())
        #expect(gone == nil && behind?.position == 2)
        gate.open()
        for stream in [first, others[0], others[2]] { for try await _ in stream {} }
        let spoken = await iterators[0].next()
        #expect(spoken == nil)
        await #expect(throws: SpeechEngineError.cancelled) { for try await _ in others[1] {} }
        #expect(scheduler.load.waiting == 0)
    }

    /// The wait is told once it is known what speech costs.
    @Test func theWaitIsTold() async throws {
        let gate = Gate()
        let scheduler = scheduler(gate.model(), .fixed(1))
        defer { scheduler.stop() }
        let streams = try (0..<2).map { _ in try start("a60", on: scheduler) }
        var unknown = streams[1].waiting.makeAsyncIterator()
        let place = await unknown.next()
        #expect(place == QueuePlace(position: 1, estimatedWait: nil))
        gate.open()
        for stream in streams { for try await _ in stream {} }
        gate.close()
        let later = try (0..<3).map { _ in try start("a60", on: scheduler) }
        var waits: [Double] = []
        for stream in later.dropFirst() {
            var places = stream.waiting.makeAsyncIterator()
            let place = await places.next()
            waits.append(try #require(place?.estimatedWait))
        }
        #expect(waits[0] > 0 && waits[1] > waits[0])
        gate.open()
    }

    /// One at first; more when the first chunk has shown that it is quick.
    @Test func placesGrow() async throws {
        let gate = Gate()
        // A token sounds for 8 s: no machine is too slow.
        let scheduler = scheduler(gate.model(sampleRateHz: 1), .realTime(most: 3))
        defer { scheduler.stop() }
        let streams = try (0..<5).map { _ in try start("a400", on: scheduler) }
        #expect(scheduler.load == (1, 4))
        gate.open()
        for try await case .chunk in streams[0] { break }
        for stream in streams.dropFirst() { for try await _ in stream {} }
    }
}
