import Foundation
import GRDB

/// The tables of jobs. A migration that was released never changes; new ones follow it.
enum JobSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 jobs") { db in
            try db.execute(
                sql: """
                    CREATE TABLE job (
                        -- the order in which they came
                        number INTEGER PRIMARY KEY AUTOINCREMENT,
                        id TEXT NOT NULL UNIQUE,
                        state TEXT NOT NULL CHECK (state IN
                            ('pending', 'chunking', 'processing', 'paused', 'completed', 'failed', 'cancelled')),
                        -- how often a worker took it
                        claim INTEGER NOT NULL DEFAULT 0,
                        displayName TEXT,
                        preview TEXT NOT NULL,
                        textLength INTEGER NOT NULL,
                        textHash TEXT NOT NULL,
                        createdAt TEXT NOT NULL,
                        updatedAt TEXT NOT NULL,
                        startedAt TEXT,
                        pausedAt TEXT,
                        completedAt TEXT,
                        lastAccessedAt TEXT,
                        voice TEXT,
                        recordingFilename TEXT,
                        responseFormat TEXT NOT NULL,
                        parameters TEXT NOT NULL,
                        sessionId TEXT,
                        error TEXT,
                        isArchived INTEGER NOT NULL DEFAULT 0,
                        tags TEXT NOT NULL,
                        retryCount INTEGER NOT NULL DEFAULT 0,
                        originalJobId TEXT,
                        audioSeconds REAL,
                        outputFilename TEXT,
                        outputSizeBytes INTEGER,
                        -- last: what is behind a long value is slow to read
                        text TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX jobsByState ON job(state, number);

                    CREATE TABLE chunk (
                        jobId TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE,
                        position INTEGER NOT NULL,
                        text TEXT NOT NULL,
                        pauseAfterMs INTEGER NOT NULL,
                        state TEXT NOT NULL CHECK (state IN ('pending', 'processing', 'completed', 'failed')),
                        audioFilename TEXT,
                        sampleCount INTEGER,
                        seconds REAL,
                        error TEXT,
                        startedAt TEXT,
                        completedAt TEXT,
                        PRIMARY KEY (jobId, position)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("2 owners") { db in
            try db.execute(
                sql: """
                    ALTER TABLE job ADD COLUMN owner TEXT;
                    CREATE INDEX jobsByOwner ON job(owner, number);
                    """)
        }
        return migrator
    }
}

extension Job {
    /// Columns of every query that makes jobs.
    static let columns = """
        SELECT number, id, state, claim, displayName, preview, textLength, textHash, createdAt, updatedAt, startedAt,
            pausedAt, completedAt, lastAccessedAt, voice, recordingFilename, responseFormat, parameters, sessionId, owner, error,
            isArchived, tags, retryCount, originalJobId, audioSeconds, outputFilename, outputSizeBytes,
            (SELECT json_object(
                'total', count(*), 'completed', count(*) FILTER (WHERE state = 'completed'),
                'current', min(position) FILTER (WHERE state = 'processing'), 'seconds', total(seconds),
                'doneCharacters', ifnull(sum(length(text)) FILTER (WHERE state = 'completed'), 0),
                'openCharacters', ifnull(sum(length(text)) FILTER (WHERE state <> 'completed'), 0)
            ) FROM chunk WHERE jobId = job.id) AS chunks
        FROM job
        """

    /// What is known of all chunks of a job together.
    private struct Chunks: Decodable {
        let total: Int
        let completed: Int
        let current: Int?
        let seconds: Double
        let doneCharacters: Int
        let openCharacters: Int
    }

    init(_ row: Row, folder: URL) throws {
        id = row["id"]
        state = JobState(rawValue: row["state"])!
        claim = row["claim"]
        displayName = row["displayName"]
        textPreview = row["preview"]
        textLength = row["textLength"]
        textHash = row["textHash"]
        createdAt = row["createdAt"]
        updatedAt = row["updatedAt"]
        startedAt = row["startedAt"]
        pausedAt = row["pausedAt"]
        completedAt = row["completedAt"]
        lastAccessedAt = row["lastAccessedAt"]
        voice = row["voice"]
        let files = JobFiles(folder, job: id)
        recordingURL = (row["recordingFilename"] as String?).map(files.url)
        responseFormat = row["responseFormat"]
        parameters = row["parameters"]
        sessionID = row["sessionId"]
        owner = row["owner"]
        error = row["error"]
        isArchived = row["isArchived"]
        tags = try JSONDecoder().decode([String].self, from: Data((row["tags"] as String).utf8))
        retryCount = row["retryCount"]
        originalJobID = row["originalJobId"]
        audioSeconds = row["audioSeconds"]
        outputURL = (row["outputFilename"] as String?).map(files.url)
        outputSizeBytes = row["outputSizeBytes"]
        let chunks = try JSONDecoder().decode(Chunks.self, from: Data((row["chunks"] as String).utf8))
        processingSeconds = chunks.seconds
        progress = JobProgress(
            totalChunks: chunks.total, completedChunks: chunks.completed, currentChunk: chunks.current,
            remainingSeconds: state.isFinal || chunks.doneCharacters == 0
                ? nil : chunks.seconds / Double(chunks.doneCharacters) * Double(chunks.openCharacters))
    }
}

extension JobChunk {
    init(_ row: Row, files: JobFiles) {
        index = row["position"]
        text = row["text"]
        pauseAfterMs = row["pauseAfterMs"]
        state = State(rawValue: row["state"])!
        audioURL = (row["audioFilename"] as String?).map(files.url)
        sampleCount = row["sampleCount"]
        seconds = row["seconds"]
        error = row["error"]
        startedAt = row["startedAt"]
        completedAt = row["completedAt"]
    }
}

/// The files of one job: a folder `job-<id>` in that of the store.
struct JobFiles: Sendable {
    static let prefix = "job-"

    let folder: URL

    init(_ storeFolder: URL, job: String) { folder = storeFolder.appending(path: Self.prefix + job) }

    func url(_ filename: String) -> URL { folder.appending(path: filename) }

    /// - Throws: `LibraryError.disk`.
    func removeAll(but kept: URL?) throws(LibraryError) {
        for name in try Disk.names(in: folder) where name != kept?.lastPathComponent { try Disk.remove(url(name)) }
    }

    /// The result while a worker writes it.
    func draft(claim: Int) -> URL { url("output-\(claim)" + Disk.draftSuffix) }
}
