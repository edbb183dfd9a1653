import Chatterbox
import Foundation
import Tensors
import Testing

/// T3 against the reference's class: conditioning, prefill order, logits of every step, greedy tokens, alignment.
@Suite struct T3ParityTests {
    private static func model(_ name: String) throws -> (Fixture, T3, T3Cond) {
        let fixture = try Fixture(name)
        let configuration = try fixture.configuration(T3Configuration.self)
        let prompt = fixture.file.entries["in.prompt"] == nil ? [] : try fixture.integers("in.prompt")
        let t3 = try T3(fixture.weights, configuration: configuration, precision: .float32)
        return (
            fixture, t3,
            T3Cond(speakerEmb: try fixture.tensor("in.speaker_emb"), promptSpeechTokens: prompt, emotionAdv: 0.7)
        )
    }

    /// Two backbones; `t3_perceiver` has the english layout, `t3_plain` the embedded voice's.
    private static let fixtures = [
        "t3_plain", "t3_prompt", "t3_perceiver", "t3_multilingual", "t3_nano", "t3_turbo",
    ]

    @Test(arguments: fixtures)
    func inputs(_ name: String) throws {
        let (fixture, t3, cond) = try Self.model(name)
        let before = try t3.cond(cond)
        expectParity(before, try fixture.tensor("out.cond"), "\(name) conditioning")
        let text = try t3.text(fixture.integers("in.text"), cfgWeight: 0.5)
        let rows = [Tensor](repeating: before, count: text.shape[0])
        let embeds = try Tensor.concatenated([.concatenated(rows, axis: 0), text], axis: 1)
        guard t3.configuration.backbone == .llama else {
            expectParity(embeds, try fixture.tensor("out.embeds"), "\(name) embeddings")
            return
        }
        // The reference adds the second start token later.
        let length = embeds.shape[1]
        expectParity(
            try embeds.sliced(axis: 1, from: 0, to: length - 1), try fixture.tensor("out.embeds"), "\(name) embeddings")
        let last = try embeds.sliced(axis: 1, from: length - 1, to: length)
        #expect(try last == embeds.sliced(axis: 1, from: length - 2, to: length - 1))
        try expectParity(t3.inverseFrequencies, fixture.tensor("out.inv_freq"), "\(name) RoPE")
    }

    @Test(arguments: fixtures, ["0.0", "0.5"])
    func generation(_ name: String, _ cfgWeight: String) throws {
        let (fixture, t3, cond) = try Self.model(name)
        let weight = try #require(Float(cfgWeight))
        // Models without guidance give the same with any weight.
        let recordedWeight = t3.configuration.backbone == .gpt2 ? "0.0" : cfgWeight
        let expected = try fixture.integers("out.tokens.\(recordedWeight)")
        let recorded = try fixture.tensor("out.logits.\(recordedWeight)")
        let sampling = t3.configuration.sampling
        var sampler = TokenSampler(
            temperature: 0, repetitionPenalty: sampling.repetitionPenalty,
            repetitionPenaltyLast: sampling.repetitionPenaltyLast ?? false, seed: 0)
        var state = try t3.prefill(textTokens: fixture.integers("in.text"), conditionals: cond, cfgWeight: weight)
        var history = [t3.configuration.startSpeechToken]
        var logits: [Float] = []
        var alignment: [Float] = []
        for i in expected.indices {
            logits += state.logits
            alignment += state.alignment
            let token = sampler.sample(logits: state.logits, history: history)
            history.append(token)
            if i < expected.count - 1 { try t3.step(token, state: &state) }
        }
        #expect(Array(history.dropFirst()) == expected)
        // The reference gives both rows; guidance is applied here as it does.
        let (steps, count, size) = (recorded.shape[0], recorded.shape[1], recorded.shape[2])
        let rows = recorded.values
        let combined = (0..<steps).flatMap { step in
            (0..<size).map { i -> Float in
                let (cond, other) = (rows[count * step * size + i], rows[(count * step + count - 1) * size + i])
                return cond + weight * (cond - other)
            }
        }
        try expectParity(logits, Tensor(combined, shape: [combined.count]), "\(name) logits, cfg \(cfgWeight)")
        try expectParity(
            alignment, fixture.tensor("out.alignment.\(recordedWeight)"), "\(name) alignment, cfg \(cfgWeight)")
    }

    /// Packed in bf16 the logits stay near; weights and, for many rows, activations are rounded to 8 bits.
    @Test func bfloat16StaysNear() throws {
        let (fixture, t3, cond) = try Self.model("t3_plain")
        let packed = try T3(fixture.weights, configuration: t3.configuration, precision: .bfloat16)
        let text = try fixture.integers("in.text")
        let exact = try t3.prefill(textTokens: text, conditionals: cond, cfgWeight: 0.5)
        let near = try packed.prefill(textTokens: text, conditionals: cond, cfgWeight: 0.5)
        let error = relativeError(near.logits, exact.logits)
        #expect(error > 0 && error < 0.05, "\(error)")
    }

    @Test func statesAreValues() throws {
        let (fixture, t3, cond) = try Self.model("t3_plain")
        let start = try t3.prefill(textTokens: fixture.integers("in.text"), conditionals: cond, cfgWeight: 0.5)
        var one = start
        var other = start
        try t3.step(3, state: &one)
        try t3.step(4, state: &other)
        #expect(one.logits != other.logits)
        var again = start
        try t3.step(3, state: &again)
        #expect(again.logits == one.logits)
        #expect(start.steps == 0 && one.steps == 1)
    }

    /// GPT-2 has positions for all together; a configuration that wasn't validated still can't run out of them.
    @Test func learnedPositionsEnd() throws {
        let (fixture, t3, cond) = try Self.model("t3_turbo")
        let text = try fixture.integers("in.text")
        var state = try t3.prefill(textTokens: text, conditionals: cond, cfgWeight: 0)
        for _ in 0..<t3.maxSteps { try t3.step(5, state: &state) }
        let error = ChatterboxError.tooLong(what: "speech tokens", count: t3.maxSteps + 1, limit: t3.maxSteps)
        #expect(throws: error) { try t3.step(5, state: &state) }
        var longer = t3.configuration
        longer.maxSpeechTokens = 1000
        let unbounded = try T3(fixture.weights, configuration: longer, precision: .float32)
        state = try unbounded.prefill(textTokens: text, conditionals: cond, cfgWeight: 0)
        #expect(throws: ChatterboxError.tooLong(what: "positions", count: 201, limit: 200)) {
            while true { try unbounded.step(5, state: &state) }
        }
        let long = T3Cond(speakerEmb: cond.speakerEmb, promptSpeechTokens: [Int32](repeating: 1, count: 21))
        #expect(throws: ChatterboxError.tooLong(what: "prompt speech tokens", count: 21, limit: 20)) {
            try t3.prefill(textTokens: text, conditionals: long, cfgWeight: 0)
        }
    }

    @Test func backbonesNeedTheirNumbers() throws {
        var configuration = try Self.model("t3_nano").1.configuration
        let fixture = try Fixture("t3_nano")
        configuration.positionCount = nil
        let missing = ChatterboxError.configuration(
            file: configuration.file, field: "t3.n_positions", problem: "missing, and the backbone gpt2 needs it")
        #expect(throws: missing) { try T3(fixture.weights, configuration: configuration, precision: .float32) }
    }

    @Test func refusesWhatItHasNoPlaceFor() throws {
        let (fixture, t3, cond) = try Self.model("t3_plain")
        let text = try fixture.integers("in.text")
        func expect(_ error: ChatterboxError, _ body: () throws -> Void) { #expect(throws: error, performing: body) }
        expect(.token(kind: "text", id: 30, vocabularySize: 30)) {
            _ = try t3.prefill(textTokens: [30], conditionals: cond, cfgWeight: 0)
        }
        expect(.tooLong(what: "text tokens", count: 33, limit: 32)) {
            _ = try t3.prefill(textTokens: [Int32](repeating: 2, count: 33), conditionals: cond, cfgWeight: 0)
        }
        var state = try t3.prefill(textTokens: text, conditionals: cond, cfgWeight: 0)
        expect(.token(kind: "speech", id: -1, vocabularySize: 70)) { try t3.step(-1, state: &state) }
        for _ in 0..<t3.maxSteps { try t3.step(5, state: &state) }
        expect(.tooLong(what: "speech tokens", count: t3.maxSteps + 1, limit: t3.maxSteps)) {
            try t3.step(5, state: &state)
        }
    }
}

/// The sampler's filters against transformers' processors in the reference's order.
@Suite struct TokenSamplerTests {
    private struct Case: Decodable {
        let repetition_penalty: Float
        let temperature: Float
        let min_p: Float
        let top_p: Float
        let top_k: Int
        let turbo: Bool
    }

    @Test func filters() throws {
        let fixture = try Fixture("sampler")
        for (i, item) in try fixture.configuration([Case].self).enumerated() {
            let sampler = TokenSampler(
                temperature: item.temperature, topP: item.top_p, minP: item.min_p,
                repetitionPenalty: item.repetition_penalty, repetitionPenaltyLast: item.turbo, topK: item.top_k, seed: 1
            )
            let found = try sampler.probabilities(
                logits: fixture.tensor("\(i).logits").values, history: fixture.integers("\(i).history"))
            let expected = try fixture.tensor("\(i).probabilities")
            try expectParity(found, expected, "sampler case \(i)")
            #expect(found.map { $0 > 0 } == expected.values.map { $0 > 0 }, "case \(i) keeps other tokens")
        }
    }

    @Test func drawsByProbability() {
        var sampler = TokenSampler(temperature: 1, seed: 7)
        let logits: [Float] = [0, log(3), -.infinity, log(6)]
        var counts = [0, 0, 0, 0]
        for _ in 0..<4000 { counts[Int(sampler.sample(logits: logits, history: []))] += 1 }
        #expect(counts[2] == 0)
        for (count, share) in zip(counts, [0.1, 0.3, 0, 0.6]) { #expect(abs(Double(count) / 4000 - share) < 0.03) }
    }

    @Test func seedDecides() {
        func draw(_ seed: UInt64) -> [Int32] {
            var sampler = TokenSampler(temperature: 1, seed: seed)
            let logits = [Float](repeating: 0, count: 100)
            return (0..<20).map { _ in sampler.sample(logits: logits, history: []) }
        }
        #expect(draw(1) == draw(1))
        #expect(draw(1) != draw(2))
    }

    @Test func topK() {
        let sampler = TokenSampler(temperature: 1, topK: 2, seed: 1)
        #expect(sampler.probabilities(logits: [1, 3, 2, 0], history: []).map { $0 > 0 } == [false, true, true, false])
    }

    /// Of many, with ties: those that a sorted list has in front, and the equals of the last of them.
    @Test(arguments: [1, 2, 50, 299, 300, 400]) func topKOfMany(_ k: Int) {
        let logits = (0..<300).map { Float($0 * 7919 % 97) / 10 }
        let sampler = TokenSampler(temperature: 1, topK: k, seed: 1)
        let least = logits.sorted(by: >)[min(k, 300) - 1]
        let found = sampler.probabilities(logits: logits, history: [])
        #expect(found.map { $0 > 0 } == logits.map { $0 >= least })
    }

    @Test func greedy() {
        var sampler = TokenSampler(temperature: 0, repetitionPenalty: 2, seed: 1)
        #expect(sampler.sample(logits: [1, 3, 2], history: []) == 1)
        #expect(sampler.sample(logits: [1, 3, 2], history: [1]) == 2)
        sampler = TokenSampler(temperature: 0, repetitionPenalty: 2, repetitionPenaltyLast: true, seed: 1)
        #expect(sampler.sample(logits: [1, 3, 2], history: [1]) == 1)
    }

    /// The penalty of GPT-2 models weighs what is left; it can't bring back what top-k dropped.
    @Test func penaltyLast() {
        let sampler = TokenSampler(temperature: 1, repetitionPenalty: 3, repetitionPenaltyLast: true, topK: 2, seed: 1)
        let found = sampler.probabilities(logits: [1, 3, 2, 0], history: [1])
        #expect(found[0] == 0 && found[3] == 0)
        #expect(abs(found[1] / found[2] - exp(Float(1 - 2))) < 1e-6)
    }
}
