// The numbers of the published checkpoints.

extension T3Configuration {
    /// Source: resemble-ai/chatterbox tts_turbo.py, models/t3/llama_configs.py `GPT2_MEDIUM_CONFIG`
    static func gpt2(file: String, width: Int, layers: Int, heads: Int) -> T3Configuration {
        T3Configuration(
            file: file, backbone: .gpt2, hiddenSize: width, layerCount: layers, headCount: heads,
            headDim: width / heads, intermediateSize: 4 * width, layerNormEps: 1e-5, positionCount: 8196,
            textVocabularySize: 50276, speechVocabularySize: 6563, startSpeechToken: 6561, stopSpeechToken: 6562,
            maxTextTokens: 2048, maxSpeechTokens: 4096, speakerEmbedSize: 256, speechCondPromptLength: 375,
            usePerceiverResampler: false, emotionAdv: false, closingTokens: [4299, 4299, 4299], alignmentHeads: [],
            sampling: Sampling(repetitionPenalty: 1.2, minP: 0, topK: 1000, repetitionPenaltyLast: true))
    }

    /// Source: resemble-ai/chatterbox models/t3/llama_configs.py `LLAMA_520M_CONFIG_DICT`, modules/t3_config.py,
    /// inference/alignment_stream_analyzer.py
    static func llama(file: String, vocabulary: Int, repetitionPenalty: Float) -> T3Configuration {
        T3Configuration(
            file: file, backbone: .llama, hiddenSize: 1024, layerCount: 30, headCount: 16, headDim: 64,
            intermediateSize: 4096, rmsNormEps: 1e-5, ropeTheta: 500_000,
            ropeScaling: RoPEScaling(
                factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 8192,
                ropeType: "llama3"),
            textVocabularySize: vocabulary, startTextToken: 255, stopTextToken: 0, speechVocabularySize: 8194,
            startSpeechToken: 6561, stopSpeechToken: 6562, maxTextTokens: 2048, maxSpeechTokens: 4096,
            speakerEmbedSize: 256, speechCondPromptLength: 150, usePerceiverResampler: true, emotionAdv: true,
            alignmentHeads: [[12, 15], [13, 11], [9, 2]],
            sampling: Sampling(repetitionPenalty: repetitionPenalty, minP: 0.05))
    }
}

extension S3GenConfiguration {
    /// Source: resemble-ai/chatterbox models/s3gen/s3gen.py `S3Token2Mel`, configs.py
    static func official(file: String, decoder: OfficialModel.Decoder) -> S3GenConfiguration {
        S3GenConfiguration(
            file: file, vocabularySize: 6561, inputSize: 512, outputSize: 80, speakerEmbedDim: 192, tokenMelRatio: 2,
            preLookaheadLength: 3,
            encoder: Encoder(outputSize: 512, attentionHeads: 8, linearUnits: 2048, blockCount: 6, upBlockCount: 4),
            decoder: Decoder(
                inChannels: 320, channels: [256], blockCount: 4, midBlockCount: 12, headCount: 8, headDim: 64,
                meanflow: decoder == .meanflow, stepCount: decoder == .meanflow ? 2 : 10,
                cfgRate: decoder == .meanflow ? 0 : 0.7))
    }
}

extension HiFTConfiguration {
    /// Source: resemble-ai/chatterbox models/s3gen/s3gen.py `S3Token2Wav`, hifigan.py
    static func official(file: String) -> HiFTConfiguration {
        let dilations = [[Int]](repeating: [1, 3, 5], count: 3)
        return HiFTConfiguration(
            file: file, baseChannels: 512, f0Channels: 512, harmonicCount: 8, upsampleRates: [8, 5, 3],
            upsampleKernelSizes: [16, 11, 7], fftSize: 16, hop: 4, resblockKernelSizes: [3, 7, 11],
            resblockDilations: dilations, sourceResblockKernelSizes: [7, 7, 11], sourceResblockDilations: dilations)
    }
}
