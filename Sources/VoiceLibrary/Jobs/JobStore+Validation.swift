import Foundation

extension JobStore {
    public static let maximumNameLength = 200
    public static let maximumTagCount = 20
    public static let maximumTagLength = 50

    static func validate(_ new: NewJob) throws(LibraryError) {
        guard !new.text.allSatisfy(\.isWhitespace) else {
            throw .invalid(field: "input", value: new.text, allowed: "a text that isn't empty")
        }
        try validate(new.chunks)
        _ = try displayName(new.displayName)
        _ = try tags(new.tags)
        _ = try object(new.parameters, field: "parameters")
        // Becomes part of a file's name.
        try validateExtension(new.responseFormat, field: "response_format")
        if let recording = new.recording {
            try validateExtension(recording.fileExtension, field: "voice_file")
            guard !recording.bytes.isEmpty else {
                throw .invalid(field: "voice_file", value: "", allowed: "a recording that isn't empty")
            }
        }
    }

    static func validate(_ chunks: [NewChunk]) throws(LibraryError) {
        for chunk in chunks {
            guard !chunk.text.isEmpty else {
                throw .invalid(field: "chunk", value: "", allowed: "a text that isn't empty")
            }
            guard (0...60_000).contains(chunk.pauseAfterMs) else {
                throw .invalid(field: "pause_ms", value: "\(chunk.pauseAfterMs)", allowed: "0 to 60000")
            }
        }
    }

    /// - Returns: nil for one that is empty.
    static func displayName(_ name: String?) throws(LibraryError) -> String? {
        guard let name else { return nil }
        let trimmed = name.trimmingCharacters(in: .whitespacesAndNewlines)
        guard trimmed.unicodeScalars.count <= maximumNameLength else {
            throw .invalid(field: "display_name", value: name, allowed: "at most \(maximumNameLength) characters")
        }
        return trimmed.isEmpty ? nil : trimmed
    }

    /// - Returns: without white space at their ends; once each.
    static func tags(_ tags: [String]) throws(LibraryError) -> [String] {
        guard tags.count <= maximumTagCount else {
            throw .invalid(field: "tags", value: "\(tags.count) tags", allowed: "at most \(maximumTagCount)")
        }
        var kept: [String] = []
        for tag in tags {
            let trimmed = tag.trimmingCharacters(in: .whitespacesAndNewlines)
            guard (1...maximumTagLength).contains(trimmed.unicodeScalars.count) else {
                throw .invalid(field: "tags", value: tag, allowed: "of 1 to \(maximumTagLength) characters each")
            }
            if !kept.contains(trimmed) { kept.append(trimmed) }
        }
        return kept
    }

    static func object(_ json: String, field: String) throws(LibraryError) -> [String: Any] {
        guard let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] else {
            throw .invalid(field: field, value: json, allowed: "a JSON object")
        }
        return object
    }

    private static func validateExtension(_ text: String, field: String) throws(LibraryError) {
        guard (1...8).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) })
        else { throw .invalid(field: field, value: text, allowed: "1 to 8 letters and digits") }
    }
}
