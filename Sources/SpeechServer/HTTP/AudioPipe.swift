import AudioDSP

/// Samples to the bytes of an answer: speed and effects, then the format.
///
/// Proof of Sendable: a pipe is used by one at a time, first the route's handler, then the body of its answer, which is
/// written once and after the handler has returned.
final class AudioPipe: @unchecked Sendable {
    private let filter: AudioFilter?
    /// Nil if the samples leave as they are.
    private let encoder: AudioEncoder?
    /// What comes in front of those.
    private var header: [UInt8] = []

    init(_ request: SpeakRequest, format: AudioFormat, sampleRateHz: Int) throws {
        filter =
            request.effects.isNone ? nil : try AudioFilter(request.effects, sampleRateHz: sampleRateHz)
        guard filter != nil || ![.wav, .pcm].contains(format) || request.sampleRateHz ?? sampleRateHz != sampleRateHz
        else {
            encoder = nil
            if format == .wav { header = WAV.header(sampleRateHz: sampleRateHz, sampleCount: nil) }
            return
        }
        encoder = try AudioEncoder(
            format: format, inputSampleRateHz: sampleRateHz, outputSampleRateHz: request.sampleRateHz)
    }

    /// - Returns: what is ready; often nothing.
    func bytes(_ samples: [Int16]) throws -> [UInt8] {
        guard let encoder else {
            defer { header = [] }
            return header + PCM16.bytes(samples)
        }
        guard let filter else { return try encoder.encode(Self.floats(samples)) }
        let filtered = try filter.process(Self.floats(samples))
        return filtered.isEmpty ? [] : try encoder.encode(filtered)
    }

    /// What is still inside.
    func finish() throws -> [UInt8] {
        guard let encoder else { return header }
        let rest = try filter?.finish() ?? []
        return try (rest.isEmpty ? [] : encoder.encode(rest)) + encoder.finish()
    }

    /// A file whose header tells its length.
    static func file(
        _ samples: [Int16], _ request: SpeakRequest, format: AudioFormat, sampleRateHz: Int
    ) throws -> [UInt8] {
        var samples = floats(samples)
        if !request.effects.isNone {
            let filter = try AudioFilter(request.effects, sampleRateHz: sampleRateHz)
            samples = try filter.process(samples) + filter.finish()
        }
        return try AudioEncoder.file(
            samples, format: format, inputSampleRateHz: sampleRateHz, outputSampleRateHz: request.sampleRateHz)
    }

    private static func floats(_ samples: [Int16]) -> [Float] { samples.map { Float($0) / 32767 } }
}
