import Chatterbox
import Foundation
import Tensors
import Testing

/// What T3 shares among sessions changes nothing for any of them, to the bit: the conditioning that is read once per voice,
/// and passes over the weights that serve several.
@Suite struct T3BatchTests {
    /// Two backbones, with and without prompt, perceiver and emotion.
    private static let fixtures = ["t3_plain", "t3_prompt", "t3_perceiver", "t3_multilingual", "t3_nano", "t3_turbo"]

    private struct Setting {
        let fixture: Fixture
        let t3: T3
        let cond: T3Cond
        let text: [Int32]

        init(_ name: String, precision: Precision = .float32) throws {
            fixture = try Fixture(name)
            var configuration = try fixture.configuration(T3Configuration.self)
            configuration.readingHeads = configuration.alignmentHeads
            t3 = try T3(fixture.weights, configuration: configuration, precision: precision)
            let prompt = fixture.file.entries["in.prompt"] == nil ? [] : try fixture.integers("in.prompt")
            cond = T3Cond(speakerEmb: try fixture.tensor("in.speaker_emb"), promptSpeechTokens: prompt)
            text = try fixture.integers("in.text")
        }

        func voice(_ number: Int, emotion: Float = 0.5) -> T3Cond {
            var voice = cond
            voice.speakerEmb = cond.speakerEmb * (1 + Float(number) / 4)
            voice.emotionAdv = emotion
            return voice
        }

        /// Logits and alignment of the start and some tokens.
        func spoken(_ state: T3State) throws -> [[Float]] {
            var state = state
            var all = [state.logits, state.alignment]
            for token: Int32 in [3, 17, 3, 42] {
                try t3.step(token, state: &state)
                all += [state.logits, state.alignment]
            }
            return all
        }
    }

    @Test(arguments: fixtures, [0, 0.5] as [Float])
    func rememberedConditioningIsExact(_ name: String, _ cfgWeight: Float) throws {
        let (shared, emotions) = (try Setting(name), [0.25, 0.7, 1.5] as [Float])
        var expected: [[[Float]]] = []
        for emotion in emotions {
            // A model that has read nothing yet.
            let fresh = try Setting(name)
            let state = try fresh.t3.prefill(
                textTokens: fresh.text, conditionals: fresh.voice(0, emotion: emotion), cfgWeight: cfgWeight)
            expected.append(try fresh.spoken(state))
        }
        #expect(Set(expected).count == (shared.t3.configuration.emotionAdv ? emotions.count : 1))
        // Three times over; the last time other voices have taken every place in between.
        for round in 0..<3 {
            for (emotion, expected) in zip(emotions, expected) {
                let state = try shared.t3.prefill(
                    textTokens: shared.text, conditionals: shared.voice(0, emotion: emotion), cfgWeight: cfgWeight)
                #expect(try shared.spoken(state) == expected, "round \(round), emotion \(emotion)")
            }
            guard round == 1 else { continue }
            for other in 1...6 {
                let state = try shared.t3.prefill(
                    textTokens: shared.text, conditionals: shared.voice(other), cfgWeight: cfgWeight)
                #expect(try shared.spoken(state) != expected[0])
            }
        }
    }

    /// A deterministic draw of numbers.
    private struct Draw {
        var state: UInt64
        mutating func callAsFunction(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
    }

    /// Sequences of all lengths, with guidance and without, in batches of ever other company.
    @Test(arguments: fixtures, Precision.allCases)
    func companyChangesNothing(_ name: String, _ precision: Precision) throws {
        let setting = try Setting(name, precision: precision)
        let t3 = setting.t3
        var draw = Draw(state: 7)
        var states = try (0..<12).map { index in
            let text = [setting.text.first!] + (0..<1 + draw(20)).map { _ in Int32(1 + draw(28)) }
            var state = try t3.prefill(
                textTokens: text, conditionals: setting.voice(index % 3), cfgWeight: [0, 0.5, 0.9][index % 3])
            for _ in 0..<draw(6) { try t3.step(Int32(draw(60)), state: &state) }
            if index % 4 == 1 { state.readable = 0..<1 + index / 4 }
            return state
        }
        for size in [1, 2, 3, 5, 7, 8, 12, 12, 4, 9] {
            var order = Array(states.indices)
            for place in order.indices { order.swapAt(place, draw(order.count)) }
            let chosen = order.prefix(size)
            let tokens = chosen.map { _ in Int32(draw(60)) }
            var together = chosen.map { states[$0] }
            try t3.step(tokens, states: &together)
            for ((index, token), found) in zip(zip(chosen, tokens), together) {
                try t3.step(token, state: &states[index])
                #expect(found.logits == states[index].logits, "\(size) together")
                #expect(found.alignment == states[index].alignment, "\(size) together")
                #expect(found.steps == states[index].steps)
            }
        }
        #expect(Set(states.map(\.logits)).count == states.count)
    }

    /// A token that one of them can't take leaves all as they were.
    @Test func refusalsChangeNothing() throws {
        let setting = try Setting("t3_plain")
        let start = try setting.t3.prefill(textTokens: setting.text, conditionals: setting.cond, cfgWeight: 0.5)
        var states = [start, start]
        for _ in 0..<setting.t3.maxSteps { try setting.t3.step(5, state: &states[1]) }
        let limit = setting.t3.maxSteps
        #expect(throws: ChatterboxError.tooLong(what: "speech tokens", count: limit + 1, limit: limit)) {
            try setting.t3.step([5, 5], states: &states)
        }
        #expect(throws: ChatterboxError.token(kind: "speech", id: 70, vocabularySize: 70)) {
            try setting.t3.step([5, 70], states: &states)
        }
        #expect(states.map(\.steps) == [0, limit])
        #expect(try setting.spoken(states[0]) == setting.spoken(start))
    }
}
