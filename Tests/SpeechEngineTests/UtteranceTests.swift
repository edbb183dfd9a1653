import SpeechEngine
import Testing

@Suite struct UtteranceTests {
    /// Whatever the chunking, context and fade: the samples of one shot, none lost.
    @Test(arguments: [10, 11, 17, 25, 50, 100], [0, 1, 25, 200])
    func chunkingDoesNotChangeTheSamples(chunkSize: Int, contextWindow: Int) throws {
        for (text, fadeMs) in [("a93", 0), ("a93", 20), ("a93", 100), ("a8|b40|c1", 60), ("a3", 20), ("a25.|b25", 20)] {
            var request = SpeechRequest(input: text, chunkSize: 100, contextWindow: 200, fadeInDurationMs: 0)
            let whole = try spoken(ScriptedModel(), request)
            (request.chunkSize, request.contextWindow, request.fadeInDurationMs) = (chunkSize, contextWindow, fadeMs)
            let streamed = try spoken(ScriptedModel(), request)
            let faded = fadeMs * 200 / 1000
            let (a, b) = (whole.chunks.flatMap { $0 }, streamed.chunks.flatMap { $0 })
            #expect(a.count == b.count)
            #expect(zip(a, b).dropFirst(faded).allSatisfy { abs($0 - $1) < 1e-6 })
            #expect(zip(a, b).prefix(faded).allSatisfy { abs($0) >= abs($1) })
        }
    }

    @Test func everyTokenAndPauseIsHeard() throws {
        let (chunks, reason, tokens) = try spoken(ScriptedModel(), SpeechRequest(input: "a93|b30", enableFadeIn: false))
        #expect(tokens == 123)
        #expect(chunks.joined().count == 4 * (2 * 123 + 2 * 6))
        #expect(reason == .stopToken)
    }

    /// More silence where another sentence follows than where a long one goes on; none more at the end.
    @Test func sentencesAreSetApart() throws {
        let (chunks, _, _) = try spoken(ScriptedModel(), SpeechRequest(input: "a93.|b30,|c20.", enableFadeIn: false))
        #expect(chunks.joined().count == 4 * (2 * 143 + 3 * 6 + 15))
    }

    @Test(arguments: [("He said \"no.\"\n", 15), ("Why?", 15), ("then", 0), ("", 0), (nil, 0)])
    func requestsFollowSentencesLikewise(before: String?, frames: Int) throws {
        var request = SpeechRequest(input: "a93", enableFadeIn: false)
        request.follow(before)
        #expect(try spoken(ScriptedModel(), request).chunks.joined().count == 4 * (2 * 93 + 6 + frames))
    }

    /// The reference's fade: silence, then a raised cosine as long, whatever fade a request asks for.
    @Test func spillOverIsSilenced() throws {
        let request = SpeechRequest(input: "a50", enableFadeIn: false)
        let plain = try spoken(ScriptedModel(), request).chunks.flatMap { $0 }
        let trimmed = try spoken(ScriptedModel(spillOverSamples: 5), request).chunks.flatMap { $0 }
        #expect(trimmed.prefix(6).allSatisfy { $0 == 0 })
        #expect(abs(trimmed[7] - plain[7] / 2) < 1e-6 && trimmed[9...] == plain[9...])
    }

    @Test func closingTokensAreHeardAndNotCounted() throws {
        let model = ScriptedModel(closingTokens: [7, 7, 7])
        let (chunks, _, tokens) = try spoken(model, SpeechRequest(input: "a50|b30", enableFadeIn: false))
        #expect(tokens == 80)
        #expect(chunks.joined().count == 4 * (2 * (80 + 2 * 3) + 2 * 6))
    }

    @Test func firstChunkComesBeforeTheRestIsSaid() throws {
        let model = ScriptedModel()
        var utterance = try Utterance(
            model: model, request: SpeechRequest(input: "a200|b200"), voiceName: "alloy", voices: ["alloy"], seed: 1)
        while case .more = try utterance.advance(checkpoint: {}) {}
        #expect(model.steps.count <= 25)
    }

    /// The tokens of each chunk of a request whose chunks take so many `seconds` in turn.
    private func chunkTokens(
        _ request: SpeechRequest, seconds: [Double]
    ) throws -> (tokens: [Int], samples: [Float]) {
        var utterance = try Utterance(
            model: ScriptedModel(), request: request, voiceName: "alloy", voices: ["alloy"], seed: 1)
        var (tokens, samples, elapsed): ([Int], [Float], Double) = ([0], [], 0)
        while !utterance.isFinished {
            guard case .chunk(let chunk) = try utterance.advance(checkpoint: {}) else { continue }
            samples += chunk
            tokens.append(utterance.tokenCount)
            elapsed += seconds[min(tokens.count - 2, seconds.count - 1)]
            utterance.chunkSent(elapsed: elapsed)
        }
        return (zip(tokens.dropFirst(), tokens).map { $0 - $1 }.filter { $0 > 0 }, samples)
    }

    /// Sizes go on from piece to piece, grow and go back; the samples are those of equal chunks.
    @Test func chunksGrow() throws {
        var request = SpeechRequest(
            input: "a300|b120|c90", maxNewTokens: 10000, enableAlignmentMonitoring: false, enableFadeIn: false)
        let fixed = try chunkTokens(request, seconds: [0.01])
        #expect(fixed.tokens.max() == 25)
        request.chunkGrowth = true
        let grown = try chunkTokens(request, seconds: [0.01])
        #expect(grown.tokens == [25, 50, 100, 100, 25, 100, 20, 90])
        // The first chunk of 100 takes longer than it sounds.
        let shrunk = try chunkTokens(request, seconds: [0.01, 0.01, 4.5, 0.01])
        #expect(shrunk.tokens.prefix(3) == [25, 50, 100] && (26..<100).contains(shrunk.tokens[3]))
        for other in [grown, shrunk] {
            #expect(other.samples.count == fixed.samples.count)
            #expect(zip(other.samples, fixed.samples).allSatisfy { abs($0 - $1) < 1e-6 })
        }
    }

    @Test func limitsOfTokens() throws {
        var request = SpeechRequest(input: "a300", maxNewTokens: 100)
        var result = try spoken(ScriptedModel(), request)
        #expect(result.tokens == 100)
        #expect(result.reason == .maxNewTokens)
        request = SpeechRequest(input: "a60|b60", minNewTokens: 140, enableAlignmentMonitoring: false)
        result = try spoken(ScriptedModel(), request)
        #expect(result.tokens == 140)
        request = SpeechRequest(input: "a1000", maxNewTokens: 10000, enableAlignmentMonitoring: false)
        result = try spoken(ScriptedModel(), request)
        #expect(result.tokens == 450)
        #expect(result.reason == .modelLimit)
    }

    @Test func hallucinationsEndOnlyWithTheMonitor() throws {
        // The text is passed in 20 tokens; then the voice never stops.
        let endless: ScriptedModel.Script = { step, _ in
            (min(ScriptedModel.textLength - 1, step * ScriptedModel.textLength / 20), Int32(100 + step % 50))
        }
        let monitored = try spoken(ScriptedModel(script: endless), SpeechRequest(input: "a20", maxNewTokens: 300))
        #expect(monitored.reason == .alignment)
        #expect(monitored.tokens < 50)
        let free = try spoken(
            ScriptedModel(script: endless),
            SpeechRequest(input: "a20", maxNewTokens: 300, enableAlignmentMonitoring: false))
        #expect(free.reason == .maxNewTokens)
    }

    @Test func earlyEndIsSuppressed() throws {
        // Wants to stop at token 5, long before the text's end, and again at 40, when all is said.
        let hasty: ScriptedModel.Script = { step, _ in
            (
                min(ScriptedModel.textLength - 1, step * ScriptedModel.textLength / 40),
                [5, 40].contains(step) ? nil : 200 + Int32(step)
            )
        }
        #expect(try spoken(ScriptedModel(script: hasty), SpeechRequest(input: "a40")).tokens == 40)
        #expect(
            try spoken(ScriptedModel(script: hasty), SpeechRequest(input: "a40", enableAlignmentMonitoring: false))
                .tokens == 5)
    }

    @Test func unusableRequests() {
        #expect(throws: SpeechEngineError.emptyText) { try spoken(ScriptedModel(), SpeechRequest(input: "")) }
        #expect(throws: SpeechEngineError.unknownVoice(name: "bob", available: ["alloy"])) {
            _ = try Utterance(
                model: ScriptedModel(), request: SpeechRequest(input: "a1"), voiceName: "bob", voices: ["alloy"],
                seed: 1)
        }
        let wrong: [(String, SpeechRequest)] = [
            ("exaggeration", SpeechRequest(input: "a", exaggeration: 0.2)),
            ("cfg_weight", SpeechRequest(input: "a", cfgWeight: 1.1)),
            ("temperature", SpeechRequest(input: "a", temperature: 0)),
            ("top_p", SpeechRequest(input: "a", topP: .nan)),
            ("chunk_size", SpeechRequest(input: "a", chunkSize: 9)),
            ("context_window", SpeechRequest(input: "a", contextWindow: 201)),
            ("max_new_tokens", SpeechRequest(input: "a", maxNewTokens: 99)),
            ("min_new_tokens", SpeechRequest(input: "a", minNewTokens: -1)),
            ("min_new_tokens", SpeechRequest(input: "a", maxNewTokens: 100, minNewTokens: 101)),
            ("alignment_window_size", SpeechRequest(input: "a", alignmentWindowSize: 9)),
            ("alignment_threshold", SpeechRequest(input: "a", alignmentThreshold: 2)),
            ("fade_in_duration_ms", SpeechRequest(input: "a", fadeInDurationMs: 101)),
        ]
        for (field, request) in wrong {
            let error = #expect(throws: SpeechEngineError.self) { try spoken(ScriptedModel(), request) }
            guard case .outOfRange(field, _, _) = error else {
                Issue.record("\(field): \(String(describing: error))")
                continue
            }
        }
    }
}
