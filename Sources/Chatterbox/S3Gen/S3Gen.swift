import Checkpoints
import Tensors

/// Whose voice S3Gen speaks with, and the recording it goes on from.
public struct S3GenReference: Sendable, Equatable {
    /// `[1, speakerEmbedDim]`, the x-vector.
    public var embedding: Tensor
    /// Speech tokens of the recording; empty if there is none.
    public var promptToken: [Int32]
    /// Mel of the recording, `[1, 2 promptToken.count, 80]`.
    public var promptFeat: Tensor

    public init(embedding: Tensor, promptToken: [Int32] = [], promptFeat: Tensor? = nil) {
        self.embedding = embedding
        self.promptToken = promptToken
        self.promptFeat = promptFeat ?? Tensor(zeros: [1, 0, 80])
    }
}

/// Speech tokens to mel: encoder and flow.
/// Source: resemble-ai/chatterbox models/s3gen/flow.py `CausalMaskedDiffWithXvec`
public struct S3Gen: Sendable {
    public let configuration: S3GenConfiguration
    private let inputEmbedding: Embedding
    private let speakerAffine: Linear
    private let encoder: UpsampleConformerEncoder
    private let encoderProjection: Linear
    private let decoder: CausalConditionalCFM

    /// What happens inside a pass, for parity tests. All `[.., T, C]`.
    package struct Trace {
        package let encoded: Tensor
        package let mu: Tensor
        package let speaker: Tensor
        package let states: [Tensor]
        package let velocities: [Tensor]
    }

    /// Where a pass gets its noise.
    package enum Noise {
        case seed(UInt64)
        /// `[1, T, 80]`, one row for each frame of the pass, the prompt's included.
        case recorded(Tensor)
    }

    /// Reads the weights under `flow.`; the caller audits, since the vocoder may be in the same file.
    public init(_ reader: WeightReader, configuration: S3GenConfiguration, precision: Precision) throws {
        let layers = LayerReader(reader: reader.scope("flow"), precision: precision)
        self.configuration = configuration
        self.inputEmbedding = try layers.embedding(
            "input_embedding", configuration.vocabularySize, configuration.inputSize)
        self.speakerAffine = try layers.linear(
            "spk_embed_affine_layer", configuration.speakerEmbedDim, configuration.outputSize)
        self.encoder = try UpsampleConformerEncoder(layers.scope("encoder"), configuration: configuration)
        self.encoderProjection = try layers.linear(
            "encoder_proj", configuration.encoder.outputSize, configuration.outputSize)
        let decoderLayers = LayerReader(reader: layers.reader, precision: configuration.decoder.precision ?? precision)
        self.decoder = try CausalConditionalCFM(decoderLayers.scope("decoder"), configuration: configuration)
    }

    /// Mel frames of `tokens`.
    /// - Parameters:
    ///   - tokens: the context and what follows it.
    ///   - context: so many tokens in front are only context; their frames aren't returned.
    ///   - firstToken: index of `tokens[0]` in the utterance. Noise is a function of seed and absolute frame, so passes
    ///     that overlap see the same noise.
    ///   - finalize: whether the tokens end here. If not, the last `preLookaheadLength` tokens are only looked at.
    ///   - checkpoint: called before every flow step; may throw to cancel.
    /// - Returns: `[1, 80, frames]`, two frames for each token that is neither context nor held back.
    /// - Throws: `ChatterboxError.token`, `.input`; what `checkpoint` throws.
    public func mel(
        tokens: [Int32], context: Int, firstToken: Int, reference: S3GenReference, seed: UInt64, finalize: Bool,
        checkpoint: () throws -> Void = {}
    ) throws -> Tensor {
        try mel(
            tokens: tokens, context: context, firstToken: firstToken, reference: reference, noise: .seed(seed),
            finalize: finalize, stepCount: configuration.decoder.stepCount, checkpoint: checkpoint, trace: nil)
    }

    package func mel(
        tokens: [Int32], context: Int, firstToken: Int, reference: S3GenReference, noise: Noise, finalize: Bool,
        stepCount: Int, checkpoint: () throws -> Void = {}, trace: ((Trace) -> Void)?
    ) throws -> Tensor {
        let (ratio, mel) = (configuration.tokenMelRatio, configuration.outputSize)
        try check(tokens: tokens, context: context, reference: reference)
        let held = finalize ? 0 : configuration.preLookaheadLength
        guard tokens.count > context + held else { return Tensor(zeros: [1, mel, 0]) }

        let speaker = try speakerAffine(Self.normalized(reference.embedding.reshaped([1, -1])))
        let all = reference.promptToken + tokens
        let encoded = try encoder(
            inputEmbedding(all).reshaped([1, all.count, configuration.inputSize]))
        let length = (all.count - held) * ratio
        let mu = try encoderProjection(encoded.sliced(axis: 1, from: 0, to: length))
        let prompt = reference.promptFeat.shape[1]
        let state = try self.noise(noise, length: length, firstFrame: firstToken * ratio - prompt)
        var steps: [(Tensor, Tensor)] = []
        let result = try decoder(
            noise: state, mu: mu, speaker: speaker,
            prompt: Tensor.concatenated(
                [reference.promptFeat, Tensor(zeros: [1, length - prompt, mel])], axis: 1),
            stepCount: stepCount, checkpoint: checkpoint, trace: trace == nil ? nil : { steps.append(($0, $1)) })
        trace?(
            Trace(encoded: encoded, mu: mu, speaker: speaker, states: steps.map(\.0), velocities: steps.map(\.1)))
        return try result.sliced(axis: 1, from: prompt + context * ratio, to: length).transposed(1, 2)
    }

    private func noise(_ noise: Noise, length: Int, firstFrame: Int) throws -> Tensor {
        let mel = configuration.outputSize
        switch noise {
        case .recorded(let tensor):
            guard tensor.shape == [1, length, mel] else {
                throw TensorError.shape(op: "S3Gen noise", expected: "[1, \(length), \(mel)]", found: tensor.shape)
            }
            return tensor
        case .seed(let seed):
            let generator = GaussianNoise(seed: seed, stream: .flow)
            return Tensor(shape: [1, length, mel]) { out in
                for frame in 0..<length {
                    generator.fill(
                        UnsafeMutableBufferPointer(rebasing: out[frame * mel..<(frame + 1) * mel]),
                        row: firstFrame + frame)
                }
            }
        }
    }

    private func check(tokens: [Int32], context: Int, reference: S3GenReference) throws {
        for token in tokens + reference.promptToken where token < 0 || token >= configuration.vocabularySize {
            throw ChatterboxError.token(
                kind: "speech", id: token, vocabularySize: configuration.vocabularySize)
        }
        guard (0...tokens.count).contains(context) else {
            throw ChatterboxError.input(what: "context", expected: "0 to \(tokens.count)", found: "\(context)")
        }
        let frames = reference.promptToken.count * configuration.tokenMelRatio
        guard reference.promptFeat.shape == [1, frames, configuration.outputSize] else {
            throw ChatterboxError.input(
                what: "prompt_feat", expected: "[1, \(frames), \(configuration.outputSize)]",
                found: "\(reference.promptFeat.shape)")
        }
        guard reference.embedding.count == configuration.speakerEmbedDim else {
            throw ChatterboxError.input(
                what: "embedding", expected: "[1, \(configuration.speakerEmbedDim)]",
                found: "\(reference.embedding.shape)")
        }
    }

    /// To unit length, as the reference does.
    private static func normalized(_ x: Tensor) -> Tensor {
        let norm = x.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return x * (1 / max(norm, 1e-12))
    }
}
