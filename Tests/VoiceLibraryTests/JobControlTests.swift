import Foundation
import Testing
import VoiceLibrary

@Suite struct JobControlTests {
    let helper = JobStoreTests()
    var folder: TemporaryFolder { helper.folder }
    var clock: TestClock { helper.clock }

    /// What may follow what; the table of the class is this one.
    @Test func theStateMachine() {
        let table: [JobState: [JobAction: JobState]] = [
            .pending: [
                .chunk: .chunking, .process: .processing, .finishChunk: .pending, .pause: .paused, .cancel: .cancelled,
            ],
            .chunking: [
                .process: .processing, .pause: .paused, .cancel: .cancelled, .fail: .failed, .interrupt: .pending,
            ],
            .processing: [
                .finishChunk: .processing, .pause: .paused, .cancel: .cancelled, .complete: .completed, .fail: .failed,
                .interrupt: .pending,
            ],
            .paused: [.finishChunk: .paused, .resume: .pending, .cancel: .cancelled],
            .completed: [:],
            .failed: [.retry: .pending],
            .cancelled: [.retry: .pending],
        ]
        for state in JobState.allCases {
            for action in JobAction.allCases { #expect(state.after(action) == table[state]?[action]) }
            #expect(Set(state.possibleActions) == Set(table[state]!.keys))
            #expect(state.isFinal == [.completed, .failed, .cancelled].contains(state))
        }
    }

    @Test func pauseAndResume() async throws {
        let store = try helper.store()
        let id = try await store.create(helper.newJob()).id
        let job = try #require(await store.claimNext())
        try await store.startChunk(0, of: job)
        clock.advance(1)
        let paused = try await store.pause(id)
        #expect(paused.state == .paused && paused.pausedAt == clock.now() && paused.progress.currentChunk == nil)
        await #expect(
            throws: LibraryError.impossible(
                .pause, job: id, state: .paused, possible: [.finishChunk, .resume, .cancel])
        ) { try await store.pause(id) }
        // The chunk that was all but done is kept, then the worker is told to stop.
        #expect(try await !helper.finish(0, of: job, in: store))
        await #expect(throws: LibraryError.claimLost(job: id)) { try await store.startChunk(1, of: job) }
        #expect(try await store.claimNext() == nil)

        let resumed = try await store.resume(id)
        #expect(resumed.state == .pending && resumed.pausedAt == nil && resumed.progress.completedChunks == 1)
        await #expect(throws: LibraryError.self) { try await store.resume(id) }
        #expect(try await helper.work(store)?.state == .completed)
        await #expect(
            throws: LibraryError.impossible(.pause, job: id, state: .completed, possible: [])
        ) { try await store.pause(id) }
    }

    /// The worker from before a pause can't disturb the one after it.
    @Test func twoWorkersOfOneJob() async throws {
        let store = try helper.store()
        let id = try await store.create(helper.newJob()).id
        let old = try #require(await store.claimNext())
        try await store.pause(id)
        try await store.resume(id)
        let new = try #require(await store.claimNext())
        #expect(new.id == id && new.claim == old.claim + 1)
        let lost = LibraryError.claimLost(job: id)
        await #expect(throws: lost) { try await store.startChunk(0, of: old) }
        await #expect(throws: lost) { try await store.failChunk(0, of: old, error: "") }
        await #expect(throws: lost) { try await store.fail(old, error: "") }
        await #expect(throws: lost) { try await store.interrupt(old) }
        await #expect(throws: lost) { try await store.complete(old, audioSeconds: 1) }
        #expect(store.outputDraft(of: old) != store.outputDraft(of: new))
        // Both make chunk 0: the first sound stays, the other file goes.
        #expect(try await !helper.finish(0, of: old, in: store))
        let first = try await store.chunks(of: id)[0]
        #expect(try await helper.finish(0, of: new, in: store))
        #expect(try await store.chunks(of: id)[0] == first)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/job-" + id).count == 1)
    }

    @Test func cancel() async throws {
        let store = try helper.store()
        let id = try await store.create(helper.newJob()).id
        let job = try #require(await store.claimNext())
        #expect(try await store.cancel(id).state == .cancelled)
        await #expect(
            throws: LibraryError.impossible(.finishChunk, job: id, state: .cancelled, possible: [.retry])
        ) { try await helper.finish(0, of: job, in: store) }
        await #expect(throws: LibraryError.self) { try await store.cancel(id) }
        await #expect(throws: LibraryError.self) { try await store.resume(id) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/job-" + id) == [])
    }

    @Test func interrupt() async throws {
        let store = try helper.store()
        let id = try await store.create(helper.newJob()).id
        let job = try #require(await store.claimNext())
        #expect(try await helper.finish(0, of: job, in: store))
        let given = try await store.interrupt(job)
        #expect(given.state == .pending && given.progress.completedChunks == 1 && given.startedAt != nil)
        #expect(try await store.claimNext()?.id == id)
    }

    @Test func retry() async throws {
        let store = try helper.store()
        var new = helper.newJob()
        new.parameters = #"{"temperature": 0.5, "cfg_weight": 1, "pauses": {"enable": true, "ms": 5}}"#
        new.recording = .init(bytes: Data("recording".utf8), fileExtension: "wav")
        (new.displayName, new.voice, new.sessionID, new.tags) = ("Book", "anna", "s", ["x"])
        let id = try await store.create(new).id
        await #expect(throws: LibraryError.self) { try await store.retry(id) }
        let job = try #require(await store.claimNext())
        #expect(try await helper.finish(0, of: job, in: store))
        try await store.failChunk(1, of: job, error: "no sound")
        try await store.fail(job, error: "no sound")
        await #expect(throws: LibraryError.self) { try await store.retry(id, newParameters: "3") }

        let second = try await store.retry(
            id, newParameters: #"{"temperature": 0.8, "cfg_weight": null, "pauses": {"ms": 9}}"#)
        #expect(second.id != id && second.state == .pending && second.originalJobID == id && second.retryCount == 1)
        #expect(second.displayName == "Book" && second.voice == "anna" && second.sessionID == "s")
        #expect(second.tags == ["x"] && second.error == nil)
        #expect(second.parameters == #"{"temperature":0.8,"pauses":{"enable":true,"ms":9}}"#)
        #expect(second.progress.completedChunks == 1)
        #expect(try await store.text(of: second.id) == new.text)
        // It has files of its own.
        let old = try await store.job(id)
        #expect(old.state == .failed)
        try await store.delete(id)
        let chunks = try await store.chunks(of: second.id)
        #expect(chunks.map(\.state) == [.completed, .pending])
        #expect(chunks[0].pauseAfterMs == 200 && chunks[1].error == nil)
        #expect(try Data(contentsOf: #require(chunks[0].audioURL)) == Data("sound 0".utf8))
        #expect(try Data(contentsOf: #require(second.recordingURL)) == Data("recording".utf8))

        try await store.cancel(second.id)
        let third = try await store.retry(second.id, preserveChunks: false)
        #expect(third.retryCount == 2 && third.originalJobID == second.id && third.progress.completedChunks == 0)
        #expect(third.parameters == second.parameters)
        #expect(try await helper.work(store)?.id == third.id)
    }

    /// A chunk whose file somebody took away is made again.
    @Test func retryWithoutAFile() async throws {
        let store = try helper.store()
        let id = try await store.create(helper.newJob()).id
        let job = try #require(await store.claimNext())
        #expect(try await helper.finish(0, of: job, in: store))
        try FileManager.default.removeItem(at: #require(await store.chunks(of: id)[0].audioURL))
        try await store.cancel(id)
        #expect(try await store.retry(id).progress.completedChunks == 0)
    }

    @Test func update() async throws {
        let store = try helper.store()
        let id = try await store.create(helper.newJob()).id
        clock.advance(5)
        var job = try await store.update(id, displayName: " Book ", isArchived: true, tags: [" a ", "b", "a"])
        #expect(job.displayName == "Book" && job.isArchived && job.tags == ["a", "b"])
        #expect(job.updatedAt == clock.now() && job.lastAccessedAt == clock.now())
        job = try await store.update(id)
        #expect(job.displayName == "Book" && job.isArchived && job.tags == ["a", "b"])
        job = try await store.update(id, displayName: "", isArchived: false, tags: [])
        #expect(job.displayName == nil && !job.isArchived && job.tags == [])
        await #expect(throws: LibraryError.self) {
            try await store.update(id, displayName: String(repeating: "x", count: 201))
        }
        await #expect(throws: LibraryError.self) { try await store.update(id, tags: [""]) }
        clock.advance(5)
        try await store.touch(id)
        #expect(try await store.job(id).lastAccessedAt == clock.now())
    }

    @Test func bulk() async throws {
        let store = try helper.store()
        var ids: [String] = []
        for _ in 0..<3 { ids.append(try await store.create(helper.newJob()).id) }
        try await store.cancel(ids[1])
        #expect(try await store.perform(.archive, onAll: ids).succeeded == ids)
        #expect(try await store.job(ids[2]).isArchived)
        #expect(try await store.perform(.unarchive, onAll: ids + ["x"]).failed.map(\.id) == ["x"])
        #expect(try await !store.job(ids[2]).isArchived)
        let retries = try await store.perform(.retry, onAll: ids)
        #expect(retries.succeeded == [ids[1]] && retries.failed.map(\.id) == [ids[0], ids[2]])
        #expect(retries.newJobs.map(\.originalJobID) == [ids[1]])
        let deletes = try await store.perform(.delete, onAll: ids + ids)
        #expect(deletes.succeeded == ids)
        #expect(deletes.failed.map(\.error) == ids.map { .unknownJob($0) })
        #expect(try await store.list().totalCount == 1)
    }

    @Test func retention() async throws {
        let store = try helper.store()
        let done = try await store.create(helper.newJob()).id
        try await helper.work(store)
        let archived = try await store.create(helper.newJob()).id
        try await helper.work(store)
        try await store.update(archived, isArchived: true)
        let cancelled = try await store.create(helper.newJob()).id
        try await store.cancel(cancelled)
        let waiting = try await store.create(helper.newJob()).id
        clock.advance(7 * 86400)
        #expect(try await store.deleteEnded(olderThanDays: 7) == [])
        clock.advance(1)
        #expect(try await Set(store.deleteEnded(olderThanDays: 7)) == [done, cancelled])
        #expect(try await Set(store.list().jobs.map(\.id)) == [archived, waiting])
        #expect(try folder.files() == ["job-" + archived, "job-" + waiting].sorted())
    }

    @Test func clearHistory() async throws {
        let store = try helper.store()
        var ids: [String] = []
        for session in ["a", "b"] {
            var new = helper.newJob()
            new.sessionID = session
            ids.append(try await store.create(new).id)
            try await helper.work(store)
        }
        _ = try await store.create(helper.newJob())
        #expect(try await store.clearHistory(sessionID: "a") == [ids[0]])
        #expect(try await store.clearHistory() == [ids[1]])
        #expect(try await store.list().totalCount == 1)
    }
}
