extension T3Configuration {
    func validate(_ check: inout ConfigurationCheck) throws {
        try check.fileName(file, "file")
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
        switch backbone {
        case .llama: try validateLlama(&check)
        case .gpt2: try validateGPT2(&check)
        }
        try check.require(
            (startTextToken == nil) == (stopTextToken == nil), "stop_text_token",
            "expected both it and start_text_token, or neither")
        func token(_ token: Int32?, below size: Int, _ field: String) throws {
            guard let token else { return }
            try check.require(
                (0..<size).contains(Int(token)), field, "expected a token below \(size), found \(token)")
        }
        try token(startTextToken, below: textVocabularySize, "start_text_token")
        try token(stopTextToken, below: textVocabularySize, "stop_text_token")
        try token(startSpeechToken, below: speechVocabularySize, "start_speech_token")
        try token(stopSpeechToken, below: speechVocabularySize, "stop_speech_token")
        for closing in closingTokens ?? [] { try token(closing, below: speechVocabularySize, "closing_tokens") }
        try validate(alignmentHeads, &check, "alignment_heads")
        try validate(readingHeads ?? [], &check, "reading_heads")
        try check.scope("sampling") { try sampling.validate(&$0) }
    }

    /// Heads to watch: `[layer, head]` each, none twice.
    func validate(_ heads: [[Int]], _ check: inout ConfigurationCheck, _ field: String) throws {
        let expected =
            "expected pairs of a layer below \(layerCount) and a head below \(headCount), none twice, found \(heads)"
        try check.require(
            heads.allSatisfy {
                $0.count == 2 && (0..<layerCount).contains($0[0]) && (0..<headCount).contains($0[1])
            } && Set(heads).count == heads.count, field, expected)
    }

    private func validateLlama(_ check: inout ConfigurationCheck) throws {
        try check.require(headDim % 2 == 0, "head_dim", "expected an even number, found \(headDim)")
        try check.epsilon(rmsNormEps, "rms_norm_eps")
        try check.require(ropeTheta ?? 0 > 1, "rope_theta", "expected more than 1, found \(ropeTheta ?? 0)")
        try check.require(layerNormEps == nil, "layer_norm_epsilon", "only the backbone gpt2 has it")
        try check.require(positionCount == nil, "n_positions", "only the backbone gpt2 has it")
        try check.require(
            startTextToken != nil, "start_text_token", "missing, and the backbone llama needs it")
        guard let scaling = ropeScaling else { return }
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

    private func validateGPT2(_ check: inout ConfigurationCheck) throws {
        try check.require(
            headCount * headDim == hiddenSize, "head_dim",
            "expected hidden_size / num_attention_heads, which is \(hiddenSize) / \(headCount), found \(headDim)")
        try check.epsilon(layerNormEps, "layer_norm_epsilon")
        for (found, field) in [
            (rmsNormEps != nil, "rms_norm_eps"), (ropeTheta != nil, "rope_theta"),
            (ropeScaling != nil, "rope_scaling"),
        ] {
            try check.require(!found, field, "only the backbone llama has it")
        }
        // Speaker, prompt, emotion; text; start of speech; speech.
        let needed = 2 + speechCondPromptLength + maxTextTokens + 1 + maxSpeechTokens
        try check.require(
            positionCount ?? 0 >= needed, "n_positions",
            "expected \(needed) or more for prompt, text and speech, found \(positionCount ?? 0)")
    }
}

extension T3Configuration.Sampling {
    fileprivate func validate(_ check: inout ConfigurationCheck) throws {
        try check.require(repetitionPenalty > 0, "repetition_penalty", "expected a positive number")
        try check.require(
            (0.05...20).contains(temperatureScale ?? 1), "temperature_scale", "expected a factor of 0.05 to 20")
        try check.require((0...1).contains(minP), "min_p", "expected 0 to 1, found \(minP)")
        try check.require(topK ?? 0 >= 0, "top_k", "expected 0 or more, found \(topK ?? 0)")
    }
}

extension ConfigurationCheck {
    fileprivate func epsilon(_ value: Float?, _ field: String) throws {
        let value = value ?? 0
        try require(value > 0 && value < 1, field, "expected more than 0 and less than 1, found \(value)")
    }
}
