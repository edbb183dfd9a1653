import CFFmpeg
import Foundation

/// One file being decoded.
final class MediaReader {
    /// Demuxers and decoders that a recording may need; all others stay out of reach of a crafted file.
    private static let demuxers = "wav,mp3,flac,mov,mp4,m4a,ogg,matroska,webm,aac,aiff"
    private static let decoders =
        "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_u8,pcm_s8,pcm_f32le,pcm_f32be,pcm_f64le,"
        + "pcm_alaw,pcm_mulaw,adpcm_ima_wav,adpcm_ms,mp3,mp3float,mp2,mp2float,flac,aac,alac,vorbis,opus"
    private static let maxChannels = 16
    /// Beyond, the resampler's filter has millions of taps, or a frame becomes minutes: some bytes would take all memory.
    private static let sampleRatesHz = 4000...384_000

    private let bytes: MediaBytes
    private var format: UnsafeMutablePointer<AVFormatContext>?
    private var decoder: UnsafeMutablePointer<AVCodecContext>?
    private var stream: Int32 = -1

    /// Finds the file's format and its best audio stream.
    /// - Parameter bytes: must outlive this object.
    /// - Throws: `AudioError`.
    init(_ bytes: UnsafeRawBufferPointer) throws {
        FFmpegLog.quiet
        self.bytes = try MediaBytes(bytes)
        do {
            try open()
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    private func close() {
        avcodec_free_context(&decoder)
        avformat_close_input(&format)
    }

    private func open() throws {
        format = avformat_alloc_context()
        guard let context = format else { throw AudioError.noMemory }
        context.pointee.pb = bytes.context
        // Files that name other files or addresses don't get them.
        context.pointee.io_open = { _, _, _, _, _ in -EPERM }
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        av_dict_set(&options, "format_whitelist", Self.demuxers, 0)
        av_dict_set(&options, "codec_whitelist", Self.decoders, 0)
        // On failure this frees the context.
        guard avformat_open_input(&format, nil, nil, &options) >= 0 else { throw AudioError.unknownFormat }
        guard avformat_find_stream_info(format, nil) >= 0 else {
            throw AudioError.damaged(reason: "no stream can be made out")
        }
        let name = context.pointee.iformat.pointee.long_name.map { String(cString: $0) } ?? "file"
        var codec: UnsafePointer<AVCodec>?
        stream = av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0)
        guard stream != ff_error_no_stream else { throw AudioError.noAudio(format: name) }
        guard stream >= 0, let codec else { throw AudioError.unsupportedCodec(name: "unknown", format: name) }
        for index in 0..<Int(context.pointee.nb_streams) where index != Int(stream) {
            context.pointee.streams[index]?.pointee.discard = AVDISCARD_ALL
        }
        guard let chosen = context.pointee.streams[Int(stream)] else { throw AudioError.noAudio(format: name) }
        decoder = avcodec_alloc_context3(codec)
        guard let decoder else { throw AudioError.noMemory }
        guard avcodec_parameters_to_context(decoder, chosen.pointee.codecpar) >= 0 else { throw AudioError.noMemory }
        // Tells the decoder how much of the start is the encoder's delay.
        decoder.pointee.pkt_timebase = chosen.pointee.time_base
        var limits: OpaquePointer?
        defer { av_dict_free(&limits) }
        av_dict_set(&limits, "codec_whitelist", Self.decoders, 0)
        guard avcodec_open2(decoder, codec, &limits) >= 0 else {
            throw AudioError.unsupportedCodec(name: String(cString: codec.pointee.name), format: name)
        }
    }

    /// Decodes to the end.
    /// - Throws: `AudioError.damaged`, `.tooLong`.
    func samples(sampleRateHz: Int, limitSeconds: Double) throws -> [Float] {
        var mixer = MediaMixer(sampleRateHz: sampleRateHz)
        var packet = av_packet_alloc()
        var frame = av_frame_alloc()
        defer {
            av_packet_free(&packet)
            av_frame_free(&frame)
        }
        guard let packet, let frame, let decoder else { throw AudioError.noMemory }
        let limit = Int(limitSeconds * Double(sampleRateHz))
        var (good, bad) = (0, 0)
        var reading = true
        while reading {
            let status = av_read_frame(format, packet)
            reading = status >= 0
            defer { av_packet_unref(packet) }
            guard !reading || packet.pointee.stream_index == stream else { continue }
            // A packet of nothing at the end asks for what the decoder still holds.
            if avcodec_send_packet(decoder, reading ? packet : nil) < 0, reading { bad += 1 }
            while avcodec_receive_frame(decoder, frame) >= 0 {
                defer { av_frame_unref(frame) }
                good += 1
                let (rate, channels) = (Int(frame.pointee.sample_rate), Int(frame.pointee.ch_layout.nb_channels))
                guard Self.sampleRatesHz.contains(rate), (1...Self.maxChannels).contains(channels) else {
                    throw AudioError.damaged(
                        reason: "\(channels) channels at \(rate) Hz; allowed are up to \(Self.maxChannels) at "
                            + "\(Self.sampleRatesHz.lowerBound) to \(Self.sampleRatesHz.upperBound) Hz")
                }
                try mixer.add(frame)
                guard mixer.samples.count <= limit else { throw AudioError.tooLong(limitSeconds: limitSeconds) }
            }
        }
        mixer.finish()
        // Players skip a bad packet now and then, and so is done here.
        guard bad <= good else { throw AudioError.damaged(reason: "\(bad) of \(good + bad) packets cannot be decoded") }
        guard !mixer.samples.isEmpty else { throw AudioError.damaged(reason: "it holds no samples") }
        guard mixer.samples.allSatisfy(\.isFinite) else {
            throw AudioError.damaged(reason: "samples that are no numbers")
        }
        return mixer.samples
    }
}
