import Tensors

/// Sizes of S3Gen's token-to-mel part, section `s3gen` of config.json.
/// Source: resemble-ai/chatterbox models/s3gen/s3gen.py
public struct S3GenConfiguration: Codable, Sendable, Equatable {
    public var file: String
    public var vocabularySize: Int
    public var inputSize: Int
    /// Mel bins.
    public var outputSize: Int
    public var speakerEmbedDim: Int
    /// Mel frames of one token.
    public var tokenMelRatio: Int
    /// Tokens ahead that the encoder looks at, which a pass that isn't the last holds back.
    public var preLookaheadLength: Int
    public var encoder: Encoder
    public var decoder: Decoder

    public struct Encoder: Codable, Sendable, Equatable {
        public var outputSize: Int
        public var attentionHeads: Int
        public var linearUnits: Int
        public var blockCount: Int
        public var upBlockCount: Int

        enum CodingKeys: String, CodingKey {
            case outputSize = "output_size"
            case attentionHeads = "attention_heads"
            case linearUnits = "linear_units"
            case blockCount = "num_blocks"
            case upBlockCount = "num_up_blocks"
        }
    }

    public struct Decoder: Codable, Sendable, Equatable {
        public var inChannels: Int
        /// One level: the reference's family has no other.
        public var channels: [Int]
        public var blockCount: Int
        public var midBlockCount: Int
        public var headCount: Int
        public var headDim: Int
        /// Meanflow steps from t to r by itself; otherwise Euler steps on a cosine schedule, guided by `cfgRate`.
        public var meanflow: Bool
        public var stepCount: Int
        public var cfgRate: Float
        /// `float32` for a decoder that bfloat16 harms; without it the engine's own.
        public var precision: Precision?

        enum CodingKeys: String, CodingKey {
            case channels, meanflow, precision
            case inChannels = "in_channels"
            case blockCount = "n_blocks"
            case midBlockCount = "num_mid_blocks"
            case headCount = "num_heads"
            case headDim = "attention_head_dim"
            case stepCount = "n_timesteps"
            case cfgRate = "cfg_rate"
        }
    }

    enum CodingKeys: String, CodingKey {
        case file, encoder, decoder
        case vocabularySize = "vocab_size"
        case inputSize = "input_size"
        case outputSize = "output_size"
        case speakerEmbedDim = "spk_embed_dim"
        case tokenMelRatio = "token_mel_ratio"
        case preLookaheadLength = "pre_lookahead_len"
    }

    func validate(_ check: inout ConfigurationCheck) throws {
        try check.fileName(file, "file")
        try check.size(vocabularySize, "vocab_size")
        try check.size(inputSize, "input_size")
        try check.size(outputSize, "output_size")
        try check.size(speakerEmbedDim, "spk_embed_dim")
        try check.require(tokenMelRatio == 2, "token_mel_ratio", "expected 2, found \(tokenMelRatio)")
        try check.size(preLookaheadLength, "pre_lookahead_len", atMost: 100)
        try check.scope("encoder") { check in
            try check.size(encoder.outputSize, "output_size")
            try check.require(
                encoder.outputSize == inputSize, "output_size",
                "expected input_size \(inputSize), since up_embed reads what the encoder wrote")
            try check.size(encoder.attentionHeads, "attention_heads")
            try check.require(
                encoder.outputSize % encoder.attentionHeads == 0 && encoder.outputSize % 2 == 0, "attention_heads",
                "expected a divisor of output_size \(encoder.outputSize), which must be even")
            try check.size(encoder.linearUnits, "linear_units")
            try check.size(encoder.blockCount, "num_blocks", atLeast: 0, atMost: 1000)
            try check.size(encoder.upBlockCount, "num_up_blocks", atLeast: 0, atMost: 1000)
        }
        try check.scope("decoder") { check in
            try check.require(
                decoder.inChannels == 4 * outputSize, "in_channels",
                "expected \(4 * outputSize) (x, mu, speaker and prompt), found \(decoder.inChannels)")
            try check.require(decoder.channels.count == 1, "channels", "expected one level, found \(decoder.channels)")
            try check.size(decoder.channels[0], "channels")
            try check.size(decoder.blockCount, "n_blocks", atLeast: 0, atMost: 1000)
            try check.size(decoder.midBlockCount, "num_mid_blocks", atLeast: 0, atMost: 1000)
            try check.size(decoder.headCount, "num_heads")
            try check.size(decoder.headDim, "attention_head_dim")
            try check.size(decoder.stepCount, "n_timesteps", atMost: 1000)
            try check.require(
                (0...100).contains(decoder.cfgRate), "cfg_rate", "expected 0 to 100, found \(decoder.cfgRate)")
        }
    }
}
