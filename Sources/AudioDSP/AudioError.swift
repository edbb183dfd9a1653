/// What can be wrong with audio.
public enum AudioError: Error, Equatable, CustomStringConvertible {
    /// Bytes that are no WAV file, or one cut short.
    case notWAV(reason: String)
    /// A WAV file in an encoding that is not read here.
    case unsupportedWAV(formatTag: Int, bitsPerSample: Int)
    /// Numbers that do not make a transform.
    case transform(expected: String, found: Int)
    // A media file that can't be decoded.
    case empty
    case tooLarge(byteCount: Int, limit: Int)
    case unreadable(file: String, reason: String)
    case unknownFormat
    case noAudio(format: String)
    case unsupportedCodec(name: String, format: String)
    case damaged(reason: String)
    case tooLong(limitSeconds: Double)
    case noMemory
    /// A recording that no voice can be made of. `property` is what was measured.
    case recording(property: RecordingQuality.Property, found: String, allowed: String)

    /// A value that was asked for and can't be had.
    case parameter(field: String, value: String, allowed: String)
    /// What FFmpeg's encoders or filters could not do.
    case encoder(reason: String)
    case filter(reason: String)

    public var description: String {
        switch self {
        case .notWAV(let reason): "not a WAV file: \(reason)"
        case .unsupportedWAV(let tag, let bits): "a WAV file of format \(tag) with \(bits) bits is not supported"
        case .transform(let expected, let found): "transform: expected \(expected), found \(found)"
        case .empty: "the recording has no bytes"
        case .tooLarge(let count, let limit): "the recording has \(count) bytes, allowed are \(limit)"
        case .unreadable(let file, let reason): "\(file): can't be read: \(reason)"
        case .unknownFormat: "the recording is no media file that is known here: send \(MediaFile.formats)"
        case .noAudio(let format): "the recording (\(format)) has no sound in it"
        case .unsupportedCodec(let name, let format):
            "the recording's sound (\(name) in \(format)) can't be decoded here"
        case .damaged(let reason): "the recording is damaged: \(reason)"
        case .tooLong(let limit): "the recording is longer than \(Int(limit)) s, the most that is read"
        case .noMemory: "no memory for audio"
        case .recording(let property, let found, let allowed):
            "the recording's \(property.rawValue) is \(found), allowed is \(allowed)"
        case .parameter(let field, let value, let allowed): "\(field) is \(value), allowed is \(allowed)"
        case .encoder(let reason): "audio can't be encoded: \(reason)"
        case .filter(let reason): "audio can't be filtered: \(reason)"
        }
    }
}
