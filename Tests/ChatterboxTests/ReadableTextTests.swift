import Chatterbox
import Tensors
import Testing

/// Text that T3 is told not to read.
@Suite struct ReadableTextTests {
    @Test(arguments: ["t3_plain", "t3_multilingual", "t3_turbo"], [0, 0.5] as [Float])
    func isAllThatReadingHeadsAttendTo(_ name: String, _ cfgWeight: Float) throws {
        let fixture = try Fixture(name)
        var configuration = try fixture.configuration(T3Configuration.self)
        configuration.alignmentHeads = [[0, 1], [1, 0], [2, 1]]
        configuration.readingHeads = [[1, 0], [2, 1]]
        let t3 = try T3(fixture.weights, configuration: configuration, precision: .float32)
        let prompt = fixture.file.entries["in.prompt"] == nil ? [] : try fixture.integers("in.prompt")
        let cond = T3Cond(speakerEmb: try fixture.tensor("in.speaker_emb"), promptSpeechTokens: prompt)
        let text = try fixture.integers("in.text")
        let start = try t3.prefill(textTokens: text, conditionals: cond, cfgWeight: cfgWeight)
        func spoken(_ readable: Range<Int>?) throws -> [T3State] {
            var state = start
            state.readable = readable
            return try ([3, 17, 42] as [Int32]).map { token in
                try t3.step(token, state: &state)
                return state
            }
        }
        let free = try spoken(nil)
        for (state, expected) in zip(try spoken(.min ..< .max), free) {
            let furthest = zip(state.logits, expected.logits).map { abs($0 - $1) }.max() ?? .infinity
            #expect(furthest < 1e-4, "with nothing hidden all is as ever")
        }
        let readable = 1..<3
        for (state, other) in zip(try spoken(readable), free) {
            for attention in state.headAlignments.dropFirst() {
                #expect(attention.indices.allSatisfy { readable.contains($0) || attention[$0] < 1e-20 })
                #expect(readable.contains { attention[$0] > 1e-4 })
            }
            #expect(state.headAlignments[0].dropFirst(3).contains { $0 > 1e-4 }, "others see it all")
            #expect(state.logits != other.logits)
        }
    }
}
