import Foundation
import Tensors

/// Speech tokens to samples, chunk by chunk, so that a listener can't tell where the chunks were: S3Gen hears the context
/// again, its noise is fixed for each absolute frame, the last frames of a chunk wait and are cross-faded with what the
/// next pass makes of them, and the vocoder carries its state.
package struct ChunkSynthesizer<Model: SpeechModel>: Sendable {
    private let model: Model
    private let voice: Model.Voice
    private let seed: UInt64
    private let contextWindow: Int
    /// Frames that wait at a join.
    private let blended: Int
    private let fadeInSamples: Int
    private let spillOverSamples: Int
    private var vocoder: Model.VocoderState
    /// Tokens of the piece being spoken; a piece begins and ends in silence, so that no context crosses its borders.
    private var tokens: [Int32] = []
    /// Absolute index of `tokens[0]`.
    private var pieceStart = 0
    /// Frames of the piece that the vocoder has had.
    private var vocoded = 0
    /// The last pass's frames after those, `[1, 80, n]`.
    private var waiting: Tensor?
    /// Where the audio of the piece begins, in frames since the start.
    package private(set) var pieceFrame = 0
    /// Frames of silence due before the next tokens.
    private var silentFrames = 0
    /// Samples made so far.
    package private(set) var sampleCount = 0

    package init(model: Model, voice: Model.Voice, request: SpeechRequest, seed: UInt64) {
        self.model = model
        self.voice = voice
        self.seed = seed
        contextWindow = request.contextWindow
        let fadeMs = request.enableFadeIn ? request.fadeInDurationMs : 0
        let frameMs = 1000 * model.samplesPerFrame / model.sampleRateHz
        blended = (fadeMs + frameMs - 1) / frameMs
        fadeInSamples = fadeMs * model.sampleRateHz / 1000
        spillOverSamples = model.spillOverSamples
        vocoder = model.vocoderState(seed: seed)
    }

    /// - Parameters:
    ///   - new: the piece's next tokens.
    ///   - endsPiece: whether no more follow in this piece; then nothing is held back, and a short pause follows.
    ///   - checkpoint: called before every step of the flow; throws to cancel.
    /// - Returns: samples in ±1 that are final now.
    package mutating func step(
        _ new: [Int32], endsPiece: Bool, checkpoint: () throws -> Void = {}
    ) throws -> [Float] {
        tokens += new
        if endsPiece, !tokens.isEmpty { tokens += model.closingTokens }
        var parts = [try silence(silentFrames), try decoded(endsPiece: endsPiece, checkpoint: checkpoint)]
        silentFrames = 0
        if endsPiece {
            if !tokens.isEmpty {
                parts.append(try silence(Self.pieceGap))
                pieceFrame += tokens.count * model.framesPerToken + Self.pieceGap
            }
            pieceStart += tokens.count
            (tokens, vocoded, waiting) = ([], 0, nil)
        }
        return faded(try model.vocode(Tensor.concatenated(parts, axis: 2), &vocoder))
    }

    /// Tells that another sentence follows. With what pieces begin and end with, about 0.6 s are silent then: less than
    /// people leave, enough to hear that the sentence is over.
    package mutating func pauseBetweenSentences() {
        silentFrames += Self.sentenceGap
        pieceFrame += Self.sentenceGap
    }

    /// Frames of silence behind a piece, and those besides between sentences.
    private static var pieceGap: Int { 6 }
    private static var sentenceGap: Int { 15 }

    /// The rest of the samples, at the very end.
    package mutating func flush() throws -> [Float] { faded(try model.flush(&vocoder)) }

    /// The piece's frames that can go to the vocoder now.
    private mutating func decoded(endsPiece: Bool, checkpoint: () throws -> Void) throws -> Tensor {
        let ratio = model.framesPerToken
        let known = max(0, (tokens.count - (endsPiece ? 0 : model.lookaheadTokens)) * ratio)
        guard known > vocoded else { return Tensor(zeros: [1, 80, 0]) }
        let firstNew = vocoded / ratio
        let start = max(0, firstNew - contextWindow)
        let pass = try model.mel(
            tokens: Array(tokens[start...]), context: firstNew - start, firstToken: pieceStart + start, voice: voice,
            seed: seed, finalize: endsPiece, checkpoint: checkpoint)
        var fresh = try pass.sliced(axis: 2, from: vocoded - firstNew * ratio, to: pass.shape[2])
        if let waiting { fresh = try crossFaded(from: waiting, to: fresh) }
        let kept = endsPiece ? 0 : min(blended, fresh.shape[2])
        let ready = fresh.shape[2] - kept
        waiting = kept > 0 ? try fresh.sliced(axis: 2, from: ready, to: fresh.shape[2]) : nil
        vocoded += ready
        return try fresh.sliced(axis: 2, from: 0, to: ready)
    }

    /// `new`, its first frames blended linearly from `old` to itself.
    private func crossFaded(from old: Tensor, to new: Tensor) throws -> Tensor {
        let (frames, total, channels) = (min(old.shape[2], new.shape[2]), new.shape[2], new.shape[1])
        let before = old.values
        var values = new.values
        for channel in 0..<channels {
            for frame in 0..<frames {
                let weight = Float(frame + 1) / Float(frames + 1)
                let at = channel * total + frame
                values[at] = before[channel * old.shape[2] + frame] * (1 - weight) + values[at] * weight
            }
        }
        return try Tensor(values, shape: new.shape)
    }

    private func silence(_ frames: Int) throws -> Tensor {
        try Tensor([Float](repeating: log(1e-5), count: 80 * frames), shape: [1, 80, frames])
    }

    /// Fades the very start in and counts.
    private mutating func faded(_ samples: [Float]) -> [Float] {
        defer { sampleCount += samples.count }
        let end = max(fadeInSamples, 2 * spillOverSamples)
        guard sampleCount < end else { return samples }
        var samples = samples
        for index in 0..<min(samples.count, end - sampleCount) { samples[index] *= gain(sampleCount + index) }
        return samples
    }

    private func gain(_ index: Int) -> Float {
        let asked = index < fadeInSamples ? Float(index) / Float(fadeInSamples) : 1
        guard index < 2 * spillOverSamples else { return asked }
        guard index >= spillOverSamples else { return 0 }
        let angle = 1 - Float(index - spillOverSamples) / Float(max(spillOverSamples - 1, 1))
        return min(asked, (cosf(angle * Float.pi) + 1) / 2)
    }
}
