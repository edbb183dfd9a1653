import SpeechEngine
import Testing

@Suite struct AlignmentMonitorTests {
    /// Verdicts on attention that rests on `positions` in turn, with tokens that all differ unless given. Heads that are
    /// guided, as those of phonemes, stay where they are if that is out of reach.
    private func verdicts(
        _ positions: [Int], length: Int = 20, window: Int = 50, threshold: Double = 0.15, tokens: [Int32]? = nil,
        tuning: AlignmentMonitor.Tuning = .phonemes, isGuided: Bool? = nil
    ) -> [AlignmentMonitor.Verdict] {
        var monitor = AlignmentMonitor(length: length, window: window, threshold: threshold, tuning: tuning)
        var now = 0
        return positions.enumerated().map { step, position in
            if !(isGuided ?? (tuning == .phonemes)) || monitor.reach.contains(position) { now = position }
            return monitor.observe(
                attention: (0..<length).map { $0 == now ? 0.9 : 0.1 / Float(length) },
                token: tokens.map { $0[step] } ?? Int32(step))
        }
    }

    private let reading = (0..<60).map { $0 / 3 }

    @Test func healthySpeechIsLeftAlone() {
        // The end is a quarter of the text, five tokens.
        let verdicts = verdicts(reading + Array(repeating: 19, count: 15))
        #expect(verdicts.prefix(45).allSatisfy { $0 == .suppressEnd })
        #expect(verdicts.dropFirst(45).allSatisfy { $0 == .allow })
    }

    @Test func longTail() {
        let verdicts = verdicts(reading + Array(repeating: 19, count: 30))
        #expect(verdicts.contains(.forceEnd(.longTail)))
    }

    @Test func returnToTheText() {
        let verdicts = verdicts(reading + (0..<30).map { 3 + $0 / 3 }, isGuided: false)
        #expect(verdicts.contains(.forceEnd(.repeatedText)))
    }

    /// Heads that may not go back stay at the end.
    @Test func guidedReturnIsALongTail() {
        #expect(verdicts(reading + (0..<30).map { 3 + $0 / 3 }).contains(.forceEnd(.longTail)))
    }

    @Test func repeatedToken() {
        let tokens = reading.indices.map { $0 < 30 ? Int32($0) : 77 }
        #expect(verdicts(reading, tokens: tokens).contains(.forceEnd(.repeatedToken)))
    }

    @Test func stuck() {
        #expect(verdicts(Array(repeating: 4, count: 60)).contains(.forceEnd(.stuck)))
    }

    @Test func lowerThresholdEndsSooner() throws {
        let tail = reading + Array(repeating: 19, count: 80)
        func end(_ threshold: Double, window: Int = 200) -> Int {
            verdicts(tail, window: window, threshold: threshold).firstIndex(of: .forceEnd(.longTail)) ?? .max
        }
        #expect(end(0.05) < end(0.15))
        #expect(end(0.15) < end(0.3))
        // A window shorter than the limit is the limit.
        #expect(end(0.3, window: 10) < end(0.15))
    }

    /// Where the embedded voice's head was on a healthy sentence, kept within reach: it goes ahead and back a little, rests
    /// in pauses, and the stop token comes at the full stop.
    @Test func guidedHealthySpeechIsLeftAlone() {
        let positions =
            [0, 0, 0] + Array(1...13) + [14, 14, 13, 15, 16, 18, 18, 21, 20, 22, 22, 26, 23, 24, 26, 26]
            + Array(27...48)
            + Array(repeating: 48, count: 14) + Array(49...60) + [65, 61, 61, 62, 64, 64, 65] + Array(66...97)
            + [98, 98, 99, 99, 100, 102, 103, 103, 105, 107, 106] + Array(108...112) + [112, 111, 112, 111, 112, 112]
        let verdicts = verdicts(positions, length: 114)
        #expect(verdicts.allSatisfy { $0 == .suppressEnd || $0 == .allow })
        #expect(verdicts.prefix(125).allSatisfy { $0 == .suppressEnd })
        #expect(verdicts.last == .allow)
    }

    @Test func oneFrameAtTheEndIsNoEnd() {
        #expect(!verdicts([0, 5, 9, 13, 8, 8, 8, 8], length: 20).contains { $0 == .forceEnd(.longTail) })
        #expect(verdicts([0, 5, 10, 14, 19, 15, 15], length: 20).last == .allow)
    }

    /// From three tokens behind the furthest place to five ahead of the present one; what strays further counts for nothing.
    @Test func reachFollowsTheFurthestPlace() {
        func reach(_ positions: [Int], _ tuning: AlignmentMonitor.Tuning = .phonemes) -> Range<Int> {
            var monitor = AlignmentMonitor(length: 40, window: 50, threshold: 0.15, tuning: tuning)
            for position in positions {
                _ = monitor.observe(attention: (0..<40).map { $0 == position ? 0.9 : 0 }, token: nil)
            }
            return monitor.reach
        }
        #expect(reach([]) == 0..<6)
        #expect(reach(Array(0...19)) == 16..<25)
        #expect(reach(Array(0...19) + [17, 16]) == 16..<22)
        #expect(reach(Array(0...19) + [17, 16, 21]) == 18..<27)
        #expect(reach(Array(0...19) + [35, 3, 25]) == 16..<25)
        #expect(reach(Array(0...39)) == 36..<40)
        #expect(reach(Array(0...19), .reference) == 16..<26)
    }

    // MARK: The reference's limits, on text of word pieces

    private func reference(
        _ positions: [Int], length: Int = 20, window: Int = 50, threshold: Double = 0.15, tokens: [Int32]? = nil
    ) -> [AlignmentMonitor.Verdict] {
        verdicts(positions, length: length, window: window, threshold: threshold, tokens: tokens, tuning: .reference)
    }

    /// Three frames a token; the last three tokens are the end.
    @Test func referenceForbidsAnEarlyEnd() {
        let found = reference(Array(reading.prefix(54)))
        #expect(found.prefix(51).allSatisfy { $0 == .suppressEnd })
        #expect(found.dropFirst(51).allSatisfy { $0 == .allow })
        // A text of five tokens is too short to forbid anything.
        #expect(reference([0, 1, 1], length: 5).allSatisfy { $0 == .allow })
        #expect(reference([0, 1, 1], length: 6).allSatisfy { $0 == .suppressEnd })
    }

    /// Frame 51 completes the text; attention 0.9 on one of the last tokens sums up to 5 with the sixth frame after.
    @Test func referenceEndsALongTail() throws {
        let found = reference((0..<51).map { $0 / 3 } + Array(repeating: 17, count: 12))
        let end = try #require(found.firstIndex(of: .forceEnd(.longTail)))
        #expect(end == 51 + 6)
        // Spread over two of the last tokens it takes longer.
        let spread = reference((0..<51).map { $0 / 3 } + (0..<14).map { 17 + $0 % 2 })
        #expect(try #require(spread.firstIndex(of: .forceEnd(.longTail))) > end)
    }

    @Test func referenceEndsRepeatedText() {
        let again = (0..<51).map { $0 / 3 } + [17] + (0..<12).map { 3 + $0 }
        #expect(reference(again).firstIndex(of: .forceEnd(.repeatedText)) == 51 + 6)
        // The tokens just before the end may be attended to.
        let rehearsed = (0..<51).map { $0 / 3 } + [17] + (0..<12).map { 15 + $0 % 2 }
        #expect(reference(rehearsed).allSatisfy { $0 == .suppressEnd || $0 == .allow })
    }

    @Test func referenceEndsRepeatedTokens() {
        #expect(reference([0, 0, 1, 1], tokens: [5, 6, 7, 7]).last == .forceEnd(.repeatedToken))
        #expect(reference([0, 0, 1, 1], tokens: [5, 6, 5, 6]).last == .suppressEnd)
        // Models whose pauses are made of equal tokens are given more of them.
        let pause = verdicts([0, 0, 1, 1], tokens: [5, 6, 7, 7], tuning: .calibrated)
        #expect(pause.last == .suppressEnd)
    }

    /// A jump of more than six ahead or three back is a discontinuity: the place stays.
    @Test func referenceIgnoresJumps() {
        func place(_ positions: [Int]) -> Int {
            var monitor = AlignmentMonitor(length: 60, window: 50, threshold: 0.15, tuning: .reference)
            for (step, position) in positions.enumerated() {
                _ = monitor.observe(attention: (0..<60).map { $0 == position ? 0.9 : 0 }, token: Int32(step))
            }
            return monitor.position
        }
        let start = (0..<40).map { $0 / 2 }
        #expect(place(start + [25]) == 25)
        #expect(place(start + [16]) == 16)
        #expect(place(start + [15]) == 19)
        #expect(place(Array(repeating: 0, count: 20) + [7]) == 0)
    }

    /// Text further on than there were frames is out of reach, so that noise at the start is no end.
    @Test func referenceIsPaced() {
        let found = reference([19, 19, 19], tokens: [1, 2, 3])
        #expect(found.allSatisfy { $0 == .suppressEnd })
    }

    /// The same sentence, spoken in the same time, as 60 phonemes, 30 word pieces and 12 words: all are left alone until the
    /// end, and all are ended when they linger.
    @Test(arguments: [(60, AlignmentMonitor.Tuning.phonemes), (30, .reference), (12, .calibrated)])
    func granularities(_ length: Int, _ tuning: AlignmentMonitor.Tuning) {
        let frames = 75
        let spoken = (0..<frames).map { $0 * length / frames }
        let healthy = verdicts(spoken, length: length, tuning: tuning)
        #expect(healthy.allSatisfy { $0 == .suppressEnd || $0 == .allow })
        #expect(healthy.prefix(frames * 6 / 10).allSatisfy { $0 == .suppressEnd })
        #expect(healthy.last == .allow)
        let lingering = verdicts(spoken + Array(repeating: length - 1, count: 40), length: length, tuning: tuning)
        #expect(lingering.contains(.forceEnd(.longTail)))
        let again = verdicts(spoken + spoken.prefix(40), length: length, tuning: tuning)
        #expect(again.contains(.forceEnd(tuning == .phonemes ? .longTail : .repeatedText)))
    }

    /// `alignment_window_size` is what sums see: attention back in the text now and then is a repetition only if it
    /// happens often enough within the window.
    @Test func windowForgets() {
        // Every eighth frame is back in the text.
        let spoken = (0..<60).map { $0 / 3 }
        let tail = (0..<120).map { $0 % 8 == 0 ? 5 : 15 + $0 % 2 }
        func ends(_ window: Int) -> Bool {
            reference(spoken + tail, window: window).contains(.forceEnd(.repeatedText))
        }
        #expect(ends(200))
        #expect(!ends(30))
    }
}
