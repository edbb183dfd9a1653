/// 16-bit samples, little-endian on the wire.
public enum PCM16 {
    /// One sample: ±1 becomes ±32767, what lies beyond is clipped, ties go to even, NaN becomes silence.
    public static func sample(_ x: Float) -> Int16 {
        x.isNaN ? 0 : Int16(min(max(x * 32767, -32768), 32767).rounded(.toNearestOrEven))
    }

    public static func samples(_ wave: some Sequence<Float>) -> [Int16] { wave.map(sample) }

    /// Two bytes a sample.
    public static func bytes(_ samples: [Int16]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: samples.count * 2) { buffer, count in
            for (i, sample) in samples.enumerated() {
                let bits = UInt16(bitPattern: sample)
                buffer[2 * i] = UInt8(truncatingIfNeeded: bits)
                buffer[2 * i + 1] = UInt8(bits >> 8)
            }
            count = samples.count * 2
        }
    }
}
