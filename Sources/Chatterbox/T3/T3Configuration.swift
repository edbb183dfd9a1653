/// Sizes and constants of T3, section `t3` of config.json.
/// Source: resemble-ai/chatterbox models/t3/modules/t3_config.py, llama_configs.py
public struct T3Configuration: Codable, Sendable, Equatable {
    public var file: String
    public var backbone: Backbone
    public var hiddenSize: Int
    public var layerCount: Int
    public var headCount: Int
    public var headDim: Int
    public var intermediateSize: Int
    /// Llama's, which needs it.
    public var rmsNormEps: Float?
    /// Llama's, which needs it.
    public var ropeTheta: Double?
    public var ropeScaling: RoPEScaling?
    /// GPT-2's, which needs it.
    public var layerNormEps: Float?
    /// Positions of everything together that GPT-2 has learned.
    public var positionCount: Int?
    public var textVocabularySize: Int
    /// Put in front of the text; GPT-2 models have none.
    public var startTextToken: Int32?
    /// Put behind the text; GPT-2 models have none.
    public var stopTextToken: Int32?
    public var speechVocabularySize: Int
    public var startSpeechToken: Int32
    public var stopSpeechToken: Int32
    public var maxTextTokens: Int
    public var maxSpeechTokens: Int
    public var speakerEmbedSize: Int
    /// Prompt speech tokens given to the model with a voice; 0 if it takes none.
    public var speechCondPromptLength: Int
    public var usePerceiverResampler: Bool
    public var emotionAdv: Bool
    /// Speech tokens that S3Gen gets after the last one: some models end too close to the last sound.
    public var closingTokens: [Int32]?
    /// Heads whose attention moves over the text as it is spoken: `[layer, head]` each.
    public var alignmentHeads: [[Int]]
    /// All heads that read the text as it is spoken, for models that can be kept from going back in it: `[layer, head]` each.
    public var readingHeads: [[Int]]?
    public var sampling: Sampling

    /// The transformer inside. It decides more than that, as in the reference: a GPT-2 model has no position embeddings
    /// of text and speech, reads the start token once, has no guidance, and its speech head has a bias.
    public enum Backbone: String, Codable, Sendable, CaseIterable {
        case llama
        case gpt2
    }

    /// The text with its start and stop token, if the model has them.
    public func framed(_ text: [Int32]) -> [Int32] {
        (startTextToken.map { [$0] } ?? []) + text + (stopTextToken.map { [$0] } ?? [])
    }

    /// The heads of each layer, of `[layer, head]` pairs.
    func byLayer(_ heads: [[Int]]) -> [[Int]] {
        (0..<layerCount).map { layer in heads.filter { $0[0] == layer }.map { $0[1] } }
    }

    /// Every `[layer, head]`.
    package var allHeads: [[Int]] {
        (0..<layerCount).flatMap { layer in (0..<headCount).map { [layer, $0] } }
    }

    /// Sampling that a request doesn't set.
    public struct Sampling: Codable, Sendable, Equatable {
        public var repetitionPenalty: Float
        public var minP: Float
        /// Keeps the `topK` likeliest tokens; all if it is 0 or left out.
        public var topK: Int?
        /// Whether the repetition penalty comes after all other filters, as the GPT-2 models have it; else it is first.
        public var repetitionPenaltyLast: Bool?
        /// A request's temperature is multiplied by it: a small model wants less than the 0.8 that clients ask for.
        /// 1 if it is left out.
        public var temperatureScale: Float?

        enum CodingKeys: String, CodingKey {
            case repetitionPenalty = "repetition_penalty"
            case minP = "min_p"
            case topK = "top_k"
            case repetitionPenaltyLast = "repetition_penalty_last"
            case temperatureScale = "temperature_scale"
        }
    }

    /// Llama 3's scaling of low RoPE frequencies.
    public struct RoPEScaling: Codable, Sendable, Equatable {
        public var factor: Double
        public var lowFreqFactor: Double
        public var highFreqFactor: Double
        public var originalMaxPositionEmbeddings: Double
        /// `llama3`, the only one.
        public var ropeType: String

        enum CodingKeys: String, CodingKey {
            case factor
            case lowFreqFactor = "low_freq_factor"
            case highFreqFactor = "high_freq_factor"
            case originalMaxPositionEmbeddings = "original_max_position_embeddings"
            case ropeType = "rope_type"
        }
    }

    enum CodingKeys: String, CodingKey {
        case file, backbone, sampling
        case hiddenSize = "hidden_size"
        case layerCount = "num_hidden_layers"
        case headCount = "num_attention_heads"
        case headDim = "head_dim"
        case intermediateSize = "intermediate_size"
        case rmsNormEps = "rms_norm_eps"
        case ropeTheta = "rope_theta"
        case ropeScaling = "rope_scaling"
        case layerNormEps = "layer_norm_epsilon"
        case positionCount = "n_positions"
        case textVocabularySize = "text_tokens_dict_size"
        case startTextToken = "start_text_token"
        case stopTextToken = "stop_text_token"
        case speechVocabularySize = "speech_tokens_dict_size"
        case startSpeechToken = "start_speech_token"
        case stopSpeechToken = "stop_speech_token"
        case maxTextTokens = "max_text_tokens"
        case maxSpeechTokens = "max_speech_tokens"
        case speakerEmbedSize = "speaker_embed_size"
        case speechCondPromptLength = "speech_cond_prompt_len"
        case usePerceiverResampler = "use_perceiver_resampler"
        case emotionAdv = "emotion_adv"
        case closingTokens = "closing_tokens"
        case alignmentHeads = "alignment_heads"
        case readingHeads = "reading_heads"
    }

    /// A field that the backbone can't do without. Decoding a config.json has checked it; T3 can be made from a
    /// configuration of other origin.
    func needed<Value>(_ value: Value?, _ field: String) throws -> Value {
        guard let value else {
            throw ChatterboxError.configuration(
                file: file, field: "t3.\(field)", problem: "missing, and the backbone \(backbone.rawValue) needs it")
        }
        return value
    }
}
