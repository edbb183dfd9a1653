import ModelHub
import Testing

@Suite struct DigestTests {
    /// FIPS 180-4's examples and the lengths around a block.
    @Test(arguments: [
        (
            "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709"
        ),
        (
            "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        ),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
    ]) func examples(_ text: String, _ sha256: String, _ sha1: String) {
        #expect(Digest.hex(Array(text.utf8), .sha256) == sha256)
        #expect(Digest.hex(Array(text.utf8), .sha1) == sha1)
    }

    @Test func aMillionLetters() {
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(
            Digest.hex(bytes, .sha256) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        #expect(Digest.hex(bytes, .sha1) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f")
    }

    /// Any way to cut the data gives the same.
    @Test func parts() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for kind in [Digest.Kind.sha1, .sha256] {
            let whole = Digest.hex(bytes, kind)
            for size in [1, 3, 55, 56, 63, 64, 65, 127, 128, 999] {
                var digest = Digest(kind)
                for start in stride(from: 0, to: bytes.count, by: size) {
                    digest.update(bytes[start..<min(start + size, bytes.count)])
                }
                #expect(digest.finish() == whole)
            }
        }
    }
}
