import Foundation

/// A voices/ folder as chatterbox-tts-api 2.1 writes it: voices.json, config.json and the recordings.
/// Source: travisvn/chatterbox-tts-api app/core/voice_library.py
struct SiblingLibrary {
    static let metadataFilename = "voices.json"
    static let settingsFilename = "config.json"

    let folder: URL
    /// By name, in the order of names: the file has no order that means anything.
    let voices: [(name: String, entry: Entry)]
    let defaultVoice: String?
    /// What couldn't be read, other than voices.
    let problems: [String]

    enum Entry {
        case voice(Details)
        case unreadable(String)
    }

    struct Details: Decodable {
        var filename: String?
        var path: String?
        var originalFilename: String?
        var fileHash: String?
        var uploadDate: String?
        var language: String?
        var aliases: [String]?

        enum CodingKeys: String, CodingKey {
            case filename, path, language, aliases
            case originalFilename = "original_filename"
            case fileHash = "file_hash"
            case uploadDate = "upload_date"
        }
    }

    static func isThere(_ folder: URL) -> Bool { Disk.size(folder.appending(path: metadataFilename)) != nil }

    /// - Throws: `LibraryError.notALibrary`.
    init(_ folder: URL) throws(LibraryError) {
        self.folder = folder
        let metadata: Metadata
        do {
            metadata = try JSONDecoder().decode(
                Metadata.self, from: Disk.read(folder.appending(path: Self.metadataFilename)))
        } catch let error as LibraryError {
            throw .notALibrary(folder: folder.path, problem: "\(error)")
        } catch {
            throw .notALibrary(
                folder: folder.path, problem: "\(Self.metadataFilename) can't be read: \(Self.text(error))")
        }
        voices = metadata.voices.sorted { $0.key < $1.key }.map { ($0.key, $0.value.entry) }
        let settings = folder.appending(path: Self.settingsFilename)
        guard Disk.size(settings) != nil else {
            (defaultVoice, problems) = (nil, [])
            return
        }
        do {
            (defaultVoice, problems) = (
                try JSONDecoder().decode(Settings.self, from: Disk.read(settings)).defaultVoice, []
            )
        } catch {
            (defaultVoice, problems) = (nil, ["\(Self.settingsFilename) can't be read: \(Self.text(error))"])
        }
    }

    /// The recording of an entry: only a name in this folder counts, wherever the other server had it.
    func filename(of details: Details) -> String? {
        [details.filename, details.path].compactMap { $0.map(VoiceStore.plainFilename) }.first {
            !$0.hasPrefix(".") && Disk.size(folder.appending(path: $0)) != nil
        }
    }

    /// Python's `datetime.isoformat()` without a zone, which means the local one.
    static func date(_ text: String) -> Date? {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        for format in ["yyyy-MM-dd'T'HH:mm:ss.SSSSSS", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"] {
            formatter.dateFormat = format
            if let date = formatter.date(from: text) { return date }
        }
        return try? Date(text, strategy: .iso8601)
    }

    private struct Metadata: Decodable {
        let voices: [String: Lenient]
    }

    private struct Settings: Decodable {
        let defaultVoice: String?
        enum CodingKeys: String, CodingKey { case defaultVoice = "default_voice" }
    }

    /// One bad entry must not cost the others.
    private struct Lenient: Decodable {
        let entry: Entry

        init(from decoder: any Decoder) throws {
            do {
                entry = .voice(try Details(from: decoder))
            } catch {
                entry = .unreadable(SiblingLibrary.text(error))
            }
        }
    }

    private static func text(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        let context: DecodingError.Context =
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
                .dataCorrupted(let context):
                context
            @unknown default: .init(codingPath: [], debugDescription: error.localizedDescription)
            }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    }
}
