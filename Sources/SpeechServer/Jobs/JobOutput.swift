import AudioDSP
import Foundation
import VoiceLibrary

/// Puts the chunks of a job together: levels matched, pauses between, encoded as it was asked for. No more than a chunk is
/// in memory.
struct JobOutput: Sendable {
    let store: JobStore
    let format: AudioFormat

    /// Chunks are brought to their median loudness, but by no more than this: they are one speaker's already.
    private static let maxGainDb = 3.0

    /// - Returns: seconds of audio.
    func write(_ job: Job) async throws -> Double {
        let chunks = try await store.chunks(of: job.id)
        let draft = store.outputDraft(of: job)
        let format = format
        // Reading, resampling and encoding minutes of sound is no work for threads that serve others.
        return try await Task.detached { try Self.write(chunks, to: draft, as: format) }.value
    }

    private static func write(_ chunks: [JobChunk], to draft: URL, as format: AudioFormat) throws -> Double {
        var levels: [Double] = []
        var rate = 0
        var total = 0
        for chunk in chunks {
            let contents = try read(chunk)
            guard rate == 0 || rate == contents.sampleRateHz else {
                throw ServerError.libraryFailed(
                    reason: "chunk \(chunk.index) has \(contents.sampleRateHz) samples a second, others \(rate)")
            }
            rate = contents.sampleRateHz
            total += contents.samples.count + pause(after: chunk, rate)
            if let level = Loudness.integrated(contents.samples, sampleRateHz: rate) { levels.append(level) }
        }
        let target = levels.sorted().dropFirst(levels.count / 2).first
        let encoder = try AudioEncoder(format: format, inputSampleRateHz: rate, totalSampleCount: total)
        try Data().write(to: draft)
        let file = try FileHandle(forWritingTo: draft)
        defer { try? file.close() }
        for chunk in chunks {
            var samples = try read(chunk).samples
            if let target, let level = Loudness.integrated(samples, sampleRateHz: rate) {
                let gain = Float(pow(10, min(max(target - level, -maxGainDb), maxGainDb) / 20))
                for index in samples.indices { samples[index] *= gain }
            }
            samples += [Float](repeating: 0, count: pause(after: chunk, rate))
            try file.write(contentsOf: encoder.encode(samples))
        }
        try file.write(contentsOf: encoder.finish())
        try file.synchronize()
        return Double(total) / Double(rate)
    }

    private static func pause(after chunk: JobChunk, _ rate: Int) -> Int { chunk.pauseAfterMs * rate / 1000 }

    private static func read(_ chunk: JobChunk) throws -> WAV.Contents {
        guard let url = chunk.audioURL else {
            throw ServerError.libraryFailed(reason: "chunk \(chunk.index) has no audio")
        }
        return try WAV.read([UInt8](Data(contentsOf: url)))
    }
}
