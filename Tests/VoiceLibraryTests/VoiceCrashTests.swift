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
