import CFFmpeg

/// One of libavformat's containers, written to memory and never gone back in.
final class MediaMuxer {
    private var format: UnsafeMutablePointer<AVFormatContext>?
    private let encoderTimeBase: AVRational

    /// - Parameters:
    ///   - name: As `ffmpeg -muxers` has it.
    ///   - options: The muxer's own.
    ///   - sampleCount: Of the whole stream, where it is known and the container (FLAC) has a place for it.
    /// - Throws: `AudioError.encoder`, `.noMemory`.
    init(_ name: String, encoder: MediaEncoder, options: [String: String] = [:], sampleCount: Int? = nil) throws {
        guard let context = encoder.context else { throw AudioError.noMemory }
        encoderTimeBase = context.pointee.time_base
        guard avformat_alloc_output_context2(&format, nil, name, nil) >= 0, let format else {
            throw AudioError.encoder(reason: "FFmpeg's libraries here can't write \(name)")
        }
        // Serial numbers that are the same each time, and no version of a library.
        format.pointee.flags |= AVFMT_FLAG_BITEXACT
        guard let stream = avformat_new_stream(format, nil),
            avcodec_parameters_from_context(stream.pointee.codecpar, context) >= 0
        else { throw AudioError.noMemory }
        stream.pointee.time_base = encoderTimeBase
        if name == "flac", let sampleCount { Self.setSampleCount(sampleCount, in: stream.pointee.codecpar) }
        try open()
        var dictionary: OpaquePointer?
        defer { av_dict_free(&dictionary) }
        for (key, value) in options { av_dict_set(&dictionary, key, value, 0) }
        guard avformat_write_header(format, &dictionary) >= 0 else {
            throw AudioError.encoder(reason: "\(name) can't hold such a stream")
        }
    }

    deinit {
        var buffer: UnsafeMutablePointer<UInt8>?
        if let pb = format?.pointee.pb { avio_close_dyn_buf(pb, &buffer) }
        av_free(buffer)
        format?.pointee.pb = nil
        avformat_free_context(format)
    }

    func write(_ packet: UnsafeMutablePointer<AVPacket>) throws {
        guard let format, let stream = format.pointee.streams[0] else { return }
        packet.pointee.stream_index = 0
        av_packet_rescale_ts(packet, encoderTimeBase, stream.pointee.time_base)
        guard av_write_frame(format, packet) >= 0 else { throw AudioError.encoder(reason: "a packet can't be written") }
    }

    func finish() throws {
        guard av_write_trailer(format) >= 0 else { throw AudioError.encoder(reason: "the end can't be written") }
    }

    /// What has been written since the last call.
    func bytes() throws -> [UInt8] {
        guard let format, let pb = format.pointee.pb else { return [] }
        var buffer: UnsafeMutablePointer<UInt8>?
        let count = avio_close_dyn_buf(pb, &buffer)
        format.pointee.pb = nil
        defer { av_free(buffer) }
        try open()
        return Array(UnsafeBufferPointer(start: buffer, count: max(0, Int(count))))
    }

    private func open() throws {
        guard let format, avio_open_dyn_buf(&format.pointee.pb) >= 0 else { throw AudioError.noMemory }
        // What has left can't be corrected.
        format.pointee.pb.pointee.seekable = 0
    }

    /// The last 36 bits of the first 18 bytes of STREAMINFO are the number of samples, 0 when unknown.
    private static func setSampleCount(_ count: Int, in parameters: UnsafeMutablePointer<AVCodecParameters>) {
        guard parameters.pointee.extradata_size >= 18, let info = parameters.pointee.extradata, count < 1 << 36 else {
            return
        }
        info[13] = info[13] & 0xF0 | UInt8(count >> 32)
        for index in 0..<4 { info[14 + index] = UInt8(truncatingIfNeeded: count >> (24 - 8 * index)) }
    }
}
