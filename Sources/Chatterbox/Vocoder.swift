import Tensors

/// Mel to waveform, streaming: any chunking of the mel gives the samples of one shot.
public protocol Vocoder: Sendable {
    /// Samples of one mel frame.
    var samplesPerFrame: Int { get }
    /// The state before the first frame. Noise is a function of `seed` and absolute time.
    func makeState(seed: UInt64) -> VocoderState
    /// - Parameter mel: `[1, 80, frames]` log-mel, the next frames; may have none.
    /// - Returns: the samples that are final now, in ±1.
    /// - Throws: `TensorError.shape`; `ChatterboxError.input` after `flush`.
    func step(_ mel: Tensor, state: inout VocoderState) throws -> [Float]
    /// The rest of the samples; ends the stream.
    func flush(state: inout VocoderState) throws -> [Float]
}

/// What a vocoder carries from one step to the next. A value: copying it forks the stream.
public enum VocoderState: Sendable {
    case sourceFilter(SourceFilterVocoder.State)
    case hift(HiFTGenerator.State)
}

/// Section `vocoder` of config.json; its `type` says which.
public enum VocoderConfiguration: Codable, Sendable, Equatable {
    case sourceFilter(SourceFilterConfiguration)
    case hift(HiFTConfiguration)

    private enum CodingKeys: String, CodingKey { case type }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let type = try container.decode(String.self, forKey: .type)
        switch type {
        case "source_filter": self = .sourceFilter(try SourceFilterConfiguration(from: decoder))
        case "hift": self = .hift(try HiFTConfiguration(from: decoder))
        default:
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: container, debugDescription: "expected source_filter or hift, found '\(type)'")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .sourceFilter(let configuration):
            try container.encode("source_filter", forKey: .type)
            try configuration.encode(to: encoder)
        case .hift(let configuration):
            try container.encode("hift", forKey: .type)
            try configuration.encode(to: encoder)
        }
    }

    func validate(_ check: inout ConfigurationCheck) throws {
        switch self {
        case .sourceFilter(let configuration): try configuration.validate(&check)
        case .hift(let configuration): try configuration.validate(&check)
        }
    }
}
