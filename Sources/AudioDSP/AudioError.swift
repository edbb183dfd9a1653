/// What can be wrong with audio.
public enum AudioError: Error, Equatable, CustomStringConvertible {
    /// Bytes that are no WAV file, or one cut short.
    case notWAV(reason: String)
    /// A WAV file in an encoding that is not read here.
    case unsupportedWAV(formatTag: Int, bitsPerSample: Int)
    /// Numbers that do not make a transform.
    case transform(expected: String, found: Int)

    public var description: String {
        switch self {
        case .notWAV(let reason): "not a WAV file: \(reason)"
        case .unsupportedWAV(let tag, let bits): "a WAV file of format \(tag) with \(bits) bits is not supported"
        case .transform(let expected, let found): "transform: expected \(expected), found \(found)"
        }
    }
}
