import Tensors

/// What T3 knows beside the text: who speaks and how.
/// Source: resemble-ai/chatterbox models/t3/modules/cond_enc.py
public struct T3Cond: Sendable, Equatable {
    /// `[1, speakerEmbedSize]`, from the voice encoder.
    public var speakerEmb: Tensor
    /// Speech tokens of the reference recording; empty if the model takes none.
    public var promptSpeechTokens: [Int32]
    /// Emotion intensity, the request's exaggeration; unused by models without `emotion_adv`.
    public var emotionAdv: Float

    public init(speakerEmb: Tensor, promptSpeechTokens: [Int32] = [], emotionAdv: Float = 0.5) {
        self.speakerEmb = speakerEmb
        self.promptSpeechTokens = promptSpeechTokens
        self.emotionAdv = emotionAdv
    }
}

/// Turns `T3Cond` into the positions in front of the text.
/// Source: resemble-ai/chatterbox models/t3/modules/cond_enc.py
struct T3CondEnc: Sendable {
    private let speaker: Linear
    private let emotion: Linear?
    private let perceiver: Perceiver?
    private let speakerEmbedSize: Int
    private let hiddenSize: Int

    init(_ layers: LayerReader, configuration: T3Configuration) throws {
        (speakerEmbedSize, hiddenSize) = (configuration.speakerEmbedSize, configuration.hiddenSize)
        speaker = try layers.linear("spkr_enc", speakerEmbedSize, hiddenSize)
        emotion = configuration.emotionAdv ? try layers.linear("emotion_adv_fc", 1, hiddenSize, bias: false) : nil
        perceiver =
            configuration.usePerceiverResampler ? try Perceiver(layers.scope("perceiver"), width: hiddenSize) : nil
    }

    /// - Parameter prompt: embedded prompt tokens `[1, P, D]`, nil if there are none.
    /// - Returns: `[1, n, D]`: speaker, prompt (or what the perceiver makes of it), emotion.
    func callAsFunction(_ cond: T3Cond, prompt: Tensor?) throws -> Tensor {
        guard cond.speakerEmb.count == speakerEmbedSize else {
            throw ChatterboxError.input(
                what: "speaker_emb", expected: "[1, \(speakerEmbedSize)]", found: "\(cond.speakerEmb.shape)")
        }
        var parts = [try speaker(cond.speakerEmb.reshaped([1, 1, speakerEmbedSize]))]
        if let prompt { parts.append(try perceiver?(prompt) ?? prompt) }
        if let emotion { parts.append(try emotion(Tensor([cond.emotionAdv], shape: [1, 1, 1]))) }
        return try Tensor.concatenated(parts, axis: 1)
    }
}

/// Resamples a prompt of any length to 32 positions: learned queries attend to it, then to themselves.
/// Source: resemble-ai/chatterbox models/t3/modules/perceiver.py
struct Perceiver: Sendable {
    /// Fixed in the reference.
    static let queryCount = 32
    static let headCount = 4

    private let query: Tensor
    private let norm: LayerNorm
    private let toQ: Linear
    private let toKV: Linear
    private let output: Linear
    private let width: Int

    init(_ layers: LayerReader, width: Int) throws {
        query = try layers.tensor("pre_attention_query", [1, Self.queryCount, width])
        let attention = layers.scope("attn")
        norm = try attention.layerNorm("norm", width)
        toQ = try attention.linear("to_q", width, width)
        toKV = try attention.linear(fusing: ["to_k", "to_v"], width, width)
        output = try attention.linear("proj_out", width, width)
        self.width = width
    }

    /// - Parameter h: `[1, P, D]`.
    /// - Returns: `[1, 32, D]`.
    func callAsFunction(_ h: Tensor) throws -> Tensor {
        let queried = try attend(query, to: h)
        return try attend(queried, to: queried)
    }

    private func attend(_ x: Tensor, to source: Tensor) throws -> Tensor {
        let headDim = width / Self.headCount
        let q = try toQ(norm(x)).reshaped([1, x.shape[1], Self.headCount, headDim]).transposed(1, 2)
        let kv = try toKV(norm(source)).reshaped([1, source.shape[1], 2 * Self.headCount, headDim]).transposed(1, 2)
        let mixed = try attention(
            q: q, k: kv.sliced(axis: 1, from: 0, to: Self.headCount),
            v: kv.sliced(axis: 1, from: Self.headCount, to: 2 * Self.headCount), scale: 1 / Float(headDim).squareRoot())
        return try x + output(mixed.transposed(1, 2).reshaped([1, x.shape[1], width]))
    }
}
