import Foundation
import GRDB

/// What workers do with the job that they claimed. If it was paused, ended or claimed by another worker since, they
/// get `LibraryError.claimLost`, or `.unknownJob` if it was deleted, and stop. What keeps or gives back a worker's job
/// (`finishChunk`, `complete`, `fail`, `interrupt`) is done even if the worker's task is cancelled.
extension JobStore {
    /// Takes the job that waits longest. No other worker gets it.
    /// - Returns: the job, `processing`, or `chunking` if it has no chunks yet; nil if none waits.
    public func claimNext() async throws -> Job? {
        let date = now()
        return try await database.write { [folder] db in
            guard
                let row = try Row.fetchOne(
                    db,
                    sql: """
                        SELECT id, EXISTS (SELECT 1 FROM chunk WHERE jobId = job.id) AS hasChunks FROM job
                        WHERE state = 'pending' ORDER BY number LIMIT 1
                        """)
            else { return nil }
            let id: String = row["id"]
            try Self.perform(row["hasChunks"] ? .process : .chunk, on: id, at: date, db)
            try db.execute(sql: "UPDATE job SET claim = claim + 1 WHERE id = ?", arguments: [id])
            return try Self.job(id, folder, db)
        }
    }

    /// Gives a job that is `chunking` its chunks; then it is `processing`.
    /// - Throws: `LibraryError.claimLost`, `.unknownJob`, `.invalid`.
    @discardableResult
    public func setChunks(_ chunks: [NewChunk], of job: Job) async throws -> Job {
        try Self.validate(chunks)
        guard !chunks.isEmpty else {
            throw LibraryError.invalid(field: "chunks", value: "", allowed: "at least one")
        }
        let date = now()
        return try await database.write { [folder] db in
            try Self.requireClaim(job, db)
            try Self.perform(.process, on: job.id, at: date, db)
            try Self.insert(chunks, into: job.id, db)
            return try Self.job(job.id, folder, db)
        }
    }

    /// Notes that a chunk is begun.
    /// - Throws: `LibraryError.claimLost`, `.unknownJob`, `.unknownChunk`.
    public func startChunk(_ index: Int, of job: Job) async throws {
        let date = now()
        try await database.write { db in
            try Self.requireClaim(job, db)
            try Self.requireChunk(index, of: job.id, db)
            try db.execute(
                sql: """
                    UPDATE chunk SET state = 'processing', startedAt = ?, error = NULL
                    WHERE jobId = ? AND position = ? AND state <> 'completed'
                    """,
                arguments: [date, job.id, index])
        }
    }

    /// Keeps the sound of a chunk: once this returns, it survives whatever happens to the process. It is kept too if
    /// the job was paused meanwhile, but not if it has ended. If the chunk has sound already, that stays.
    /// - Parameters:
    ///   - audio: a file of sound.
    ///   - fileExtension: of that file, without the dot.
    ///   - seconds: what making it took.
    /// - Returns: whether the worker still has the job; if not, it stops.
    /// - Throws: `LibraryError.unknownJob`, `.unknownChunk`, `.impossible` if the job has ended, `.disk`.
    public func finishChunk(
        _ index: Int, of job: Job, audio: Data, fileExtension: String = "wav", sampleCount: Int, seconds: Double
    ) async throws -> Bool {
        try await uncancelled { [self] in
            try await keepChunk(index, of: job, audio, fileExtension, sampleCount, seconds)
        }
    }

    private func keepChunk(
        _ index: Int, of job: Job, _ audio: Data, _ fileExtension: String, _ sampleCount: Int, _ seconds: Double
    ) async throws -> Bool {
        try await database.read { db in
            try Self.require(.finishChunk, job.id, db)
            try Self.requireChunk(index, of: job.id, db)
        }
        // Two workers may be at the same chunk, if the first was paused: each has a file of its own.
        let filename = "chunk-\(index)-\(UUID().uuidString.prefix(8).lowercased()).\(fileExtension)"
        let url = JobFiles(folder, job: job.id).url(filename)
        let date = now()
        do {
            try await blocking { try Disk.write(audio, to: url) }
            let (isOurs, isKept) = try await database.write { db in
                try Self.require(.finishChunk, job.id, db)
                try db.execute(
                    sql: """
                        UPDATE chunk SET state = 'completed', audioFilename = ?, sampleCount = ?, seconds = ?,
                            error = NULL, completedAt = ?
                        WHERE jobId = ? AND position = ? AND state <> 'completed'
                        """,
                    arguments: [filename, sampleCount, seconds, date, job.id, index])
                let isKept = db.changesCount == 1
                try db.execute(sql: "UPDATE job SET updatedAt = ? WHERE id = ?", arguments: [date, job.id])
                do {
                    try Self.requireClaim(job, db)
                } catch LibraryError.claimLost {
                    return (false, isKept)
                }
                return (true, isKept)
            }
            if !isKept { try Disk.remove(url) }
            return isOurs
        } catch {
            try? Disk.remove(url)
            throw error
        }
    }

    /// Notes that a chunk couldn't be made. The job goes on: `fail` ends it.
    /// - Throws: `LibraryError.claimLost`, `.unknownJob`, `.unknownChunk`.
    public func failChunk(_ index: Int, of job: Job, error: String) async throws {
        let date = now()
        try await database.write { db in
            try Self.requireClaim(job, db)
            try Self.requireChunk(index, of: job.id, db)
            try db.execute(
                sql: """
                    UPDATE chunk SET state = 'failed', error = ?, completedAt = ?
                    WHERE jobId = ? AND position = ? AND state <> 'completed'
                    """,
                arguments: [error, date, job.id, index])
            try db.execute(sql: "UPDATE job SET updatedAt = ? WHERE id = ?", arguments: [date, job.id])
        }
    }

    /// Where the result of a job is to be written, before `complete`. Each claim has a file of its own.
    public func outputDraft(of job: Job) -> URL { JobFiles(folder, job: job.id).draft(claim: job.claim) }

    /// Ends a job: its draft becomes the result, once it is on the disk. The sound of its chunks and its recording are of
    /// no use any more and go.
    /// - Throws: `LibraryError.claimLost`, `.unknownJob`, `.unfinishedChunks`, `.missingFile` without a draft, `.disk`.
    @discardableResult
    public func complete(_ job: Job, audioSeconds: Double) async throws -> Job {
        try await uncancelled { [self] in try await keepOutput(of: job, audioSeconds) }
    }

    private func keepOutput(of job: Job, _ audioSeconds: Double) async throws -> Job {
        let (draft, files) = (outputDraft(of: job), JobFiles(folder, job: job.id))
        let date = now()
        let done = try await database.write { [folder] db in
            try Self.requireClaim(job, db)
            try Self.require(.complete, job.id, db)
            let open = try Int.fetchAll(
                db, sql: "SELECT position FROM chunk WHERE jobId = ? AND state <> 'completed' ORDER BY position",
                arguments: [job.id])
            guard open.isEmpty else { throw LibraryError.unfinishedChunks(open, job: job.id) }
            guard let size = Disk.size(draft) else { throw LibraryError.missingFile(job: job.id, path: draft.path) }
            let filename = "output.\(job.responseFormat.lowercased())"
            try Disk.keep(draft, as: files.url(filename))
            try Self.perform(.complete, on: job.id, at: date, db)
            try db.execute(
                sql: """
                    UPDATE job SET audioSeconds = ?, outputFilename = ?, outputSizeBytes = ?, recordingFilename = NULL
                    WHERE id = ?
                    """,
                arguments: [audioSeconds, filename, size, job.id])
            return try Self.job(job.id, folder, db)
        }
        // What stays behind if the process ends here goes at the next start.
        try await blocking { try files.removeAll(but: done.outputURL) }
        return done
    }

    /// Ends a job that can't be done.
    /// - Throws: `LibraryError.claimLost`, `.unknownJob`.
    @discardableResult
    public func fail(_ job: Job, error: String) async throws -> Job {
        try await uncancelled { [self] in try await perform(.fail, on: job.id, error: error, claimedAs: job) }
    }

    /// Gives a job back, as when the server ends: it is pending again, with its finished chunks.
    /// - Throws: `LibraryError.claimLost`, `.unknownJob`.
    @discardableResult
    public func interrupt(_ job: Job) async throws -> Job {
        try await uncancelled { [self] in try await perform(.interrupt, on: job.id, claimedAs: job) }
    }

    func perform(
        _ action: JobAction, on id: String, error: String? = nil, claimedAs claimed: Job? = nil
    ) async throws -> Job {
        let date = now()
        return try await database.write { [folder] db in
            if let claimed { try Self.requireClaim(claimed, db) }
            try Self.perform(action, on: id, at: date, error: error, db)
            return try Self.job(id, folder, db)
        }
    }

    private static func requireChunk(_ index: Int, of id: String, _ db: Database) throws {
        let row = try Row.fetchOne(
            db, sql: "SELECT 1 FROM chunk WHERE jobId = ? AND position = ?", arguments: [id, index])
        guard row != nil else { throw LibraryError.unknownChunk(index, job: id) }
    }
}
