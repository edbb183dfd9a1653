import AudioDSP

/// Samples to the bytes of an answer: speed and effects, then the format.
///
/// Proof of Sendable: a pipe is used by one at a time, first the route's handler, then the body of its answer, which is
/// written once and after the handler has returned.
final class AudioPipe: @unchecked Sendable {
    private let filter: AudioFilter?
    private let encoder: AudioEncoder

    init(_ request: SpeakRequest, format: AudioFormat, sampleRateHz: Int) throws {
        filter =
            request.effects.isNone ? nil : try AudioFilter(request.effects, sampleRateHz: sampleRateHz)
        encoder = try AudioEncoder(
            format: format, inputSampleRateHz: sampleRateHz, outputSampleRateHz: request.sampleRateHz)
    }

    /// - Returns: what is ready; often nothing.
    func bytes(_ samples: [Float]) throws -> [UInt8] {
        guard let filter else { return try encoder.encode(samples) }
        let filtered = try filter.process(samples)
        return filtered.isEmpty ? [] : try encoder.encode(filtered)
    }

    /// What is still inside.
    func finish() throws -> [UInt8] {
        let rest = try filter?.finish() ?? []
        return try (rest.isEmpty ? [] : encoder.encode(rest)) + encoder.finish()
    }

    /// A file whose header tells its length.
    static func file(
        _ samples: [Float], _ request: SpeakRequest, format: AudioFormat, sampleRateHz: Int
    ) throws -> [UInt8] {
        var samples = samples
        if !request.effects.isNone {
            let filter = try AudioFilter(request.effects, sampleRateHz: sampleRateHz)
            samples = try filter.process(samples) + filter.finish()
        }
        return try AudioEncoder.file(
            samples, format: format, inputSampleRateHz: sampleRateHz, outputSampleRateHz: request.sampleRateHz)
    }
}
