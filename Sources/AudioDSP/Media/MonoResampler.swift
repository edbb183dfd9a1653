import CFFmpeg

/// One channel of floats from one rate to another, streaming; what leaves is in step with what came.
final class MonoResampler {
    private let from: Int
    private let to: Int
    private var resampler: OpaquePointer?
    private var (taken, given) = (0, 0)

    /// - Throws: `AudioError.encoder` if libswresample doesn't know how.
    init(from: Int, to: Int) throws {
        (self.from, self.to) = (from, to)
        guard from != to else { return }
        var (input, output) = (AVChannelLayout(), AVChannelLayout())
        av_channel_layout_default(&input, 1)
        av_channel_layout_default(&output, 1)
        let status = swr_alloc_set_opts2(
            &resampler, &output, AV_SAMPLE_FMT_FLT, Int32(to), &input, AV_SAMPLE_FMT_FLT, Int32(from), 0, nil)
        MediaMixer.setQuality(of: resampler)
        guard status >= 0, swr_init(resampler) >= 0 else {
            throw AudioError.encoder(reason: "no resampling from \(from) to \(to) Hz")
        }
    }

    deinit { swr_free(&resampler) }

    /// How many samples come of a number of samples.
    static func count(_ samples: Int, from: Int, to: Int) -> Int {
        let (whole, rest) = samples.quotientAndRemainder(dividingBy: from)
        return whole * to + (rest * to + from / 2) / from
    }

    func process(_ samples: [Float]) -> [Float] {
        guard resampler != nil, !samples.isEmpty else { return samples }
        taken += samples.count
        let piece = convert(samples)
        given += piece.count
        return piece
    }

    /// What is still inside; all that has left is `count` samples then.
    func finish() -> [Float] {
        guard resampler != nil, taken > 0 else { return [] }
        let rest = Self.count(taken, from: from, to: to) - given
        var piece = Array(convert(nil).prefix(max(0, rest)))
        piece += repeatElement(0, count: max(0, rest - piece.count))
        given += piece.count
        return piece
    }

    private func convert(_ samples: [Float]?) -> [Float] {
        let count = Int32(samples?.count ?? 0)
        let capacity = Int(swr_get_out_samples(resampler, count))
        guard capacity > 0 else { return [] }
        return [Float](unsafeUninitializedCapacity: capacity) { buffer, written in
            var out = UnsafeMutableRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: UInt8.self)
            guard let samples else {
                written = max(0, Int(swr_convert(resampler, &out, Int32(capacity), nil, 0)))
                return
            }
            samples.withUnsafeBytes { bytes in
                var plane = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
                withUnsafeMutablePointer(to: &plane) { planes in
                    // Its input is `const` from FFmpeg 7 on, and not before: both take this.
                    written = max(0, Int(swr_convert(resampler, &out, Int32(capacity), planes, count)))
                }
            }
        }
    }
}
