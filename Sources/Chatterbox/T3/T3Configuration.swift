/// Sizes and constants of T3, section `t3` of config.json.
/// Source: resemble-ai/chatterbox models/t3/modules/t3_config.py, llama_configs.py
public struct T3Configuration: Codable, Sendable, Equatable {
    public var file: String
    /// `llama`, the only one so far.
    public var backbone: String
    public var hiddenSize: Int
    public var layerCount: Int
    public var headCount: Int
    public var headDim: Int
    public var intermediateSize: Int
    public var rmsNormEps: Float
    public var ropeTheta: Double
    public var ropeScaling: RoPEScaling?
    public var textVocabularySize: Int
    public var startTextToken: Int32
    public var stopTextToken: Int32
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
    /// Heads whose attention moves over the text as it is spoken: `[layer, head]` each.
    public var alignmentHeads: [[Int]]
    public var sampling: Sampling

    /// Sampling that a request doesn't set.
    public struct Sampling: Codable, Sendable, Equatable {
        public var repetitionPenalty: Float
        public var minP: Float
        /// A request's temperature is multiplied by it: a small model wants less than the 0.8 that clients ask for.
        /// 1 if it is left out.
        public var temperatureScale: Float?

        enum CodingKeys: String, CodingKey {
            case repetitionPenalty = "repetition_penalty"
            case minP = "min_p"
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
        case alignmentHeads = "alignment_heads"
    }

    func validate(_ check: inout ConfigurationCheck) throws {
        try check.fileName(file, "file")
        try check.require(backbone == "llama", "backbone", "expected llama, found '\(backbone)'")
        for (value, field) in [
            (hiddenSize, "hidden_size"), (layerCount, "num_hidden_layers"), (headCount, "num_attention_heads"),
            (headDim, "head_dim"), (intermediateSize, "intermediate_size"),
            (textVocabularySize, "text_tokens_dict_size"), (speechVocabularySize, "speech_tokens_dict_size"),
            (maxTextTokens, "max_text_tokens"), (maxSpeechTokens, "max_speech_tokens"),
            (speakerEmbedSize, "speaker_embed_size"),
        ] {
            try check.size(value, field)
        }
        try check.size(speechCondPromptLength, "speech_cond_prompt_len", atLeast: 0)
        try check.require(headDim % 2 == 0, "head_dim", "expected an even number, found \(headDim)")
        try check.require(rmsNormEps > 0 && rmsNormEps < 1, "rms_norm_eps", "expected 0 to 1, found \(rmsNormEps)")
        try check.require(ropeTheta > 1, "rope_theta", "expected more than 1, found \(ropeTheta)")
        for (token, size, field) in [
            (startTextToken, textVocabularySize, "start_text_token"),
            (stopTextToken, textVocabularySize, "stop_text_token"),
            (startSpeechToken, speechVocabularySize, "start_speech_token"),
            (stopSpeechToken, speechVocabularySize, "stop_speech_token"),
        ] {
            try check.require(
                (0..<size).contains(Int(token)), field, "expected a token below \(size), found \(token)")
        }
        try check.require(
            alignmentHeads.allSatisfy {
                $0.count == 2 && (0..<layerCount).contains($0[0]) && (0..<headCount).contains($0[1])
            }, "alignment_heads", "expected pairs of layer and head, found \(alignmentHeads)")
        if let scaling = ropeScaling {
            try check.scope("rope_scaling") { check in
                try check.require(scaling.ropeType == "llama3", "rope_type", "expected llama3")
                try check.require(scaling.factor >= 1, "factor", "expected at least 1, found \(scaling.factor)")
                try check.require(
                    scaling.lowFreqFactor > 0 && scaling.highFreqFactor > scaling.lowFreqFactor, "high_freq_factor",
                    "expected more than low_freq_factor, and both positive")
                try check.require(
                    scaling.originalMaxPositionEmbeddings > 0, "original_max_position_embeddings",
                    "expected a positive number")
            }
        }
        try check.scope("sampling") { check in
            try check.require(
                sampling.repetitionPenalty > 0, "repetition_penalty", "expected a positive number")
            try check.require(
                (0.05...20).contains(sampling.temperatureScale ?? 1), "temperature_scale",
                "expected a factor of 0.05 to 20")
            try check.require((0...1).contains(sampling.minP), "min_p", "expected 0 to 1, found \(sampling.minP)")
        }
    }
}
