import CFFmpeg

/// Frames of any layout, sample format and rate to one channel of floats at the wanted rate.
struct MediaMixer: ~Copyable {
    private let sampleRateHz: Int
    private var resampler: OpaquePointer?
    /// What the resampler was made for: a file may change in its middle.
    private var input: (format: Int32, rate: Int32, channels: Int32) = (-1, 0, 0)
    private(set) var samples: [Float] = []

    init(sampleRateHz: Int) { self.sampleRateHz = sampleRateHz }

    deinit {
        var resampler = resampler
        swr_free(&resampler)
    }

    /// - Throws: `AudioError.damaged` if the frame has no sensible layout.
    mutating func add(_ frame: UnsafeMutablePointer<AVFrame>) throws {
        let new = (frame.pointee.format, frame.pointee.sample_rate, frame.pointee.ch_layout.nb_channels)
        if resampler == nil || new != input {
            finish()
            try start(frame)
            input = new
        }
        // `extended_data` points to one array a channel, or to one of all.
        let planes = UnsafeRawPointer(frame.pointee.extended_data)?.assumingMemoryBound(to: UnsafePointer<UInt8>?.self)
        convert(planes, count: frame.pointee.nb_samples)
    }

    /// Adds what the resampler still holds.
    mutating func finish() {
        guard resampler != nil else { return }
        convert(nil, count: 0)
        swr_free(&resampler)
    }

    private mutating func start(_ frame: UnsafeMutablePointer<AVFrame>) throws {
        var mono = AVChannelLayout()
        av_channel_layout_default(&mono, 1)
        var layout = AVChannelLayout()
        // Files without a layout have only a number of channels.
        if frame.pointee.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC {
            av_channel_layout_default(&layout, frame.pointee.ch_layout.nb_channels)
        } else {
            av_channel_layout_copy(&layout, &frame.pointee.ch_layout)
        }
        defer { av_channel_layout_uninit(&layout) }
        guard
            swr_alloc_set_opts2(
                &resampler, &mono, AV_SAMPLE_FMT_FLT, Int32(sampleRateHz), &layout,
                AVSampleFormat(rawValue: AVSampleFormat.RawValue(frame.pointee.format)), frame.pointee.sample_rate, 0,
                nil)
                >= 0
        else { throw AudioError.damaged(reason: "frames of \(frame.pointee.ch_layout.nb_channels) channels") }
        // Channels are averaged, never added up.
        av_opt_set_double(UnsafeMutableRawPointer(resampler), "rematrix_maxval", 1, 0)
        Self.setQuality(of: resampler)
        guard swr_init(resampler) >= 0 else {
            throw AudioError.damaged(
                reason: "frames of \(frame.pointee.ch_layout.nb_channels) channels at \(frame.pointee.sample_rate) Hz")
        }
    }

    /// A sinc under Kaiser's window.
    static func setQuality(of resampler: OpaquePointer?) {
        let options = UnsafeMutableRawPointer(resampler)
        av_opt_set_int(options, "filter_size", 64, 0)
        av_opt_set(options, "filter_type", "kaiser", 0)
        av_opt_set_double(options, "kaiser_beta", 12, 0)
        av_opt_set_double(options, "cutoff", 0.97, 0)
    }

    private mutating func convert(_ planes: UnsafePointer<UnsafePointer<UInt8>?>?, count: Int32) {
        let capacity = Int(swr_get_out_samples(resampler, count))
        guard capacity > 0 else { return }
        let piece = [Float](unsafeUninitializedCapacity: capacity) { buffer, written in
            buffer.withMemoryRebound(to: UInt8.self) { bytes in
                var out: UnsafeMutablePointer<UInt8>? = bytes.baseAddress
                // Its input is `const` from FFmpeg 7 on, and not before: both take this.
                written = max(
                    0,
                    Int(swr_convert(resampler, &out, Int32(capacity), UnsafeMutablePointer(mutating: planes), count)))
            }
        }
        samples += piece
    }
}
