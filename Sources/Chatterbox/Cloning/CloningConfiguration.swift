import AudioDSP

/// How a model makes a voice of a recording; a model without it has only the voices that came with it.
/// Source: resemble-ai/chatterbox tts.py and tts_turbo.py `prepare_conditionals`
public struct CloningConfiguration: Codable, Sendable, Equatable {
    /// The voice encoder's checkpoint.
    public var file: String
    /// Integrated loudness that the recording is brought to, in LUFS; nil leaves it.
    public var loudness: Double?
    /// The shortest recording that is taken, in seconds.
    public var minSeconds: Double
    /// Sizes; the official ones if nil.
    public var voiceEncoder: VoiceEncoder.Configuration?
    public var tokenizer: S3TokenizerV2.Configuration?
    public var speakerEncoder: CAMPPlus.Configuration?

    public init(
        file: String, loudness: Double? = nil, minSeconds: Double, voiceEncoder: VoiceEncoder.Configuration? = nil,
        tokenizer: S3TokenizerV2.Configuration? = nil, speakerEncoder: CAMPPlus.Configuration? = nil
    ) {
        (self.file, self.loudness, self.minSeconds) = (file, loudness, minSeconds)
        (self.voiceEncoder, self.tokenizer, self.speakerEncoder) = (voiceEncoder, tokenizer, speakerEncoder)
    }

    enum CodingKeys: String, CodingKey {
        case file, loudness, tokenizer
        case minSeconds = "min_seconds"
        case voiceEncoder = "voice_encoder"
        case speakerEncoder = "speaker_encoder"
    }

    /// As the english and multilingual models do it. They take a recording of any length; below 3 s the likeness is poor.
    public static func official(file: String) -> CloningConfiguration {
        CloningConfiguration(file: file, minSeconds: 3)
    }

    /// As the GPT-2 models do it: at -27 LUFS, from recordings of more than 5 s.
    public static func officialGPT2(file: String) -> CloningConfiguration {
        CloningConfiguration(file: file, loudness: -27, minSeconds: 5)
    }

    func validate(_ check: inout ConfigurationCheck, t3: T3Configuration, s3gen: S3GenConfiguration) throws {
        try check.fileName(file, "file")
        try check.require(
            (0.5...VoiceCloner.maxSeconds).contains(minSeconds), "min_seconds",
            "expected 0.5 to \(VoiceCloner.maxSeconds), found \(minSeconds)")
        if let loudness {
            try check.require((-70...0).contains(loudness), "loudness", "expected -70 to 0, found \(loudness)")
        }
        let speaker = (voiceEncoder ?? .init()).embeddingSize
        try check.require(
            speaker == t3.speakerEmbedSize, "voice_encoder.speaker_embed_size",
            "\(speaker) for T3's speaker_embed_size \(t3.speakerEmbedSize)")
        let xvector = (speakerEncoder ?? .init()).embeddingSize
        try check.require(
            xvector == s3gen.speakerEmbedDim, "speaker_encoder.embedding_size",
            "\(xvector) for S3Gen's spk_embed_dim \(s3gen.speakerEmbedDim)")
        let prompt = t3.speechCondPromptLength
        try check.require(
            prompt * 4 <= S3TokenizerV2.maxFrames, "tokenizer",
            "at most \(S3TokenizerV2.maxFrames / 4) prompt tokens can be read, T3's speech_cond_prompt_len is \(prompt)"
        )
    }
}
