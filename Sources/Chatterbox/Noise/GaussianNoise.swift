import Foundation

/// Gaussian noise that is a function of seed, stream and row: whoever asks for a row gets the same numbers, in any
/// order and from any pass. So passes that overlap see the same noise where they overlap, and chunks join.
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (Philox4x32-10); Box and Muller 1958.
public struct GaussianNoise: Sendable, Equatable {
    /// Who uses the noise; streams of one seed are independent.
    public enum Stream: UInt32, Sendable {
        case flow, sourceFilter, hift, hiftPhase, sampler
    }

    private let generator: Philox

    public init(seed: UInt64, stream: Stream) {
        self.generator = Philox(seed: seed, stream: stream.rawValue)
    }

    /// Fills `values` with the first numbers of row `index`, zero mean and unit variance.
    public func fill(_ values: UnsafeMutableBufferPointer<Float>, row index: Int) {
        var at = 0
        var block: UInt32 = 0
        while at < values.count {
            let bits = generator.block(index: index, block: block)
            for (radiusBits, angleBits) in [(bits.0, bits.1), (bits.2, bits.3)] where at < values.count {
                // The half keeps the logarithm's argument above zero.
                let radius = sqrtf(-2 * logf((Float(radiusBits >> 8) + 0.5) * 0x1p-24))
                let angle = 2 * Float.pi * (Float(angleBits >> 8) * 0x1p-24)
                values[at] = radius * cosf(angle)
                if at + 1 < values.count { values[at + 1] = radius * sinf(angle) }
                at += 2
            }
            block += 1
        }
    }

    /// The first `count` numbers of row `index`.
    public func row(_ index: Int, count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableBufferPointer(rebasing: buffer[..<count]), row: index)
            initialized = count
        }
    }

    /// A uniform number in `[0, 1)` of row `index`.
    func uniform(_ index: Int) -> Float {
        Float(generator.block(index: index, block: 0).0 >> 8) * 0x1p-24
    }
}

/// The counter-based generator itself: ten rounds over a 128-bit counter with a 64-bit key.
private struct Philox: Sendable, Equatable {
    let seed: UInt64
    let stream: UInt32

    func block(index: Int, block: UInt32) -> (UInt32, UInt32, UInt32, UInt32) {
        let row = UInt64(bitPattern: Int64(index))
        var (c0, c1, c2, c3) = (UInt32(truncatingIfNeeded: row), UInt32(truncatingIfNeeded: row >> 32), block, stream)
        var (k0, k1) = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        for _ in 0..<10 {
            let p0 = UInt64(c0) &* 0xD251_1F53
            let p1 = UInt64(c2) &* 0xCD9E_8D57
            (c0, c1, c2, c3) = (
                UInt32(p1 >> 32) ^ c1 ^ k0, UInt32(truncatingIfNeeded: p1),
                UInt32(p0 >> 32) ^ c3 ^ k1, UInt32(truncatingIfNeeded: p0)
            )
            k0 = k0 &+ 0x9E37_79B9
            k1 = k1 &+ 0xBB67_AE85
        }
        return (c0, c1, c2, c3)
    }
}
