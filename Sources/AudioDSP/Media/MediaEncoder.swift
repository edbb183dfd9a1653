import CFFmpeg

enum FFmpegLog {
    /// Its messages are of no use to the users of a server. Touch this before anything else of FFmpeg.
    static let quiet: Void = av_log_set_level(AV_LOG_QUIET)
}

/// One of libavcodec's encoders: one channel of samples in, packets out.
final class MediaEncoder {
    private(set) var context: UnsafeMutablePointer<AVCodecContext>?
    private var packet: UnsafeMutablePointer<AVPacket>?
    private let sampleFormat: AVSampleFormat
    private var sampleCount = 0

    /// - Parameters:
    ///   - name: As `ffmpeg -encoders` has it.
    ///   - frameSize: Wished for, where the encoder has a choice.
    ///   - options: The encoder's own.
    /// - Throws: `AudioError.encoder`, `.noMemory`.
    init(
        _ name: String, sampleFormat: AVSampleFormat, sampleRateHz: Int, bitRate: Int, frameSize: Int = 0,
        options: [String: String] = [:]
    ) throws {
        FFmpegLog.quiet
        self.sampleFormat = sampleFormat
        guard let codec = avcodec_find_encoder_by_name(name) else {
            throw AudioError.encoder(reason: "FFmpeg's libraries here have no \(name)")
        }
        context = avcodec_alloc_context3(codec)
        packet = av_packet_alloc()
        guard let context, packet != nil else { throw AudioError.noMemory }
        av_channel_layout_default(&context.pointee.ch_layout, 1)
        context.pointee.sample_fmt = sampleFormat
        context.pointee.sample_rate = Int32(sampleRateHz)
        context.pointee.time_base = AVRational(num: 1, den: Int32(sampleRateHz))
        context.pointee.bit_rate = Int64(bitRate)
        context.pointee.frame_size = Int32(frameSize)
        context.pointee.thread_count = 1
        // Muxers that write the codec's header want it beforehand; and no version of a library in the stream.
        context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT
        var dictionary: OpaquePointer?
        defer { av_dict_free(&dictionary) }
        for (key, value) in options { av_dict_set(&dictionary, key, value, 0) }
        guard avcodec_open2(context, codec, &dictionary) >= 0 else {
            throw AudioError.encoder(reason: "\(name) doesn't take \(sampleRateHz) Hz at \(bitRate) bits/s")
        }
    }

    deinit {
        av_packet_free(&packet)
        avcodec_free_context(&context)
    }

    /// Samples a packet; 0 if it takes any number.
    var frameSize: Int { Int(context?.pointee.frame_size ?? 0) }

    /// How many samples the decoded stream is behind.
    var initialPadding: Int { Int(context?.pointee.initial_padding ?? 0) }

    /// - Parameters:
    ///   - samples: `frameSize` of them, fewer only in the last call; nil asks for what is still inside.
    ///   - receive: is handed each packet.
    func encode(_ samples: ArraySlice<Float>?, receive: (UnsafeMutablePointer<AVPacket>) throws -> Void) throws {
        var frame = try samples.map(frame)
        defer { av_frame_free(&frame) }
        guard avcodec_send_frame(context, frame) >= 0 else { throw AudioError.encoder(reason: "a frame is refused") }
        while true {
            let status = avcodec_receive_packet(context, packet)
            guard status != ff_error_again, status != ff_error_eof else { return }
            guard status >= 0, let packet else { throw AudioError.encoder(reason: "a frame can't be encoded") }
            defer { av_packet_unref(packet) }
            try receive(packet)
        }
    }

    private func frame(_ samples: ArraySlice<Float>) throws -> UnsafeMutablePointer<AVFrame> {
        var frame = av_frame_alloc()
        guard let new = frame else { throw AudioError.noMemory }
        new.pointee.nb_samples = Int32(samples.count)
        new.pointee.format = Int32(sampleFormat.rawValue)
        new.pointee.sample_rate = context?.pointee.sample_rate ?? 0
        new.pointee.pts = Int64(sampleCount)
        av_channel_layout_default(&new.pointee.ch_layout, 1)
        guard av_frame_get_buffer(frame, 0) >= 0, let data = UnsafeMutableRawPointer(new.pointee.data.0) else {
            av_frame_free(&frame)
            throw AudioError.noMemory
        }
        sampleCount += samples.count
        if sampleFormat == AV_SAMPLE_FMT_S16 {
            _ = UnsafeMutableBufferPointer(start: data.assumingMemoryBound(to: Int16.self), count: samples.count)
                .update(fromContentsOf: PCM16.samples(samples))
        } else {
            _ = UnsafeMutableBufferPointer(start: data.assumingMemoryBound(to: Float.self), count: samples.count)
                .update(fromContentsOf: samples)
        }
        return new
    }
}
