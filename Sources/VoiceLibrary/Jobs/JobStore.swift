import Foundation
import GRDB

/// Long texts that are spoken in the background, kept so that no work is lost when the process is killed: jobs and
/// their chunks in SQLite, sound as files. Several workers may share a store; a folder belongs to one process.
///
/// All functions throw `LibraryError`, or `CancellationError` if their task is cancelled; then nothing has happened.
public final class JobStore: Sendable {
    public static let databaseFilename = "jobs.sqlite"

    public let folder: URL

    let database: LibraryDatabase
    let now: @Sendable () -> Date
    private let lock: FolderLock

    /// Opens a folder, or makes it. What another process was at when it ended is pending again, with all chunks that
    /// it had finished; files that belong to no job are removed.
    /// - Parameter now: the clock, for tests.
    /// - Throws: `LibraryError.inUse`, `.disk`, `.database`, `.newerDatabase`.
    public init(folder: URL, now: @escaping @Sendable () -> Date = { Date() }) throws {
        self.folder = folder.standardizedFileURL
        self.now = now
        try Disk.makeFolder(folder)
        lock = try FolderLock(folder)
        database = try LibraryDatabase(folder.appending(path: Self.databaseFilename), migrator: JobSchema.migrator)
        let date = now()
        let files = try database.writeNow { db in
            for state in [JobState.chunking, .processing] {
                guard let next = state.after(.interrupt) else { continue }
                try db.execute(
                    sql: "UPDATE job SET state = ?, updatedAt = ? WHERE state = ?",
                    arguments: [next.rawValue, date, state.rawValue])
            }
            try db.execute(sql: "UPDATE chunk SET state = 'pending', startedAt = NULL WHERE state = 'processing'")
            return try Self.knownFiles(db)
        }
        try Self.removeStrays(in: self.folder, known: files)
    }

    /// Makes a job.
    /// - Throws: `LibraryError.invalid`, `.disk`.
    public func create(_ new: NewJob) async throws -> Job {
        try Self.validate(new)
        return try await insert(new, retryOf: nil)
    }

    /// - Throws: `LibraryError.unknownJob`.
    public func job(_ id: String) async throws -> Job {
        try await database.read { [folder] db in try Self.job(id, folder, db) }
    }

    /// - Throws: `LibraryError.unknownJob`.
    public func text(of id: String) async throws -> String {
        try await database.read { db in
            guard let text = try String.fetchOne(db, sql: "SELECT text FROM job WHERE id = ?", arguments: [id]) else {
                throw LibraryError.unknownJob(id)
            }
            return text
        }
    }

    /// All chunks of a job, in order.
    /// - Throws: `LibraryError.unknownJob`.
    public func chunks(of id: String) async throws -> [JobChunk] {
        try await database.read { [folder] db in
            try Self.requireJob(id, db)
            let files = JobFiles(folder, job: id)
            return try Row.fetchAll(db, sql: "SELECT * FROM chunk WHERE jobId = ? ORDER BY position", arguments: [id])
                .map { JobChunk($0, files: files) }
        }
    }

    /// The result of a completed job.
    /// - Throws: `LibraryError.unknownJob`, `.missingFile`.
    public func output(of id: String) async throws -> URL {
        let job = try await job(id)
        guard let url = job.outputURL, Disk.size(url) != nil else {
            throw LibraryError.missingFile(job: id, path: (job.outputURL ?? outputDraft(of: job)).path)
        }
        return url
    }

    /// The job, first as it is, then whenever anything of it changes; ends after the last change or when it is
    /// deleted. Changes in quick succession may come as one.
    public func updates(of id: String) -> AsyncThrowingStream<Job, any Error> {
        stream { [folder] db in
            try Job.fetch(id, folder, db)
        } until: {
            $0?.state.isFinal ?? true
        }
    }

    /// How many jobs wait for a worker: first as it is, then whenever it changes. Ends with its task.
    public func pendingCounts() -> AsyncThrowingStream<Int, any Error> {
        stream {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM job WHERE state = 'pending'")
        } until: { _ in
            false
        }
    }

    private func stream<Value: Sendable & Equatable>(
        _ fetch: @escaping @Sendable (Database) throws -> Value?, until isLast: @escaping @Sendable (Value?) -> Bool
    ) -> AsyncThrowingStream<Value, any Error> {
        let values = ValueObservation.tracking(fetch).removeDuplicates().values(
            in: database.pool, bufferingPolicy: .bufferingNewest(1))
        return AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let task = Task {
                do {
                    for try await value in values {
                        if let value { continuation.yield(value) }
                        if isLast(value) { break }
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}
