import Foundation
import Testing
import VoiceLibrary

@Suite struct CancellationTests {
    let helper = JobStoreTests()

    /// Does something in a task that is cancelled before it begins.
    func cancelled<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let task = Task {
            withUnsafeCurrentTask { $0!.cancel() }
            return try await body()
        }
        return try await task.value
    }

    @Test func nothingOfAVoiceIsLeft() async throws {
        let folder = TemporaryFolder()
        let store = try VoiceStore(folder: folder.url)
        await #expect(throws: CancellationError.self) {
            try await cancelled {
                try await store.add(name: "a", recording: Data("a".utf8), originalFilename: "a.wav")
            }
        }
        #expect(try await store.voices() == [])
        #expect(try folder.files() == [])
    }

    @Test func nothingOfAJobIsLeft() async throws {
        let store = try helper.store()
        let new = helper.newJob()
        await #expect(throws: CancellationError.self) { try await cancelled { try await store.create(new) } }
        #expect(try await store.list().totalCount == 0)
        #expect(try helper.folder.files() == [])
    }

    /// A worker that is told to end keeps what it has made and gives its job back.
    @Test func workersEnd() async throws {
        let store = try helper.store()
        let helper = helper
        let ids = [try await store.create(helper.newJob(["a"])).id, try await store.create(helper.newJob()).id]
        let first = try #require(await store.claimNext())
        let second = try #require(await store.claimNext())
        try await cancelled {
            _ = try await helper.finish(0, of: first, in: store)
            try Data("result".utf8).write(to: store.outputDraft(of: first))
            _ = try await store.complete(first, audioSeconds: 1)
            _ = try await helper.finish(1, of: second, in: store)
            _ = try await store.interrupt(second)
        }
        #expect(try await store.job(ids[0]).state == .completed)
        let job = try await store.job(ids[1])
        #expect(job.state == .pending && job.progress.completedChunks == 1)
        let again = try #require(await store.claimNext())
        #expect(try await cancelled { try await store.fail(again, error: "x").state } == .failed)
    }
}
