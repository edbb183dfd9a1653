import NIOCore

/// The 44 bytes in front of PCM16 mono.
package enum WAVHeader {
    /// - Parameter byteCount: size of the samples that follow, nil while it isn't known: both sizes are then
    ///   0xFFFFFFFF, which players take as "until the end".
    package static func pcm16(sampleRateHz: Int, byteCount: Int? = nil) -> ByteBuffer {
        let size = byteCount.map { UInt32(clamping: $0) } ?? .max
        var header = ByteBuffer()
        header.writeString("RIFF")
        header.writeInteger(size.addingReportingOverflow(36).overflow ? .max : size + 36, endianness: .little)
        header.writeString("WAVEfmt ")
        header.writeInteger(UInt32(16), endianness: .little)
        header.writeInteger(UInt16(1), endianness: .little)
        header.writeInteger(UInt16(1), endianness: .little)
        header.writeInteger(UInt32(sampleRateHz), endianness: .little)
        header.writeInteger(UInt32(sampleRateHz * 2), endianness: .little)
        header.writeInteger(UInt16(2), endianness: .little)
        header.writeInteger(UInt16(16), endianness: .little)
        header.writeString("data")
        header.writeInteger(size, endianness: .little)
        return header
    }
}
