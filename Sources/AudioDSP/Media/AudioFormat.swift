/// What a client may ask audio as: one channel, streamed.
public enum AudioFormat: String, Sendable, Hashable, CaseIterable {
    /// 16-bit PCM behind a WAV header; its sizes are 0xFFFFFFFF when nobody knows the length yet.
    case wav
    /// 16-bit samples, little-endian, and nothing else.
    case pcm
    case mp3
    /// Opus in Ogg.
    case opus
    case flac
    /// AAC-LC in ADTS.
    case aac
    /// G.711's bytes for telephony, 8 kHz, and nothing else.
    case mulaw, alaw

    /// Every rate that can be asked for is in here.
    public static let sampleRateRangeHz = 8000...48000

    /// The media type, as OpenAI sends it where it has the format; that of Opus says what it lies in (RFC 7845).
    public var contentType: String {
        switch self {
        case .wav: "audio/wav"
        case .pcm: "audio/pcm"
        case .mp3: "audio/mpeg"
        case .opus: "audio/ogg"
        case .flac: "audio/flac"
        case .aac: "audio/aac"
        case .mulaw: "audio/basic"
        case .alaw: "audio/x-alaw-basic"
        }
    }

    public var fileExtension: String {
        switch self {
        case .mulaw: "ul"
        case .alaw: "al"
        default: rawValue
        }
    }

    /// The rates that the format can have; nil: any of `sampleRateRangeHz`.
    ///
    /// Opus is always decoded at 48000 Hz; its rate here is that of the encoder, which decides what is kept of the treble.
    public var sampleRatesHz: [Int]? {
        switch self {
        case .wav, .pcm, .flac: nil
        case .mp3, .aac: [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000]
        case .opus: [8000, 12000, 16000, 24000, 48000]
        case .mulaw, .alaw: [8000]
        }
    }

    /// The rate when nobody asks for one: the source's, or the next above that the format can have. AAC has 48000 Hz, since
    /// its blocks are 1024 samples at any rate, and so the stream is half as late, and ends nearer to its samples, as at
    /// 24000 Hz.
    public func defaultSampleRateHz(source: Int) -> Int {
        let rates = self == .aac ? [48000] : sampleRatesHz
        guard let rates else {
            return min(max(source, Self.sampleRateRangeHz.lowerBound), Self.sampleRateRangeHz.upperBound)
        }
        return rates.first { $0 >= source } ?? rates[rates.count - 1]
    }

    /// The bit rates that can be asked for, in bits a second; nil where the samples alone decide.
    public func bitRates(sampleRateHz: Int) -> ClosedRange<Int>? {
        switch self {
        case .wav, .pcm, .flac, .mulaw, .alaw: nil
        case .mp3: sampleRateHz >= 32000 ? 32000...320_000 : sampleRateHz >= 16000 ? 8000...160_000 : 8000...64000
        case .opus: 6000...256_000
        // A block holds 6144 bits at most.
        case .aac: 8000...min(256_000, sampleRateHz * 6)
        }
    }

    func defaultBitRate(sampleRateHz: Int) -> Int {
        switch self {
        case .mp3: sampleRateHz >= 32000 ? 128_000 : sampleRateHz >= 16000 ? 96000 : 48000
        case .opus: sampleRateHz >= 24000 ? 64000 : 32000
        case .aac: sampleRateHz >= 32000 ? 96000 : min(64000, sampleRateHz * 4)
        default: 0
        }
    }
}
