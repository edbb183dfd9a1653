/// WAV files: the 44-byte header of 16-bit PCM, and a reader.
public enum WAV {
    public static let headerSize = 44

    /// The header of 16-bit PCM.
    /// - Parameter sampleCount: Samples of all channels together; nil when nobody knows yet, as in a stream: both sizes are
    ///   0xFFFFFFFF then, which players take for "until the end". What a file can't count (4 GiB) is written so, too.
    public static func header(sampleRateHz: Int, channels: Int = 1, sampleCount: Int?) -> [UInt8] {
        let bytes = sampleCount.flatMap { $0 <= (Int(UInt32.max) - 36) / 2 ? UInt32($0 * 2) : nil }
        var header: [UInt8] = []
        header.reserveCapacity(headerSize)
        header += Array("RIFF".utf8)
        append(bytes.map { $0 + 36 } ?? .max, to: &header)
        header += Array("WAVEfmt ".utf8)
        append(UInt32(16), to: &header)
        append(UInt16(1), to: &header)  // PCM
        append(UInt16(channels), to: &header)
        append(UInt32(sampleRateHz), to: &header)
        append(UInt32(sampleRateHz * channels * 2), to: &header)
        append(UInt16(channels * 2), to: &header)
        append(UInt16(16), to: &header)
        header += Array("data".utf8)
        append(bytes ?? .max, to: &header)
        return header
    }

    /// A whole file.
    public static func file(_ samples: [Int16], sampleRateHz: Int, channels: Int = 1) -> [UInt8] {
        header(sampleRateHz: sampleRateHz, channels: channels, sampleCount: samples.count) + PCM16.bytes(samples)
    }

    /// What a file holds.
    public struct Contents: Sendable, Equatable {
        public var sampleRateHz: Int
        public var channels: Int
        /// ±1; the channels take turns.
        public var samples: [Float]
    }

    /// Reads 16-bit PCM and 32-bit float files, also streamed ones whose sizes are 0xFFFFFFFF.
    /// - Throws: `AudioError`.
    public static func read(_ bytes: [UInt8]) throws -> Contents {
        guard bytes.count >= 12, tag(bytes, 0) == "RIFF", tag(bytes, 8) == "WAVE" else {
            throw AudioError.notWAV(reason: "no RIFF WAVE in front")
        }
        var format: (tag: Int, channels: Int, rate: Int, bits: Int)?
        var at = 12
        while at + 8 <= bytes.count {
            let (name, claimed, start) = (tag(bytes, at), number(bytes, at + 4, 4), at + 8)
            let streamed = claimed == Int(UInt32.max)
            guard streamed || start + claimed <= bytes.count else {
                throw AudioError.notWAV(reason: "\(name) is cut short at \(bytes.count) bytes")
            }
            let size = streamed ? bytes.count - start : claimed
            if name == "fmt " {
                guard size >= 16 else { throw AudioError.notWAV(reason: "fmt of \(size) bytes") }
                var tag = number(bytes, start, 2)
                // WAVE_FORMAT_EXTENSIBLE keeps the real tag in its sub-format.
                if tag == 0xFFFE, size >= 26 { tag = number(bytes, start + 24, 2) }
                format = (tag, number(bytes, start + 2, 2), number(bytes, start + 4, 4), number(bytes, start + 14, 2))
            } else if name == "data" {
                guard let format, format.channels > 0 else { throw AudioError.notWAV(reason: "data without fmt") }
                return Contents(
                    sampleRateHz: format.rate, channels: format.channels,
                    samples: try samples(bytes[start..<(start + size)], tag: format.tag, bits: format.bits))
            }
            at = start + size + size % 2
        }
        throw AudioError.notWAV(reason: "no data")
    }

    private static func samples(_ bytes: ArraySlice<UInt8>, tag: Int, bits: Int) throws -> [Float] {
        func pattern(_ at: Int, _ size: Int) -> UInt32 {
            (0..<size).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) }
        }
        switch (tag, bits) {
        case (1, 16):
            return stride(from: bytes.startIndex, to: bytes.endIndex - 1, by: 2).map {
                Float(Int16(bitPattern: UInt16(pattern($0, 2)))) / 32767
            }
        case (3, 32):
            return stride(from: bytes.startIndex, to: bytes.endIndex - 3, by: 4).map {
                Float(bitPattern: pattern($0, 4))
            }
        default: throw AudioError.unsupportedWAV(formatTag: tag, bitsPerSample: bits)
        }
    }

    private static func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: T.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    private static func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> Int {
        (0..<size).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
    }

    private static func tag(_ bytes: [UInt8], _ at: Int) -> String {
        String(decoding: bytes[at..<(at + 4)], as: UTF8.self)
    }
}
