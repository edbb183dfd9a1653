import Foundation
import GRDB

/// A voice that isn't in the database yet.
struct NewVoice: Sendable {
    let name: VoiceName
    let filename: String
    let originalFilename: String
    let fileHash: String
    let fileSizeBytes: Int
    let uploadDate: Date
    let language: String
}

/// What all operations share; inside transactions.
extension VoiceStore {
    static func id(_ name: String, orAlias: Bool, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db, sql: "SELECT voiceId FROM voiceName WHERE key = ? AND (NOT isAlias OR ?)",
            arguments: [VoiceName.key(name), orAlias])
    }

    static func voice(_ id: Int64, folder: URL, _ db: Database) throws -> Voice {
        let row = try Row.fetchOne(db, sql: Voice.columns + " WHERE voice.id = ?", arguments: [id])
        return try Voice(row!, folder: folder)
    }

    /// - Throws: `LibraryError.nameTaken`.
    static func requireFree(_ name: VoiceName, _ db: Database) throws {
        guard
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT taken.isAlias, own.name FROM voiceName AS taken
                    JOIN voiceName AS own ON own.voiceId = taken.voiceId AND NOT own.isAlias WHERE taken.key = ?
                    """, arguments: [name.key])
        else { return }
        throw LibraryError.nameTaken(name.text, voice: row["name"], asAlias: row["isAlias"])
    }

    static func insert(_ new: NewVoice, _ db: Database) throws -> Int64 {
        try db.execute(
            sql: """
                INSERT INTO voice (filename, originalFilename, fileHash, fileSizeBytes, uploadDate, language)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                new.filename, new.originalFilename, new.fileHash, new.fileSizeBytes, new.uploadDate, new.language,
            ])
        let id = db.lastInsertedRowID
        try db.execute(
            sql: "INSERT INTO voiceName (key, name, voiceId, isAlias) VALUES (?, ?, ?, FALSE)",
            arguments: [new.name.key, new.name.text, id])
        return id
    }

    /// - Throws: `LibraryError.nameTaken`.
    static func insertAlias(_ alias: VoiceName, of id: Int64, _ db: Database) throws {
        try requireFree(alias, db)
        try db.execute(
            sql: "INSERT INTO voiceName (key, name, voiceId, isAlias) VALUES (?, ?, ?, TRUE)",
            arguments: [alias.key, alias.text, id])
    }

    /// Finishes what a killed process began: files of deleted voices, and half a file that nobody writes any more.
    static func finishRemovals(in folder: URL, _ database: LibraryDatabase, olderThan limit: Date) throws {
        try database.writeNow { db in
            for filename in try String.fetchAll(db, sql: "SELECT filename FROM removal") {
                try Disk.remove(folder.appending(path: filename))
            }
            try db.execute(sql: "DELETE FROM removal")
        }
        for name in try Disk.names(in: folder) where name.hasPrefix(".") && name.hasSuffix(Disk.draftSuffix) {
            let draft = folder.appending(path: name)
            // A younger one may belong to another process.
            if let changed = Disk.changed(draft), changed < limit { try Disk.remove(draft) }
        }
    }

    /// - Throws: `LibraryError.invalid`.
    static func language(_ text: String) throws(LibraryError) -> String {
        let code = text.trimmingCharacters(in: .whitespaces).lowercased()
        let parts = code.split(separator: "-", omittingEmptySubsequences: false)
        guard code.utf8.count <= 35, parts.allSatisfy({ (2...8).contains($0.count) }), (2...3).contains(parts[0].count),
            code.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
        else { throw .invalid(field: "language", value: text, allowed: "a language code such as en or pt-br") }
        return code
    }

    /// - Returns: in small letters, without the dot.
    /// - Throws: `LibraryError.invalid`.
    static func fileExtension(of filename: String) throws(LibraryError) -> String {
        let fileExtension = filename.split(separator: ".", omittingEmptySubsequences: false).last?.lowercased() ?? ""
        guard filename.contains("."), Voice.fileExtensions.contains(fileExtension) else {
            let allowed = Voice.fileExtensions.map { "." + $0 }.joined(separator: ", ")
            throw .invalid(field: "voice_file", value: filename, allowed: "a file named \(allowed)")
        }
        return fileExtension
    }

    /// What is left of a client's file name: without folders and control characters, the last 255 characters of it.
    static func plainFilename(_ filename: String) -> String {
        let last = filename.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? ""
        return String(String(last.unicodeScalars.filter { $0.properties.generalCategory != .control }).suffix(255))
    }
}
