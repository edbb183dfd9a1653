/// The frame in front of an MP3 stream that sounds of nothing and says how much of the start is the codec's delay, and, if the
/// length is known, how much of the end is filling: Xing's with LAME's extension, "Info" for a constant bit rate.
enum MP3Header {
    /// Samples that a decoder is behind, on top of the encoder's delay.
    private static let decoderDelay = 529

    /// - Parameters:
    ///   - delay: Of encoder and decoder together, in samples.
    ///   - frameSize: Samples a frame: 1152 from 32000 Hz on, else 576.
    ///   - sampleCount: Of the stream without delay and filling; nil if nobody knows.
    static func frame(sampleRateHz: Int, bitRate: Int, delay: Int, frameSize: Int, sampleCount: Int?) -> [UInt8] {
        let (version, rates): (UInt8, [Int]) =
            switch sampleRateHz {
            case 32000...: (3, [44100, 48000, 32000])
            case 16000...: (2, [22050, 24000, 16000])
            default: (0, [11025, 12000, 8000])
            }
        let kilobits =
            version == 3
            ? [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
            : [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
        var body = Array("Info".utf8)
        let frameCount = sampleCount.map { ($0 + delay + frameSize - 1) / frameSize }
        if let frameCount {
            append(UInt32(1), to: &body)  // the number of frames follows
            append(UInt32(clamping: frameCount), to: &body)
        } else {
            // Without any number decoders take this for a frame of sound: as in WAV, the bytes are as many as can be.
            append(UInt32(2), to: &body)
            append(UInt32.max, to: &body)
        }
        body += Array("Lavc".utf8) + [0, 0, 0, 0, 0]
        body += [0x01]  // revision 0, constant bit rate
        body += [UInt8](repeating: 0, count: 10)  // low pass, gains, flags
        body += [UInt8(clamping: bitRate / 1000)]
        let (start, end) = (
            delay - decoderDelay,
            (frameCount ?? 0) * frameSize - (sampleCount ?? 0) - (delay - decoderDelay)
        )
        let padding = UInt32(start) << 12 | UInt32(frameCount == nil ? 0 : end)
        body += [UInt8(padding >> 16), UInt8(padding >> 8 & 0xFF), UInt8(padding & 0xFF)]
        body += [UInt8](repeating: 0, count: 12)  // gain, preset, length, checksums
        // Header and side information come first; one channel.
        let front = 4 + (version == 3 ? 17 : 9)
        func size(_ index: Int) -> Int { frameSize / 8 * kilobits[index] * 1000 / sampleRateHz }
        let wanted = kilobits.firstIndex { $0 * 1000 >= bitRate } ?? kilobits.count - 1
        let index = (wanted..<kilobits.count).first { size($0) >= front + body.count } ?? kilobits.count - 1
        var frame: [UInt8] = [
            0xFF, 0xE0 | version << 3 | 0x03,  // layer III, no checksum
            UInt8(index + 1) << 4 | UInt8(rates.firstIndex(of: sampleRateHz) ?? 0) << 2,
            0xC0,  // one channel
        ]
        frame += [UInt8](repeating: 0, count: front - 4) + body
        return frame + [UInt8](repeating: 0, count: max(0, size(index) - frame.count))
    }

    private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        for shift in stride(from: 24, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
        }
    }
}
