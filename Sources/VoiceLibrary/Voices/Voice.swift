import Foundation
import GRDB

/// A voice of the library: a recording that speech is cloned from, and what it is called.
public struct Voice: Sendable, Equatable {
    /// Extensions that recordings may have, without the dot.
    public static let fileExtensions = [
        "mp3", "wav", "flac", "m4a", "ogg", "opus", "aac", "webm", "mp4", "aiff",
    ]

    public let name: String
    /// Of the file in the library's folder. Made by the library, never by a client.
    public let filename: String
    /// What the client called the file.
    public let originalFilename: String
    /// MD5 of the recording, hexadecimal.
    public let fileHash: String
    public let fileSizeBytes: Int
    public let uploadDate: Date
    /// Of what is spoken, as `en`.
    public let language: String
    /// In the order they were added.
    public let aliases: [String]
    /// The recording.
    public let url: URL

    /// With the dot, as `.wav`.
    public var fileExtension: String { "." + url.pathExtension.lowercased() }
    /// False if somebody took the recording away.
    public var isPresent: Bool { Disk.size(url) != nil }
}

extension Voice {
    /// Columns of every query that makes voices.
    static let columns = """
        SELECT voice.*, voiceName.name,
            (SELECT json_group_array(name) FROM
                (SELECT name FROM voiceName WHERE voiceId = voice.id AND isAlias ORDER BY id)) AS aliases
        FROM voice JOIN voiceName ON voiceName.voiceId = voice.id AND NOT voiceName.isAlias
        """

    init(_ row: Row, folder: URL) throws {
        name = row["name"]
        filename = row["filename"]
        originalFilename = row["originalFilename"]
        fileHash = row["fileHash"]
        fileSizeBytes = row["fileSizeBytes"]
        uploadDate = row["uploadDate"]
        language = row["language"]
        aliases = try JSONDecoder().decode([String].self, from: Data((row["aliases"] as String).utf8))
        url = folder.appending(path: filename)
    }
}
