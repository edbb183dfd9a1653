import Foundation
import GRDB

/// What clients do to a job.
extension JobStore {
    /// Stops a job until `resume`. The worker hears of it with its next chunk.
    /// - Throws: `LibraryError.unknownJob`, `.impossible`.
    @discardableResult
    public func pause(_ id: String) async throws -> Job { try await perform(.pause, on: id) }

    /// - Throws: `LibraryError.unknownJob`, `.impossible`.
    @discardableResult
    public func resume(_ id: String) async throws -> Job { try await perform(.resume, on: id) }

    /// Ends a job; what it has made stays, for a retry.
    /// - Throws: `LibraryError.unknownJob`, `.impossible`.
    @discardableResult
    public func cancel(_ id: String) async throws -> Job { try await perform(.cancel, on: id) }

    /// Makes a new job of one that failed or was cancelled; the old one stays as it is.
    /// - Parameters:
    ///   - preserveChunks: whether the new job takes over what was finished.
    ///   - newParameters: a JSON object: its values replace those of the old job, null removes one.
    /// - Throws: `LibraryError.unknownJob`, `.impossible`, `.invalid`, `.disk`.
    public func retry(_ id: String, preserveChunks: Bool = true, newParameters: String? = nil) async throws -> Job {
        if let newParameters { _ = try Self.object(newParameters, field: "new_parameters") }
        let (job, text, chunks, parameters) = try await database.read { [folder] db in
            try Self.require(.retry, id, db)
            let row = try Row.fetchOne(
                db, sql: "SELECT text, json_patch(parameters, ?) AS parameters FROM job WHERE id = ?",
                arguments: [newParameters ?? "{}", id])!
            let files = JobFiles(folder, job: id)
            let chunks = try Row.fetchAll(
                db, sql: "SELECT * FROM chunk WHERE jobId = ? ORDER BY position", arguments: [id]
            ).map { JobChunk($0, files: files) }
            return (try Self.job(id, folder, db), row["text"] as String, chunks, row["parameters"] as String)
        }
        var new = NewJob(text: text)
        new.chunks = chunks.map { NewChunk(text: $0.text, pauseAfterMs: $0.pauseAfterMs) }
        (new.displayName, new.voice, new.responseFormat) = (job.displayName, job.voice, job.responseFormat)
        (new.parameters, new.sessionID, new.owner, new.tags) = (parameters, job.sessionID, job.owner, job.tags)
        let kept =
            preserveChunks
            ? chunks.filter { $0.state == .completed && $0.audioURL.map { Disk.size($0) != nil } == true } : []
        return try await insert(new, retryOf: job, keeping: kept)
    }

    /// Removes a job with its files, whatever state it is in.
    /// - Throws: `LibraryError.unknownJob`, `.disk`.
    public func delete(_ id: String) async throws {
        try await database.write { db in
            try db.execute(sql: "DELETE FROM job WHERE id = ?", arguments: [id])
            guard db.changesCount == 1 else { throw LibraryError.unknownJob(id) }
        }
        // If the process ends here, the next start finds a folder without a job.
        let files = JobFiles(folder, job: id)
        try await blocking { try Disk.removeFolder(files.folder) }
    }

    /// Changes what is given; an empty name removes the name.
    /// - Throws: `LibraryError.unknownJob`, `.invalid`.
    @discardableResult
    public func update(
        _ id: String, displayName: String? = nil, isArchived: Bool? = nil, tags: [String]? = nil
    ) async throws -> Job {
        let newName = try Self.displayName(displayName)
        let newTags = try tags.map { try Self.json(try Self.tags($0)) }
        let date = now()
        return try await database.write { [folder] db in
            try Self.requireJob(id, db)
            try db.execute(
                sql: """
                    UPDATE job SET updatedAt = :date, lastAccessedAt = :date,
                        displayName = CASE WHEN :hasName THEN :name ELSE displayName END,
                        isArchived = ifnull(:isArchived, isArchived), tags = ifnull(:tags, tags)
                    WHERE id = :id
                    """,
                arguments: [
                    "date": date, "hasName": displayName != nil, "name": newName, "isArchived": isArchived,
                    "tags": newTags, "id": id,
                ])
            return try Self.job(id, folder, db)
        }
    }

    /// Notes that somebody looked at a job.
    /// - Throws: `LibraryError.unknownJob`.
    public func touch(_ id: String) async throws {
        let date = now()
        try await database.write { db in
            try db.execute(sql: "UPDATE job SET lastAccessedAt = ? WHERE id = ?", arguments: [date, id])
            guard db.changesCount == 1 else { throw LibraryError.unknownJob(id) }
        }
    }

    public enum BulkAction: String, Sendable, CaseIterable { case delete, archive, unarchive, retry }

    public struct BulkResult: Sendable, Equatable {
        public let succeeded: [String]
        /// With why.
        public let failed: [(id: String, error: LibraryError)]
        /// Jobs that `retry` made.
        public let newJobs: [Job]

        public static func == (left: BulkResult, right: BulkResult) -> Bool {
            left.succeeded == right.succeeded && left.newJobs == right.newJobs
                && left.failed.elementsEqual(right.failed) { $0 == $1 }
        }
    }

    /// - Parameter owner: others' jobs are unknown; nil knows all.
    /// - Throws: `LibraryError.unknownJob`.
    public func requireJob(_ id: String, of owner: String?) async throws {
        guard let owner else { return }
        let isTheirs = try await database.read { db in
            try Bool.fetchOne(db, sql: "SELECT owner = ? FROM job WHERE id = ?", arguments: [owner, id])
        }
        guard isTheirs == true else { throw LibraryError.unknownJob(id) }
    }

    /// Does the same to several jobs; one that fails doesn't hinder the others.
    /// - Parameter owner: others' jobs are unknown; nil knows all.
    public func perform(
        _ action: BulkAction, onAll ids: [String], of owner: String? = nil
    ) async throws -> BulkResult {
        var succeeded: [String] = []
        var failed: [(id: String, error: LibraryError)] = []
        var newJobs: [Job] = []
        for id in ids {
            do {
                try await requireJob(id, of: owner)
                switch action {
                case .delete: try await delete(id)
                case .archive: try await update(id, isArchived: true)
                case .unarchive: try await update(id, isArchived: false)
                case .retry: newJobs.append(try await retry(id))
                }
                succeeded.append(id)
            } catch let error as LibraryError {
                failed.append((id, error))
            }
        }
        return BulkResult(succeeded: succeeded, failed: failed, newJobs: newJobs)
    }

    /// Deletes jobs that ended more than some days ago and aren't archived.
    /// - Returns: their ids.
    public func deleteEnded(olderThanDays days: Double) async throws -> [String] {
        try await deleteEnded(before: now().addingTimeInterval(-days * 86400), sessionID: nil, owner: nil)
    }

    /// Deletes all jobs that ended and aren't archived.
    /// - Returns: their ids.
    public func clearHistory(sessionID: String? = nil, owner: String? = nil) async throws -> [String] {
        try await deleteEnded(before: .distantFuture, sessionID: sessionID, owner: owner)
    }

    private func deleteEnded(before limit: Date, sessionID: String?, owner: String?) async throws -> [String] {
        let ids = try await database.write { db in
            try String.fetchAll(
                db,
                sql: """
                    DELETE FROM job WHERE state IN ('completed', 'failed', 'cancelled') AND NOT isArchived
                        AND ifnull(completedAt, updatedAt) < :limit AND (:session IS NULL OR sessionId = :session)
                        AND (:owner IS NULL OR owner = :owner)
                    RETURNING id
                    """, arguments: ["limit": limit, "session": sessionID, "owner": owner])
        }
        let files = ids.map { JobFiles(folder, job: $0) }
        try await blocking { for job in files { try Disk.removeFolder(job.folder) } }
        return ids
    }
}
