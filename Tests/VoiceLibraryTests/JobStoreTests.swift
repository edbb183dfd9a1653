import Foundation
import Testing
import VoiceLibrary

@Suite struct JobStoreTests {
    let folder = TemporaryFolder()
    let clock = TestClock()

    func store() throws -> JobStore { try JobStore(folder: folder.url, now: clock.now) }

    func newJob(_ chunks: [String] = ["One. ", "Two two."]) -> NewJob {
        var new = NewJob(text: chunks.joined())
        new.chunks = chunks.map { NewChunk(text: $0, pauseAfterMs: 200) }
        return new
    }

    func finish(_ index: Int, of job: Job, in store: JobStore, seconds: Double = 2) async throws -> Bool {
        try await store.finishChunk(
            index, of: job, audio: Data("sound \(index)".utf8), sampleCount: 24000, seconds: seconds)
    }

    /// Claims the next job and does all of it.
    @discardableResult
    func work(_ store: JobStore, seconds: Double = 2) async throws -> Job? {
        guard let job = try await store.claimNext() else { return nil }
        for chunk in try await store.chunks(of: job.id) where chunk.state != .completed {
            _ = try await finish(chunk.index, of: job, in: store, seconds: seconds)
        }
        try Data("result".utf8).write(to: store.outputDraft(of: job))
        return try await store.complete(job, audioSeconds: 3)
    }

    @Test func createKeepsAllThatIsKnown() async throws {
        let store = try store()
        var new = newJob([String(repeating: "ä", count: 99) + ". ", "Ende."])
        new.displayName = " Book "
        new.voice = "anna"
        new.recording = .init(bytes: Data("recording".utf8), fileExtension: "WAV")
        new.responseFormat = "wav"
        new.parameters = #"{"temperature": 0.5}"#
        new.sessionID = "s"
        new.tags = ["x"]
        let job = try await store.create(new)
        #expect(UUID(uuidString: job.id) != nil && job.id == job.id.lowercased())
        #expect(job.state == .pending)
        #expect(job.textPreview == String(repeating: "ä", count: 99) + "." + "...")
        #expect(job.textLength == 106)
        #expect(job.textHash.count == 64)
        #expect(job.createdAt == clock.now() && job.updatedAt == clock.now())
        #expect(job.startedAt == nil && job.completedAt == nil && job.outputURL == nil && job.audioSeconds == nil)
        #expect(job.voice == "anna" && job.sessionID == "s" && job.tags == ["x"] && job.responseFormat == "wav")
        #expect(job.retryCount == 0 && job.originalJobID == nil && !job.isArchived && job.error == nil)
        #expect(try job.parameters(as: [String: Double].self) == ["temperature": 0.5])
        #expect(try Data(contentsOf: #require(job.recordingURL)) == Data("recording".utf8))
        #expect(job.progress.totalChunks == 2 && job.progress.completedChunks == 0)
        #expect(job.progress.currentChunk == nil && job.progress.remainingSeconds == nil)
        #expect(try await store.text(of: job.id) == new.text)
        #expect(try await store.job(job.id) == job)
        let chunks = try await store.chunks(of: job.id)
        #expect(chunks.map(\.text) == new.chunks.map(\.text))
        #expect(chunks.map(\.pauseAfterMs) == [200, 200])
        #expect(chunks.allSatisfy { $0.state == .pending && $0.audioURL == nil })
    }

    @Test func aShortTextIsItsPreview() async throws {
        #expect(try await store().create(newJob(["abc"])).textPreview == "abc")
    }

    @Test func hash() async throws {
        #expect(try await store().create(newJob(["abc"])).textHash == ContentHashExample.sha256OfABC)
    }

    @Test func whatACreateRefuses() async throws {
        let store = try store()
        func field(_ change: (inout NewJob) -> Void) async -> String? {
            var new = newJob()
            change(&new)
            do {
                _ = try await store.create(new)
                return nil
            } catch LibraryError.invalid(let field, _, _) {
                return field
            } catch {
                return "\(error)"
            }
        }
        #expect(await field { $0.text = " \n" } == "input")
        #expect(await field { $0.chunks[1].text = "" } == "chunk")
        #expect(await field { $0.chunks[1].pauseAfterMs = -1 } == "pause_ms")
        #expect(await field { $0.displayName = String(repeating: "x", count: 201) } == "display_name")
        #expect(await field { $0.tags = Array(repeating: "x", count: 21) } == "tags")
        #expect(await field { $0.tags = [String(repeating: "x", count: 51)] } == "tags")
        #expect(await field { $0.tags = [" "] } == "tags")
        #expect(await field { $0.parameters = "[1]" } == "parameters")
        #expect(await field { $0.parameters = "{" } == "parameters")
        #expect(await field { $0.responseFormat = "../x" } == "response_format")
        #expect(await field { $0.recording = .init(bytes: Data([1]), fileExtension: "") } == "voice_file")
        #expect(await field { $0.recording = .init(bytes: Data(), fileExtension: "wav") } == "voice_file")
        #expect(await field { _ in } == nil)
        #expect(try folder.files().count == 1)
    }

    @Test func aJobFromBeginningToEnd() async throws {
        let store = try store()
        var new = newJob()
        new.recording = .init(bytes: Data("recording".utf8), fileExtension: "wav")
        let id = try await store.create(new).id
        clock.advance(1)
        let job = try #require(await store.claimNext())
        #expect(job.id == id && job.state == .processing && job.startedAt == clock.now())
        #expect(try await store.claimNext() == nil)
        try await store.startChunk(0, of: job)
        #expect(try await store.job(id).progress.currentChunk == 0)
        clock.advance(2)
        #expect(try await finish(0, of: job, in: store))
        var progress = try await store.job(id).progress
        #expect(progress.percent == 50 && progress.completedChunks == 1 && progress.currentChunk == nil)
        // 2 s for 5 characters; 8 are left.
        #expect(progress.remainingSeconds == 3.2)
        let chunk = try await store.chunks(of: id)[0]
        #expect(chunk.state == .completed && chunk.sampleCount == 24000 && chunk.seconds == 2)
        #expect(chunk.startedAt == clock.now() - 2 && chunk.completedAt == clock.now())
        #expect(try Data(contentsOf: #require(chunk.audioURL)) == Data("sound 0".utf8))

        await #expect(throws: LibraryError.unfinishedChunks([1], job: id)) {
            try await store.complete(job, audioSeconds: 1)
        }
        #expect(try await finish(1, of: job, in: store, seconds: 4))
        await #expect(throws: LibraryError.missingFile(job: id, path: store.outputDraft(of: job).path)) {
            try await store.complete(job, audioSeconds: 1)
        }
        await #expect(throws: LibraryError.self) { try await store.output(of: id) }
        try Data("result".utf8).write(to: store.outputDraft(of: job))
        let done = try await store.complete(job, audioSeconds: 12.5)
        #expect(done.state == .completed && done.audioSeconds == 12.5 && done.outputSizeBytes == 6)
        #expect(done.completedAt == clock.now() && done.processingSeconds == 6)
        progress = done.progress
        #expect(progress.percent == 100 && progress.remainingSeconds == nil)
        #expect(try Data(contentsOf: await store.output(of: id)) == Data("result".utf8))
        #expect(done.outputURL?.lastPathComponent == "output.mp3")
        // Only the result is left.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/job-" + id) == ["output.mp3"])
        #expect(done.recordingURL == nil)
        let chunks = try await store.chunks(of: id)
        #expect(chunks.allSatisfy { $0.state == .completed && $0.audioURL != nil && $0.sampleCount == 24000 })
    }

    @Test func aJobWhoseTextAWorkerCuts() async throws {
        let store = try store()
        _ = try await store.create(NewJob(text: "One. Two."))
        let job = try #require(await store.claimNext())
        #expect(job.state == .chunking && job.progress.percent == 0)
        await #expect(throws: LibraryError.self) { try await store.setChunks([], of: job) }
        let cut = try await store.setChunks([.init(text: "One."), .init(text: "Two.")], of: job)
        #expect(cut.state == .processing && cut.progress.totalChunks == 2 && cut.claim == job.claim)
        await #expect(throws: LibraryError.self) { try await store.setChunks([.init(text: "x")], of: job) }
        #expect(try await finish(0, of: job, in: store))
    }

    @Test func failures() async throws {
        let store = try store()
        let id = try await store.create(newJob()).id
        let job = try #require(await store.claimNext())
        try await store.failChunk(0, of: job, error: "no sound")
        var chunk = try await store.chunks(of: id)[0]
        #expect(chunk.state == .failed && chunk.error == "no sound")
        // It may be tried again.
        try await store.startChunk(0, of: job)
        #expect(try await finish(0, of: job, in: store))
        chunk = try await store.chunks(of: id)[0]
        #expect(chunk.state == .completed && chunk.error == nil)
        try await store.failChunk(1, of: job, error: "no sound")
        let failed = try await store.fail(job, error: "chunk 1: no sound")
        #expect(failed.state == .failed && failed.error == "chunk 1: no sound" && failed.completedAt == clock.now())
    }

    @Test func unknownThings() async throws {
        let store = try store()
        let none = "00000000-0000-0000-0000-000000000000"
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.job(none) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.text(of: none) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.chunks(of: none) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.output(of: none) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.pause(none) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.resume(none) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.cancel(none) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.retry(none) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.delete(none) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.update(none, isArchived: true) }
        await #expect(throws: LibraryError.unknownJob(none)) { try await store.touch(none) }
        _ = try await store.create(newJob())
        let job = try #require(await store.claimNext())
        await #expect(throws: LibraryError.unknownChunk(2, job: job.id)) { try await finish(2, of: job, in: store) }
        await #expect(throws: LibraryError.unknownChunk(-1, job: job.id)) { try await store.startChunk(-1, of: job) }
        await #expect(throws: LibraryError.unknownChunk(9, job: job.id)) {
            try await store.failChunk(9, of: job, error: "")
        }
        try await store.delete(job.id)
        await #expect(throws: LibraryError.unknownJob(job.id)) { try await finish(0, of: job, in: store) }
        await #expect(throws: LibraryError.unknownJob(job.id)) { try await store.complete(job, audioSeconds: 1) }
        await #expect(throws: LibraryError.unknownJob(job.id)) { try await store.fail(job, error: "") }
        #expect(try folder.files() == [])
    }

    /// Each of many workers gets other jobs, each job one worker; the oldest first.
    @Test func claims() async throws {
        let store = try store()
        var ids: [String] = []
        for index in 0..<30 { ids.append(try await store.create(newJob(["\(index)"])).id) }
        #expect(try await store.claimNext()?.id == ids[0])
        let claimed = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var own: [String] = []
                    while let job = try await store.claimNext() { own.append(job.id) }
                    return own
                }
            }
            return try await group.reduce([], +)
        }
        #expect(claimed.count == 29)
        #expect(Set(claimed) == Set(ids.dropFirst()))
    }

    @Test func updates() async throws {
        let store = try store()
        let id = try await store.create(newJob()).id
        let updates = store.updates(of: id)
        let watcher = Task {
            var states: [JobState] = []
            for try await job in updates where states.last != job.state { states.append(job.state) }
            return states
        }
        try await work(store)
        #expect(try await watcher.value.last == .completed)
    }

    @Test func updatesEndWithTheJob() async throws {
        let store = try store()
        let id = try await store.create(newJob()).id
        var updates = store.updates(of: id).makeAsyncIterator()
        #expect(try await updates.next()?.state == .pending)
        try await store.delete(id)
        #expect(try await updates.next() == nil)
    }

    @Test func pendingCounts() async throws {
        let store = try store()
        var counts = store.pendingCounts().makeAsyncIterator()
        #expect(try await counts.next() == 0)
        _ = try await store.create(newJob())
        #expect(try await counts.next() == 1)
        _ = try await store.claimNext()
        #expect(try await counts.next() == 0)
    }

    @Test func oneProcessAtATime() throws {
        let first = try store()
        #expect(throws: LibraryError.inUse(folder: folder.url.path)) { try store() }
        withExtendedLifetime(first) {}
    }
}

enum ContentHashExample {
    /// FIPS 180-4's example.
    static let sha256OfABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
}
