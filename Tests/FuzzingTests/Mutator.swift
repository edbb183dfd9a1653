/// Spoils bytes as a fuzzer does, the same way each time for a seed.
struct Mutator {
    private var state: UInt64
    /// What bounds are likely to be wrong at.
    private static let edges: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 62,
        0x7FFF_FFFF_FFFF_FFFF, 1 << 63, .max,
    ]
    private static let words = [
        "{", "}", "[", "]", "\"", ",", ":", "null", "true", "1e400", "-1e400", "NaN", "Infinity", "-0",
        "9223372036854775807", "18446744073709551616", "\\ud800", "\\u0000", "\u{0}", "\u{301}", "\u{FEFF}", "\r\n\r\n",
        "--", "../../", "\u{1F600}", "ﷺ", "½", "$", "1/2/3", "[[[[[[[[", "{\"a\":",
    ].map { Array($0.utf8) }

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    private mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(max(1, limit))) }

    private mutating func range(in bytes: [UInt8]) -> Range<Int> {
        let start = below(bytes.count + 1)
        return start..<min(bytes.count, start + 1 + below(below(2) == 0 ? 8 : bytes.count))
    }

    /// One to four changes.
    /// - Parameter other: bytes of the same kind, to take a piece of.
    mutating func mutate(_ original: [UInt8], other: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<1 + below(4) {
            switch below(8) {
            case 0 where !bytes.isEmpty: bytes[below(bytes.count)] ^= 1 << below(8)
            case 1 where !bytes.isEmpty: bytes[below(bytes.count)] = UInt8(truncatingIfNeeded: next())
            case 2: bytes.removeSubrange(range(in: bytes))
            case 3: bytes = Array(bytes.prefix(below(bytes.count + 1)))
            case 4: bytes.insert(contentsOf: other[range(in: other)], at: below(bytes.count + 1))
            case 5: bytes.insert(contentsOf: Self.words[below(Self.words.count)], at: below(bytes.count + 1))
            case 6:
                let repeated = Array(bytes[range(in: bytes)].prefix(64))
                for _ in 0..<1 + below(8) { bytes.insert(contentsOf: repeated, at: below(bytes.count + 1)) }
            default:
                let value = Self.edges[below(Self.edges.count)]
                let size = 1 << below(4)
                guard bytes.count >= size else { continue }
                let at = below(bytes.count - size + 1)
                for index in 0..<size { bytes[at + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
            }
        }
        return bytes
    }
}
