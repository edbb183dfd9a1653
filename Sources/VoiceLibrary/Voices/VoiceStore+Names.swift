import Foundation
import GRDB

extension VoiceStore {
    /// The aliases of a voice, in the order they were added.
    /// - Throws: `LibraryError.unknownVoice`.
    public func aliases(of nameOrAlias: String) async throws -> [String] {
        try await voice(nameOrAlias).aliases
    }

    /// Adds an alias. Nothing happens if the voice has it already.
    /// - Parameter name: the voice's name; an alias doesn't do.
    /// - Returns: the voice with all its aliases.
    /// - Throws: `LibraryError.unknownVoice`, `.invalid`, `.nameTaken`.
    @discardableResult
    public func addAlias(_ alias: String, to name: String) async throws -> Voice {
        let alias = try VoiceName(alias, field: "alias")
        return try await database.write { [folder] db in
            guard let id = try Self.id(name, orAlias: false, db) else { throw LibraryError.unknownVoice(name) }
            do {
                try Self.insertAlias(alias, of: id, db)
            } catch LibraryError.nameTaken(_, let voice, asAlias: true)
                where VoiceName.key(voice) == VoiceName.key(name)
            {
                // It has it.
            }
            return try Self.voice(id, folder: folder, db)
        }
    }

    /// Removes an alias.
    /// - Parameter name: the voice's name; an alias doesn't do.
    /// - Returns: the voice with the aliases that are left.
    /// - Throws: `LibraryError.unknownVoice`, `.unknownAlias`.
    @discardableResult
    public func removeAlias(_ alias: String, from name: String) async throws -> Voice {
        try await database.write { [folder] db in
            guard let id = try Self.id(name, orAlias: false, db) else { throw LibraryError.unknownVoice(name) }
            try db.execute(
                sql: "DELETE FROM voiceName WHERE key = ? AND voiceId = ? AND isAlias",
                arguments: [VoiceName.key(alias), id])
            guard db.changesCount == 1 else { throw LibraryError.unknownAlias(alias, voice: name) }
            return try Self.voice(id, folder: folder, db)
        }
    }

    /// All names, the newest voice first, then all aliases.
    public func allNames() async throws -> [String] {
        try await database.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT voiceName.name FROM voiceName JOIN voice ON voice.id = voiceName.voiceId
                    ORDER BY isAlias, voice.uploadDate DESC, voice.id DESC, voiceName.id
                    """)
        }
    }

    /// The voice that speaks if a request names none; nil if that was never said or was reset.
    public func defaultVoice() async throws -> Voice? {
        try await database.read { [folder] db in
            try Int64.fetchOne(db, sql: "SELECT voiceId FROM defaultVoice").map {
                try Self.voice($0, folder: folder, db)
            }
        }
    }

    /// - Throws: `LibraryError.unknownVoice`.
    @discardableResult
    public func setDefaultVoice(_ nameOrAlias: String) async throws -> Voice {
        try await database.write { [folder] db in
            guard let id = try Self.id(nameOrAlias, orAlias: true, db) else {
                throw LibraryError.unknownVoice(nameOrAlias)
            }
            try db.execute(sql: "INSERT OR REPLACE INTO defaultVoice VALUES (1, ?)", arguments: [id])
            return try Self.voice(id, folder: folder, db)
        }
    }

    public func resetDefaultVoice() async throws {
        try await database.write { try $0.execute(sql: "DELETE FROM defaultVoice") }
    }

    /// What `cleanup()` found.
    public struct Cleanup: Sendable, Equatable {
        /// Voices whose recording is gone; they are gone too now.
        public let removedVoices: [String]
        /// Files of the folder that belong to no voice. They stay.
        public let unknownFiles: [String]
    }

    /// Removes voices whose recording is gone, and names files that belong to none.
    public func cleanup() async throws -> Cleanup {
        try await database.write { [folder] db in
            let voices = try Row.fetchAll(db, sql: Voice.columns + " ORDER BY voice.id")
                .map { try Voice($0, folder: folder) }
            let missing = voices.filter { !$0.isPresent }
            for voice in missing {
                try db.execute(sql: "DELETE FROM voice WHERE filename = ?", arguments: [voice.filename])
            }
            let known = Set(voices.map(\.filename))
            let unknown = try Disk.names(in: folder).filter { name in
                !known.contains(name) && !Self.isOwnFile(name) && Disk.size(folder.appending(path: name)) != nil
            }
            return Cleanup(removedVoices: missing.map(\.name), unknownFiles: unknown)
        }
    }

    /// The database and its journals, a library's files of chatterbox-tts-api, hidden files.
    private static func isOwnFile(_ name: String) -> Bool {
        name.hasPrefix(".") || name.hasPrefix(databaseFilename)
            || [SiblingLibrary.metadataFilename, SiblingLibrary.settingsFilename].contains(name)
    }
}
