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

    /// What conds.pt has beside, which nothing needs.
    static let unused = [
        "t3.emotion_adv": "a request's exaggeration takes its place",
        "gen.prompt_token_len": "the tokens of one voice are as many as they are",
        "gen.prompt_feat_len": "the frames of one voice are as many as they are",
    ]

    /// - Parameter scope: of the voice's own tensors.
    /// - Throws: `CheckpointError`.
    init(_ scope: WeightReader, name: String, t3 configuration: T3Configuration, s3gen: S3GenConfiguration) throws {
        func tokens(_ key: String) throws -> [Int32] { try scope.contains(key) ? scope.integers(key) : [] }
        self.name = name
        self.t3 = T3Cond(
            speakerEmb: try scope.tensor("t3.speaker_emb", shape: [1, configuration.speakerEmbedSize]),
            promptSpeechTokens: try tokens("t3.cond_prompt_speech_tokens"))
        let promptToken = try tokens("gen.prompt_token")
        var reference = S3GenReference(
            embedding: try scope.tensor("gen.embedding", shape: [1, s3gen.speakerEmbedDim]))
        if !promptToken.isEmpty {
            // A recording that is no whole number of tokens long has a frame too many.
            let ratio = s3gen.tokenMelRatio
            let found = scope.shape(of: "gen.prompt_feat") ?? []
            let frames = found.count == 3 ? max(found[1], promptToken.count * ratio) : promptToken.count * ratio
            let mel = try scope.tensor("gen.prompt_feat", shape: [1, frames, s3gen.outputSize])
            reference.promptToken = promptToken
            reference.promptFeat = try mel.sliced(axis: 1, from: 0, to: promptToken.count * ratio)
        }
        self.reference = reference
    }
}
