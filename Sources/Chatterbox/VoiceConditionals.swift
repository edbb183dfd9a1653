import Checkpoints
import Tensors

/// A voice: what T3 and S3Gen are conditioned on.
public struct VoiceConditionals: Sendable, Equatable {
    public let name: String
    /// T3's part; set `emotionAdv` to the request's exaggeration.
    public let t3: T3Cond
    public let reference: S3GenReference

    public init(name: String, t3: T3Cond, reference: S3GenReference) {
        self.name = name
        self.t3 = t3
        self.reference = reference
    }

    /// Reads the tensors under the voice's name.
    /// - Throws: `CheckpointError`.
    init(_ reader: WeightReader, name: String, t3 configuration: T3Configuration, s3gen: S3GenConfiguration) throws {
        let scope = reader.scope(name)
        func tokens(_ key: String) throws -> [Int32] { try scope.contains(key) ? scope.integers(key) : [] }
        let prompt = try tokens("t3.cond_prompt_speech_tokens")
        let promptToken = try tokens("gen.prompt_token")
        let frames = promptToken.count * s3gen.tokenMelRatio
        self.name = name
        self.t3 = T3Cond(
            speakerEmb: try scope.tensor("t3.speaker_emb", shape: [1, configuration.speakerEmbedSize]),
            promptSpeechTokens: prompt)
        self.reference = S3GenReference(
            embedding: try scope.tensor("gen.embedding", shape: [1, s3gen.speakerEmbedDim]), promptToken: promptToken,
            promptFeat: promptToken.isEmpty
                ? nil : try scope.tensor("gen.prompt_feat", shape: [1, frames, s3gen.outputSize]))
    }
}
