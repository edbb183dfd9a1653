import Foundation
import Testing
import VoiceLibrary

/// What is there after the process was killed between two steps.
@Suite struct JobCrashTests {
    let helper = JobStoreTests()
    var folder: TemporaryFolder { helper.folder }

    func names(_ id: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/job-" + id).sorted()
    }

    /// A copy of the folder as it is: what a killed process leaves.
    func leftBehind() throws -> TemporaryFolder {
        let copy = TemporaryFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.url.path) {
            try FileManager.default.copyItem(
                at: folder.url.appending(path: name), to: copy.url.appending(path: name))
        }
        return copy
    }

    @Test func amidAJob() async throws {
        let store = try helper.store()
        let id = try await store.create(helper.newJob(["One. ", "Two. ", "Three."])).id
        let uncut = try await store.create(NewJob(text: "Uncut.")).id
        let paused = try await store.create(helper.newJob()).id
        try await store.pause(paused)
        let job = try #require(await store.claimNext())
        _ = try await store.claimNext()
        #expect(try await helper.finish(0, of: job, in: store))
        try await store.startChunk(1, of: job)
        // A chunk's file that came before its row, half a file, the result half written.
        let files = folder.url.appending(path: "job-" + id)
        try Data().write(to: files.appending(path: "chunk-1-deadbeef.wav"))
        try Data().write(to: files.appending(path: ".chunk-1-deadbeef.wav.part"))
        try Data().write(to: store.outputDraft(of: job))

        let copy = try leftBehind()
        let next = try JobStore(folder: copy.url)
        let found = try await next.job(id)
        #expect(found.state == .pending && found.progress.completedChunks == 1 && found.progress.currentChunk == nil)
        #expect(found.startedAt == job.startedAt)
        #expect(try await next.job(uncut).state == .pending)
        #expect(try await next.job(paused).state == .paused)
        let kept = try await next.chunks(of: id)[0]
        #expect(try Data(contentsOf: #require(kept.audioURL)) == Data("sound 0".utf8))
        let left = try FileManager.default.contentsOfDirectory(atPath: copy.url.path + "/job-" + id)
        #expect(left == [kept.audioURL!.lastPathComponent])
        // It goes on where it was.
        #expect(try await helper.work(next)?.id == id)
        #expect(try await next.claimNext()?.state == .chunking)
        // The worker from before knows another claim.
        await #expect(throws: LibraryError.claimLost(job: id)) { try await next.complete(job, audioSeconds: 1) }
    }

    /// Killed when the result had its name, and the database didn't know it yet.
    @Test func aResultWithoutARow() async throws {
        let store = try helper.store()
        let id = try await store.create(helper.newJob(["x"])).id
        let job = try #require(await store.claimNext())
        #expect(try await helper.finish(0, of: job, in: store))
        try Data("old".utf8).write(to: folder.url.appending(path: "job-\(id)/output.mp3"))
        let copy = try leftBehind()
        let next = try JobStore(folder: copy.url)
        await #expect(throws: LibraryError.self) { try await next.output(of: id) }
        #expect(try await helper.work(next)?.state == .completed)
        #expect(try Data(contentsOf: await next.output(of: id)) == Data("result".utf8))
    }

    /// Killed when the job was completed, and the sound of its chunks not removed yet.
    @Test func chunksOfACompletedJob() async throws {
        let id: String
        do {
            let store = try helper.store()
            id = try await store.create(helper.newJob(["x"])).id
            try await helper.work(store)
            let chunk = try #require(await store.chunks(of: id)[0].audioURL)
            #expect(try names(id) == ["output.mp3"])
            try Data().write(to: chunk)
        }
        let copy = try leftBehind()
        _ = try JobStore(folder: copy.url)
        #expect(try FileManager.default.contentsOfDirectory(atPath: copy.url.path + "/job-" + id) == ["output.mp3"])
    }

    /// Folders of jobs that never came to be go; all that isn't ours stays.
    @Test func strays() async throws {
        do { _ = try helper.store() }
        let stray = "job-\(UUID().uuidString.lowercased())"
        // A job of chatterbox-tts-api, a folder of the user's, a file.
        let others = [UUID().uuidString.lowercased(), "job-notes", "note.txt"]
        for name in [stray] + others.dropLast() {
            let url = folder.url.appending(path: name)
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            try Data("x".utf8).write(to: url.appending(path: "file"))
        }
        try folder.write("x", to: "note.txt")
        _ = try helper.store()
        #expect(try folder.files() == others.sorted())
        #expect(FileManager.default.fileExists(atPath: folder.url.path + "/job-notes/file"))
    }

    /// A real process, killed at some moment, again and again: no chunk that was finished is made a second time, none
    /// is lost, and in the end all jobs are complete.
    @Test func killed() async throws {
        var rng = Numbers(2)
        for _ in 0..<5 {
            let (path, delay) = (folder.url.path, UInt32.random(in: 5_000...200_000, using: &rng))
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, delay = delay as UInt32] in
                try await JobCrashTests.workUntilKilled(URL(fileURLWithPath: path), delay)
            }
        }
        let log = try String(contentsOf: folder.url.appending(path: "log"), encoding: .utf8)
            .split(separator: "\n").map(String.init)
        #expect(log.count > 5)
        #expect(Set(log).count == log.count, "a finished chunk was made again")

        let store = try helper.store()
        for line in log {
            let (id, index) = (String(line.prefix(36)), Int(line.dropFirst(37))!)
            let chunk = try await store.chunks(of: id)[index]
            #expect(chunk.state == .completed)
            // Those of completed jobs are in the results, below.
            if try await store.job(id).state == .completed { continue }
            #expect(try Data(contentsOf: #require(chunk.audioURL)) == Data(chunk.text.utf8))
        }
        while let job = try await store.claimNext() { try await JobCrashTests.finish(job, store, nil) }
        var filter = JobFilter()
        filter.limit = 1000
        for job in try await store.list(filter).jobs {
            #expect(job.state == .completed)
            #expect(try await String(contentsOf: store.output(of: job.id), encoding: .utf8) == store.text(of: job.id))
            #expect(try names(job.id) == ["output.mp3"])
        }
    }

    private static func workUntilKilled(_ folder: URL, _ delay: UInt32) async throws {
        let store = try JobStore(folder: folder)
        let log = Journal(folder.appending(path: "log"))
        // At some moment after some chunks, however slow the machine is.
        let before = 2 + Int(delay) % 5
        var jobs = 0
        while true {
            guard let job = try await store.claimNext() else {
                let chunks = (0..<12).map { NewChunk(text: "Sentence \($0) of \(UUID()). ") }
                var new = NewJob(text: chunks.map(\.text).joined())
                new.chunks = chunks
                _ = try await store.create(new)
                continue
            }
            jobs += 1
            try await finish(
                job, store, log,
                onChunk: { index in
                    if jobs > 1 || index >= before { die(after: delay / 10) }
                })
        }
    }

    /// A worker whose sound is the text.
    private static func finish(
        _ job: Job, _ store: JobStore, _ log: Journal?, onChunk: (Int) -> Void = { _ in }
    ) async throws {
        for chunk in try await store.chunks(of: job.id) where chunk.state != .completed {
            try await store.startChunk(chunk.index, of: job)
            let isOurs = try await store.finishChunk(
                chunk.index, of: job, audio: Data(chunk.text.utf8), sampleCount: 1, seconds: 1)
            #expect(isOurs)
            log?.write("\(job.id) \(chunk.index)")
            onChunk(chunk.index)
        }
        let sound = try await store.chunks(of: job.id).map { try Data(contentsOf: $0.audioURL!) }.reduce(Data(), +)
        try sound.write(to: store.outputDraft(of: job))
        _ = try await store.complete(job, audioSeconds: 1)
    }
}
