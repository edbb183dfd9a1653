import Foundation
import GRDB

/// A folder of voices: recordings as files, what is known of them in SQLite. Several tasks and several processes may
/// use one folder.
///
/// All functions throw `LibraryError`, or `CancellationError` if their task is cancelled; then nothing has happened.
public final class VoiceStore: Sendable {
    public static let databaseFilename = "library.sqlite"

    public let folder: URL
    public let maximumRecordingBytes: Int
    /// What came of voices.json, if this folder had one and is opened for the first time.
    public let firstImport: ImportReport?

    let database: LibraryDatabase
    let now: @Sendable () -> Date

    /// Opens a folder, or makes it. A voices.json of chatterbox-tts-api in it is imported the first time: its files
    /// stay where they are and are used from there.
    /// - Parameter now: the clock, for tests.
    /// - Throws: `LibraryError.disk`, `.database`, `.newerDatabase`.
    public init(
        folder: URL, maximumRecordingBytes: Int = 10 << 20, now: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        self.folder = folder.standardizedFileURL
        self.maximumRecordingBytes = maximumRecordingBytes
        self.now = now
        try Disk.makeFolder(folder)
        database = try LibraryDatabase(
            folder.appending(path: Self.databaseFilename), migrator: VoiceSchema.migrator)
        try Self.finishRemovals(in: folder, database, olderThan: now().addingTimeInterval(-3600))
        firstImport = try Self.importAtFirstOpen(
            folder: self.folder, database, limit: maximumRecordingBytes, now: now())
    }

    /// All voices, the newest first.
    public func voices() async throws -> [Voice] {
        try await database.read { [folder] db in
            try Row.fetchAll(db, sql: Voice.columns + " ORDER BY voice.uploadDate DESC, voice.id DESC")
                .map { try Voice($0, folder: folder) }
        }
    }

    /// The voice of a name or an alias.
    /// - Throws: `LibraryError.unknownVoice`.
    public func voice(_ nameOrAlias: String) async throws -> Voice {
        try await database.read { [folder] db in
            guard let id = try Self.id(nameOrAlias, orAlias: true, db) else {
                throw LibraryError.unknownVoice(nameOrAlias)
            }
            return try Self.voice(id, folder: folder, db)
        }
    }

    /// The bytes of a voice's recording.
    /// - Throws: `LibraryError.unknownVoice`, `.missingRecording`, `.disk`.
    public func recording(of nameOrAlias: String) async throws -> (voice: Voice, bytes: Data) {
        let voice = try await voice(nameOrAlias)
        return try await blocking {
            guard voice.isPresent else {
                throw LibraryError.missingRecording(voice: voice.name, path: voice.url.path)
            }
            return (voice, try Disk.read(voice.url))
        }
    }

    /// Adds a voice.
    /// - Parameters:
    ///   - recording: a file of sound as the client sent it; what is in it isn't looked at.
    ///   - originalFilename: its extension says the format.
    /// - Throws: `LibraryError.invalid` with the form's field, `.tooLarge`, `.nameTaken`, `.disk`.
    @discardableResult
    public func add(
        name: String, recording: Data, originalFilename: String, language: String = "en"
    ) async throws -> Voice {
        let name = try VoiceName(name, field: "voice_name")
        let language = try Self.language(language)
        let originalFilename = Self.plainFilename(originalFilename)
        let fileExtension = try Self.fileExtension(of: originalFilename)
        guard !recording.isEmpty else {
            throw LibraryError.invalid(field: "voice_file", value: "", allowed: "a recording that isn't empty")
        }
        guard recording.count <= maximumRecordingBytes else {
            throw LibraryError.tooLarge(
                field: "voice_file", byteCount: recording.count, maximum: maximumRecordingBytes)
        }
        let date = now()
        return try await database.write { [folder] db in
            try Self.requireFree(name, db)
            let new = NewVoice(
                name: name, filename: UUID().uuidString.lowercased() + "." + fileExtension,
                originalFilename: originalFilename, fileHash: ContentHash.md5.hex(recording),
                fileSizeBytes: recording.count, uploadDate: date, language: language)
            let url = folder.appending(path: new.filename)
            try Disk.write(recording, to: url)
            do {
                return try Self.voice(try Self.insert(new, db), folder: folder, db)
            } catch {
                try? Disk.remove(url)
                throw error
            }
        }
    }

    /// Gives a voice another name; its file and its aliases stay.
    /// - Parameter name: the voice's name; an alias doesn't do.
    /// - Throws: `LibraryError.unknownVoice`, `.invalid`, `.nameTaken`.
    @discardableResult
    public func rename(_ name: String, to newName: String) async throws -> Voice {
        let newName = try VoiceName(newName, field: "new_name")
        return try await database.write { [folder] db in
            guard let id = try Self.id(name, orAlias: false, db) else { throw LibraryError.unknownVoice(name) }
            if try Self.id(newName.text, orAlias: false, db) != id { try Self.requireFree(newName, db) }
            try db.execute(
                sql: "UPDATE voiceName SET name = ?, key = ? WHERE voiceId = ? AND NOT isAlias",
                arguments: [newName.text, newName.key, id])
            return try Self.voice(id, folder: folder, db)
        }
    }

    /// Removes a voice with its aliases and its file. If it was the default voice, there is none any more.
    /// - Parameter name: the voice's name; an alias doesn't do.
    /// - Throws: `LibraryError.unknownVoice`, `.disk`.
    public func delete(_ name: String) async throws {
        let filename = try await database.write { db in
            guard let id = try Self.id(name, orAlias: false, db) else { throw LibraryError.unknownVoice(name) }
            let filename = try String.fetchOne(db, sql: "SELECT filename FROM voice WHERE id = ?", arguments: [id])!
            // If the process ends here, the next start finds the file in this table.
            try db.execute(sql: "INSERT OR IGNORE INTO removal VALUES (?)", arguments: [filename])
            try db.execute(sql: "DELETE FROM voice WHERE id = ?", arguments: [id])
            return filename
        }
        let url = folder.appending(path: filename)
        try await blocking { try Disk.remove(url) }
        try await database.write { db in
            try db.execute(sql: "DELETE FROM removal WHERE filename = ?", arguments: [filename])
        }
    }
}
