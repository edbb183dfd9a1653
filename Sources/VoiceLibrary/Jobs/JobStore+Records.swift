import Foundation
import GRDB

extension Job {
    static func fetch(_ id: String, _ folder: URL, _ db: Database) throws -> Job? {
        try Row.fetchOne(db, sql: columns + " WHERE id = ?", arguments: [id]).map { try Job($0, folder: folder) }
    }
}

/// What all operations share.
extension JobStore {
    /// - Throws: `LibraryError.unknownJob`.
    static func job(_ id: String, _ folder: URL, _ db: Database) throws -> Job {
        guard let job = try Job.fetch(id, folder, db) else { throw LibraryError.unknownJob(id) }
        return job
    }

    static func requireJob(_ id: String, _ db: Database) throws {
        guard try Row.fetchOne(db, sql: "SELECT 1 FROM job WHERE id = ?", arguments: [id]) != nil else {
            throw LibraryError.unknownJob(id)
        }
    }

    /// Whether an action is possible.
    /// - Returns: the state that it leads to.
    /// - Throws: `LibraryError.unknownJob`, `.impossible`.
    @discardableResult
    static func require(_ action: JobAction, _ id: String, _ db: Database) throws -> JobState {
        guard let name = try String.fetchOne(db, sql: "SELECT state FROM job WHERE id = ?", arguments: [id]) else {
            throw LibraryError.unknownJob(id)
        }
        let state = JobState(rawValue: name)!
        guard let next = state.after(action) else {
            throw LibraryError.impossible(action, job: id, state: state, possible: state.possibleActions)
        }
        return next
    }

    /// Does an action: the state, and the times that go with it.
    /// - Throws: `LibraryError.unknownJob`, `.impossible`.
    static func perform(_ action: JobAction, on id: String, at date: Date, error: String? = nil, _ db: Database) throws
    {
        let next = try require(action, id, db)
        try db.execute(
            sql: """
                UPDATE job SET state = :state, updatedAt = :date, error = :error,
                    startedAt = CASE WHEN :isRunning THEN ifnull(startedAt, :date) ELSE startedAt END,
                    pausedAt = CASE WHEN :state = 'paused' THEN :date END,
                    completedAt = CASE WHEN :isFinal THEN :date END
                WHERE id = :id
                """,
            arguments: [
                "state": next.rawValue, "date": date, "error": error, "id": id, "isFinal": next.isFinal,
                "isRunning": next == .chunking || next == .processing,
            ])
        if next != .processing {
            try db.execute(
                sql: "UPDATE chunk SET state = 'pending', startedAt = NULL WHERE jobId = ? AND state = 'processing'",
                arguments: [id])
        }
    }

    /// Whether a worker still has the job that it took.
    /// - Throws: `LibraryError.unknownJob`, `.claimLost`.
    static func requireClaim(_ job: Job, _ db: Database) throws {
        guard let row = try Row.fetchOne(db, sql: "SELECT state, claim FROM job WHERE id = ?", arguments: [job.id])
        else {
            throw LibraryError.unknownJob(job.id)
        }
        let isRunning = [JobState.chunking.rawValue, JobState.processing.rawValue].contains(row["state"] as String)
        guard isRunning, row["claim"] == job.claim else { throw LibraryError.claimLost(job: job.id) }
    }

    /// Makes the files, then the row: a job in the database has all its files.
    func insert(_ new: NewJob, retryOf original: Job?, keeping kept: [JobChunk] = []) async throws -> Job {
        let id = UUID().uuidString.lowercased()
        let files = JobFiles(folder, job: id)
        let date = now()
        do {
            let recordingFilename = try await blocking {
                try Disk.makeFolder(files.folder)
                for chunk in kept {
                    guard let audio = chunk.audioURL else { continue }
                    try Disk.duplicate(audio, to: files.url(audio.lastPathComponent))
                }
                if let recording = new.recording {
                    let filename = "recording." + recording.fileExtension.lowercased()
                    try Disk.write(recording.bytes, to: files.url(filename))
                    return filename as String?
                }
                guard let recording = original?.recordingURL else { return nil }
                try Disk.duplicate(recording, to: files.url(recording.lastPathComponent))
                return recording.lastPathComponent
            }
            return try await database.write { [folder] db in
                try db.execute(
                    sql: """
                        INSERT INTO job (id, state, displayName, preview, text, textLength, textHash, createdAt, updatedAt, voice,
                            recordingFilename, responseFormat, parameters, sessionId, owner, tags, retryCount, originalJobId)
                        VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        id, new.displayName, Self.preview(new.text), new.text, new.text.unicodeScalars.count,
                        ContentHash.sha256.hex(Data(new.text.utf8)), date, date, new.voice, recordingFilename,
                        new.responseFormat, new.parameters, new.sessionID, new.owner, try Self.json(new.tags),
                        original.map { $0.retryCount + 1 } ?? 0, original?.id,
                    ])
                try Self.insert(new.chunks, into: id, db)
                for chunk in kept {
                    try db.execute(
                        sql: """
                            UPDATE chunk SET state = 'completed', audioFilename = ?, sampleCount = ?, seconds = ?,
                                startedAt = ?, completedAt = ? WHERE jobId = ? AND position = ?
                            """,
                        arguments: [
                            chunk.audioURL?.lastPathComponent, chunk.sampleCount, chunk.seconds, chunk.startedAt,
                            chunk.completedAt, id, chunk.index,
                        ])
                }
                return try Self.job(id, folder, db)
            }
        } catch {
            try? Disk.removeFolder(files.folder)
            throw error
        }
    }

    static func insert(_ chunks: [NewChunk], into id: String, _ db: Database) throws {
        for (index, chunk) in chunks.enumerated() {
            try db.execute(
                sql: "INSERT INTO chunk (jobId, position, text, pauseAfterMs, state) VALUES (?, ?, ?, ?, 'pending')",
                arguments: [id, index, chunk.text, chunk.pauseAfterMs])
        }
    }

    /// Every file that a job needs, as `job-<id>/<file>`, and every job's folder.
    static func knownFiles(_ db: Database) throws -> Set<String> {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT id, NULL AS filename FROM job
                UNION ALL SELECT id, recordingFilename FROM job UNION ALL SELECT id, outputFilename FROM job
                UNION ALL SELECT jobId, audioFilename FROM chunk JOIN job ON id = jobId WHERE job.state <> 'completed'
                """)
        return Set(
            rows.map { row in
                let folder = JobFiles.prefix + (row["id"] as String)
                return (row["filename"] as String?).map { "\(folder)/\($0)" } ?? folder
            })
    }

    /// Removes what a killed process left: folders of deleted jobs or of such as never came to be, and files that no
    /// row names. Only in folders that are called as ours are: the folder may hold other things.
    static func removeStrays(in folder: URL, known: Set<String>) throws {
        for name in try Disk.names(in: folder) where name.hasPrefix(JobFiles.prefix) {
            guard UUID(uuidString: String(name.dropFirst(JobFiles.prefix.count))) != nil else { continue }
            let url = folder.appending(path: name)
            guard known.contains(name) else {
                try Disk.removeFolder(url)
                continue
            }
            for file in try Disk.names(in: url) where !known.contains("\(name)/\(file)") {
                let stray = url.appending(path: file)
                if Disk.size(stray) != nil { try Disk.remove(stray) }
            }
        }
    }

    private static func preview(_ text: String) -> String {
        let scalars = text.unicodeScalars
        return scalars.count > 100 ? String(scalars.prefix(100)) + "..." : text
    }

    static func json(_ tags: [String]) throws -> String {
        String(decoding: try JSONEncoder().encode(tags), as: UTF8.self)
    }
}
