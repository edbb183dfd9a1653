import Foundation
import GRDB
import Testing
import VoiceLibrary

/// What is there after the process was killed between two steps.
@Suite struct VoiceCrashTests {
    let folder = TemporaryFolder()

    func edit(_ sql: String) throws {
        let path = folder.url.appending(path: VoiceStore.databaseFilename).path
        try DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
    }

    /// Half a file goes an hour later; until then it may be another process's.
    @Test func halfAFile() async throws {
        let clock = TestClock()
        try folder.write("half", to: ".x.wav.part")
        let written = try #require(
            try FileManager.default.attributesOfItem(atPath: folder.url.path + "/.x.wav.part")[.modificationDate]
                as? Date)
        clock.advance(written.timeIntervalSince(clock.now()) + 60)
        _ = try VoiceStore(folder: folder.url, now: clock.now)
        #expect(FileManager.default.fileExists(atPath: folder.url.path + "/.x.wav.part"))
        clock.advance(3600)
        let store = try VoiceStore(folder: folder.url, now: clock.now)
        #expect(!FileManager.default.fileExists(atPath: folder.url.path + "/.x.wav.part"))
        #expect(try await store.voices() == [])
    }

    @Test func aFileWithoutARow() async throws {
        try folder.write("whole", to: "0b2b3b1c-0000-4000-8000-000000000000.wav")
        let store = try VoiceStore(folder: folder.url)
        #expect(try await store.voices() == [])
        #expect(try await store.cleanup().unknownFiles == ["0b2b3b1c-0000-4000-8000-000000000000.wav"])
        #expect(try folder.files().count == 1)
    }

    @Test func aDeletedVoiceWhoseFileIsThere() async throws {
        do {
            let store = try VoiceStore(folder: folder.url)
            let voice = try await store.add(name: "a", recording: Data("a".utf8), originalFilename: "a.wav")
            try edit("INSERT INTO removal VALUES ('\(voice.filename)'); DELETE FROM voice")
        }
        #expect(try folder.files().count == 1)
        let store = try VoiceStore(folder: folder.url)
        #expect(try folder.files() == [])
        #expect(try await store.cleanup().unknownFiles == [])
    }

    @Test func aDatabaseOfANewerVersion() async throws {
        do { _ = try VoiceStore(folder: folder.url) }
        try edit("INSERT INTO grdb_migrations VALUES ('9 the future')")
        let path = folder.url.standardizedFileURL.appending(path: VoiceStore.databaseFilename).path
        #expect(throws: LibraryError.newerDatabase(path: path)) { try VoiceStore(folder: folder.url) }
    }

    /// What doesn't fit on the disk is an error, and nothing of it is left.
    @Test func aFullDisk() async throws {
        let path = folder.url.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let folder = URL(fileURLWithPath: path)
            let (voices, jobs) = (try VoiceStore(folder: folder), try JobStore(folder: folder))
            var limit = rlimit(rlim_cur: 1 << 20, rlim_max: 1 << 20)
            signal(SIGXFSZ, SIG_IGN)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            let tooMuch = Data(count: 2 << 20)
            func isDisk(_ error: (any Error)?) -> Bool { if case LibraryError.disk? = error { true } else { false } }

            var error = await #expect(throws: LibraryError.self) {
                try await voices.add(name: "a", recording: tooMuch, originalFilename: "a.wav")
            }
            #expect(isDisk(error))
            var new = NewJob(text: "a")
            new.chunks = [NewChunk(text: "a")]
            new.recording = .init(bytes: tooMuch, fileExtension: "wav")
            let withRecording = new
            error = await #expect(throws: LibraryError.self) { try await jobs.create(withRecording) }
            #expect(isDisk(error))
            new.recording = nil
            _ = try await jobs.create(new)
            let job = try #require(await jobs.claimNext())
            error = await #expect(throws: LibraryError.self) {
                try await jobs.finishChunk(0, of: job, audio: tooMuch, sampleCount: 1, seconds: 1)
            }
            #expect(isDisk(error))
            let left = try FileManager.default.contentsOfDirectory(atPath: path + "/job-" + job.id)
            #expect(left == [])
            #expect(try await jobs.job(job.id).progress.completedChunks == 0)
            // What fits goes on.
            try await voices.add(name: "a", recording: Data("a".utf8), originalFilename: "a.wav")
        }
        #expect(try folder.files().count == 2)
    }

    /// A real process, killed at some moment, several times over: what it was told is done is done, whole.
    @Test func killed() async throws {
        var rng = Numbers(1)
        for round in 0..<4 {
            let (path, delay) = (folder.url.path, UInt32.random(in: 5_000...150_000, using: &rng))
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, delay = delay as UInt32] in
                try await VoiceCrashTests.addAndDeleteUntilKilled(URL(fileURLWithPath: path), delay)
            }
            let log = try String(contentsOf: folder.url.appending(path: ".log"), encoding: .utf8)
                .split(separator: "\n").map(String.init)
            var expected: Set<String> = []
            for line in log {
                let name = String(line.dropFirst())
                if line.hasPrefix("+") { expected.insert(name) } else { expected.remove(name) }
            }
            let store = try VoiceStore(folder: folder.url)
            let names = try await Set(store.voices().map(\.name))
            // The operation that was going on is done or not.
            #expect(names.symmetricDifference(expected).count <= 1, "round \(round)")
            for name in names { #expect(try await store.recording(of: name).bytes == Data(name.utf8)) }
            #expect(try await store.cleanup().unknownFiles.count <= round + 1)
            for name in names { try await store.delete(name) }
            try log.map { $0 + "\n" }.joined().appending(names.union(expected).map { "-\($0)\n" }.joined())
                .write(to: folder.url.appending(path: ".log"), atomically: true, encoding: .utf8)
        }
        let log = try String(contentsOf: folder.url.appending(path: ".log"), encoding: .utf8)
        #expect(log.contains("+"))
    }

    private static func addAndDeleteUntilKilled(_ folder: URL, _ delay: UInt32) async throws {
        let store = try VoiceStore(folder: folder)
        die(after: delay)
        let log = Journal(folder.appending(path: ".log"))
        let start = UInt64.random(in: 0...UInt64.max)
        for number in start... {
            try await store.add(name: "v\(number)", recording: Data("v\(number)".utf8), originalFilename: "x.wav")
            log.write("+v\(number)")
            guard number % 3 == 0, number > start else { continue }
            try await store.delete("v\(number - 1)")
            log.write("-v\(number - 1)")
        }
    }
}

/// Kills this process after some microseconds, wherever it is then.
func die(after delay: UInt32) {
    Thread.detachNewThread {
        usleep(delay)
        kill(getpid(), SIGKILL)
    }
}

/// Lines that survive the process.
final class Journal {
    private let descriptor: Int32

    init(_ url: URL) { descriptor = open(url.path, O_WRONLY | O_CREAT | O_APPEND, 0o644) }

    func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = Foundation.write(descriptor, bytes, bytes.count)
    }

    deinit { close(descriptor) }
}
