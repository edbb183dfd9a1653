import CFFmpeg
import Foundation

/// Hashes that tell one file from another, by FFmpeg's libavutil: it is linked anyway, and knows MD5, which
/// voices.json of chatterbox-tts-api has. Nothing here protects anything.
enum ContentHash: String {
    case md5 = "MD5"
    case sha256 = "SHA256"

    /// - Returns: lower-case hexadecimal.
    func hex(_ bytes: some ContiguousBytes) -> String {
        var context: OpaquePointer?
        precondition(av_hash_alloc(&context, rawValue) == 0, "libavutil has no \(rawValue)")
        defer { av_hash_freep(&context) }
        av_hash_init(context)
        bytes.withUnsafeBytes { av_hash_update(context, $0.bindMemory(to: UInt8.self).baseAddress, $0.count) }
        var digest = [UInt8](repeating: 0, count: Int(av_hash_get_size(context)))
        av_hash_final_bin(context, &digest, Int32(digest.count))
        return digest.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
