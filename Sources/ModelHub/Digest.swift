/// SHA-256 and SHA-1 of data that arrives in parts. The hub names large files by the one and small ones by the other.
/// Source: FIPS 180-4
package struct Digest {
    package enum Kind: Sendable { case sha1, sha256 }

    private let kind: Kind
    private var state: [UInt32]
    private var block: [UInt8] = []
    private var byteCount: UInt64 = 0
    private var schedule: [UInt32]

    package init(_ kind: Kind) {
        self.kind = kind
        switch kind {
        case .sha1:
            state = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
            schedule = [UInt32](repeating: 0, count: 80)
        case .sha256:
            state = [
                0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
            ]
            schedule = [UInt32](repeating: 0, count: 64)
        }
        block.reserveCapacity(64)
    }

    package mutating func update(_ bytes: some Sequence<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { update($0) }
        }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        byteCount &+= UInt64(bytes.count)
        var rest = bytes[...]
        if !block.isEmpty {
            let taken = rest.prefix(64 - block.count)
            block += taken
            rest = rest.dropFirst(taken.count)
            guard block.count == 64 else { return }
            block.withUnsafeBytes { compress(UnsafeRawBufferPointer($0)) }
            block.removeAll(keepingCapacity: true)
        }
        while rest.count >= 64 {
            compress(UnsafeRawBufferPointer(rebasing: rest.prefix(64)))
            rest = rest.dropFirst(64)
        }
        block += rest
    }

    /// Ends the data.
    /// - Returns: lower-case hexadecimal.
    package consuming func finish() -> String {
        let bitCount = byteCount &* 8
        update([0x80])
        while block.count != 56 { update([0]) }
        update((0..<8).map { UInt8(truncatingIfNeeded: bitCount >> (56 - 8 * UInt64($0))) })
        return state.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    /// The hash of data that is all there.
    package static func hex(_ bytes: [UInt8], _ kind: Kind) -> String {
        var digest = Digest(kind)
        digest.update(bytes)
        return digest.finish()
    }

    private mutating func compress(_ bytes: UnsafeRawBufferPointer) {
        for index in 0..<16 {
            schedule[index] = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
        }
        switch kind {
        case .sha1: compressSHA1()
        case .sha256: compressSHA256()
        }
    }

    private mutating func compressSHA256() {
        state.withUnsafeMutableBufferPointer { state in
            schedule.withUnsafeMutableBufferPointer { w in
                Self.constants.withUnsafeBufferPointer { constants in
                    for i in 16..<64 {
                        let s0 = Self.right(w[i - 15], 7) ^ Self.right(w[i - 15], 18) ^ w[i - 15] >> 3
                        let s1 = Self.right(w[i - 2], 17) ^ Self.right(w[i - 2], 19) ^ w[i - 2] >> 10
                        w[i] = w[i - 16] &+ s0 &+ w[i - 7] &+ s1
                    }
                    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
                    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
                    for i in 0..<64 {
                        let s1 = Self.right(e, 6) ^ Self.right(e, 11) ^ Self.right(e, 25)
                        let first = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ constants[i] &+ w[i]
                        let s0 = Self.right(a, 2) ^ Self.right(a, 13) ^ Self.right(a, 22)
                        let second = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
                        (h, g, f, e) = (g, f, e, d &+ first)
                        (d, c, b, a) = (c, b, a, first &+ second)
                    }
                    for (index, word) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= word }
                }
            }
        }
    }

    private mutating func compressSHA1() {
        for i in 16..<80 {
            schedule[i] = Self.left(schedule[i - 3] ^ schedule[i - 8] ^ schedule[i - 14] ^ schedule[i - 16], 1)
        }
        var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
        for i in 0..<80 {
            let (f, k): (UInt32, UInt32) =
                switch i {
                case ..<20: ((b & c) | (~b & d), 0x5A82_7999)
                case ..<40: (b ^ c ^ d, 0x6ED9_EBA1)
                case ..<60: ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC)
                default: (b ^ c ^ d, 0xCA62_C1D6)
                }
            let next = Self.left(a, 5) &+ f &+ e &+ k &+ schedule[i]
            (e, d, c, b, a) = (d, c, Self.left(b, 30), a, next)
        }
        for (index, word) in [a, b, c, d, e].enumerated() { state[index] &+= word }
    }

    @inline(__always) private static func right(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word >> count | word << (32 - count)
    }

    @inline(__always) private static func left(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word << count | word >> (32 - count)
    }

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = {
        var primes: [UInt32] = []
        var candidate: UInt32 = 2
        while primes.count < 64 {
            if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
            candidate += 1
        }
        return primes.map { prime in
            // floor(cbrt(prime) · 2^32) in integers: a bit at a time
            var root: UInt64 = 0
            for bit in (0..<36).reversed() {
                let trial = root | 1 << UInt64(bit)
                let square = trial.multipliedFullWidth(by: trial)
                if isAtMost(square, times: trial, limit: prime) { root = trial }
            }
            return UInt32(truncatingIfNeeded: root)
        }
    }()

    /// Whether `square · factor ≤ limit · 2^96`.
    private static func isAtMost(
        _ square: (high: UInt64, low: UInt64), times factor: UInt64, limit: UInt32
    ) -> Bool {
        let low = square.low.multipliedFullWidth(by: factor)
        let high = square.high.multipliedFullWidth(by: factor)
        let (middle, carry) = low.high.addingReportingOverflow(high.low)
        let top = high.high + (carry ? 1 : 0)
        // the product is (top, middle, low.low); the limit is limit · 2^32 in the middle word's place
        let bound = UInt64(limit) << 32
        if top > 0 { return false }
        return middle < bound || (middle == bound && low.low == 0)
    }
}
