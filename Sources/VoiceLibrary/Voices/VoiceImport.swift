import Foundation
import GRDB

/// What came of importing a folder.
public struct ImportReport: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        /// The voice's name in the imported folder.
        public let name: String
        public let outcome: Outcome
    }

    public enum Outcome: Sendable, Equatable {
        /// With what isn't quite as it was there.
        case imported(notes: [String])
        case skipped(reason: String)
    }

    /// The imported folder.
    public let folder: URL
    /// In the order of names.
    public let entries: [Entry]
    /// The name of the default voice, if the import set it.
    public let defaultVoice: String?
    /// What couldn't be read, other than voices.
    public let problems: [String]

    public var importedCount: Int {
        entries.count { if case .imported = $0.outcome { true } else { false } }
    }
}

extension ImportReport: CustomStringConvertible {
    public var description: String {
        var lines = ["\(importedCount) of \(entries.count) voices imported from \(folder.path)."]
        for entry in entries {
            switch entry.outcome {
            case .imported(let notes) where notes.isEmpty: lines.append("  \(entry.name)")
            case .imported(let notes): lines.append("  \(entry.name): " + notes.joined(separator: "; "))
            case .skipped(let reason): lines.append("  not imported: \(entry.name): \(reason)")
            }
        }
        if let defaultVoice { lines.append("  default voice: \(defaultVoice)") }
        return (lines + problems.map { "  " + $0 }).joined(separator: "\n")
    }
}

extension VoiceStore {
    /// Imports the voices/ folder of a chatterbox-tts-api server. Files of another folder are copied; those of this
    /// one stay where they are and are used from there. May be done again: what is here already is skipped.
    /// - Throws: `LibraryError.notALibrary`, `.disk`.
    public func importFolder(_ source: URL) async throws -> ImportReport {
        let date = now()
        return try await database.write { [folder, maximumRecordingBytes] db in
            try Self.importLibrary(
                SiblingLibrary(source.standardizedFileURL), into: folder, limit: maximumRecordingBytes, date: date, db)
        }
    }

    /// A broken voices.json is reported and doesn't hinder the start; it is tried again at the next one.
    static func importAtFirstOpen(
        folder: URL, _ database: LibraryDatabase, limit: Int, now: Date
    ) throws -> ImportReport? {
        guard SiblingLibrary.isThere(folder) else { return nil }
        return try database.writeNow { db in
            guard try Row.fetchOne(db, sql: "SELECT 1 FROM imported WHERE source = '.'") == nil else { return nil }
            let library: SiblingLibrary
            do {
                library = try SiblingLibrary(folder)
            } catch {
                return ImportReport(folder: folder, entries: [], defaultVoice: nil, problems: ["\(error)"])
            }
            let report = try importLibrary(library, into: folder, limit: limit, date: now, db)
            try db.execute(sql: "INSERT INTO imported VALUES ('.', ?)", arguments: [now])
            return report
        }
    }

    private static func importLibrary(
        _ library: SiblingLibrary, into folder: URL, limit: Int, date: Date, _ db: Database
    ) throws -> ImportReport {
        var entries: [ImportReport.Entry] = []
        for (name, entry) in library.voices {
            let outcome: ImportReport.Outcome
            do {
                outcome = .imported(notes: try importVoice(name, entry, library, into: folder, limit, date, db))
            } catch let error as LibraryError {
                outcome = .skipped(reason: "\(error)")
            } catch let skip as Skip {
                outcome = .skipped(reason: skip.reason)
            }
            entries.append(.init(name: name, outcome: outcome))
        }
        var problems = library.problems
        var newDefault: String?
        if let name = library.defaultVoice, try Row.fetchOne(db, sql: "SELECT 1 FROM defaultVoice") == nil {
            if let id = try id(name, orAlias: true, db) {
                try db.execute(sql: "INSERT INTO defaultVoice VALUES (1, ?)", arguments: [id])
                newDefault = try voice(id, folder: folder, db).name
            } else {
                problems.append("The default voice \(name) isn't among the voices.")
            }
        }
        return ImportReport(folder: library.folder, entries: entries, defaultVoice: newDefault, problems: problems)
    }

    private struct Skip: Error {
        let reason: String
    }

    /// - Returns: notes.
    private static func importVoice(
        _ name: String, _ entry: SiblingLibrary.Entry, _ library: SiblingLibrary, into folder: URL, _ limit: Int,
        _ date: Date, _ db: Database
    ) throws -> [String] {
        guard case .voice(let details) = entry else {
            if case .unreadable(let problem) = entry { throw Skip(reason: "its entry can't be read: \(problem)") }
            throw Skip(reason: "its entry can't be read")
        }
        let name = try VoiceName(name, field: "voice_name")
        guard let sourceFilename = library.filename(of: details) else {
            throw Skip(reason: "its file \(details.filename ?? details.path ?? "") isn't in the folder")
        }
        let source = library.folder.appending(path: sourceFilename)
        let byteCount = Disk.size(source) ?? 0
        guard byteCount <= limit else {
            throw LibraryError.tooLarge(field: "voice_file", byteCount: byteCount, maximum: limit)
        }
        let fileExtension = try fileExtension(of: sourceFilename)
        let recording = try Disk.read(source)
        let hash = ContentHash.md5.hex(recording)
        if let id = try id(name.text, orAlias: true, db), try voice(id, folder: folder, db).fileHash == hash {
            throw Skip(reason: "it is here already")
        }
        try requireFree(name, db)

        var notes: [String] = []
        if let expected = details.fileHash, expected.lowercased() != hash {
            notes.append("its file isn't the one that was uploaded (other MD5)")
        }
        let language = try? language(details.language ?? "en")
        if language == nil { notes.append("language \(details.language ?? "") isn't a code; en is taken") }

        let isInPlace = source.deletingLastPathComponent().standardizedFileURL.path == folder.path
        let filename = isInPlace ? sourceFilename : UUID().uuidString.lowercased() + "." + fileExtension
        if isInPlace, try Row.fetchOne(db, sql: "SELECT 1 FROM voice WHERE filename = ?", arguments: [filename]) != nil
        {
            throw Skip(reason: "its file \(filename) belongs to another voice")
        }
        if !isInPlace { try Disk.write(recording, to: folder.appending(path: filename)) }
        let id = try insert(
            NewVoice(
                name: name, filename: filename,
                originalFilename: plainFilename(details.originalFilename ?? sourceFilename), fileHash: hash,
                fileSizeBytes: recording.count,
                uploadDate: details.uploadDate.flatMap(SiblingLibrary.date) ?? Disk.changed(source) ?? date,
                language: language ?? "en"), db)
        for alias in details.aliases ?? [] {
            do {
                try insertAlias(try VoiceName(alias, field: "alias"), of: id, db)
            } catch let error as LibraryError {
                notes.append("without alias \(alias): \(error)")
            }
        }
        return notes
    }
}
