/// A file of a repository at a commit, as the hub's headers describe it.
struct HubFile: Sendable, Equatable {
    var name: String
    var commit: String
    /// The name of its blob: the SHA-256 of a large file, git's SHA-1 of a small one.
    var etag: String
    var byteCount: Int64

    /// What `etag` can be checked against; nil if it is no hash.
    var digest: Digest.Kind? {
        guard etag.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else { return nil }
        return switch etag.utf8.count {
        case 40: .sha1
        case 64: .sha256
        default: nil
        }
    }

    /// A digest with what git puts before the data of a small file.
    func makeDigest() -> Digest? {
        guard let digest else { return nil }
        var result = Digest(digest)
        if digest == .sha1 { result.update(Array("blob \(byteCount)\u{0}".utf8)) }
        return result
    }

    static func isCommit(_ text: String) -> Bool {
        text.utf8.count == 40 && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    /// The value of an ETag header without quotes; nil if it can't be a file's name.
    static func etag(_ header: String?) -> String? {
        guard var text = header else { return nil }
        if text.hasPrefix("W/") { text.removeFirst(2) }
        if text.hasPrefix("\""), text.hasSuffix("\""), text.utf8.count >= 2 {
            text = String(text.dropFirst().dropLast())
        }
        let isName = text.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45
                || byte == 95
        }
        return isName && !text.isEmpty && text.utf8.count <= 128 ? text : nil
    }
}
