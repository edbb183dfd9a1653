import SpeechEngine
import Testing

@Suite struct AlignmentMonitorTests {
    /// Verdicts on attention that rests on `positions` in turn, with tokens that all differ unless given.
    private func verdicts(
        _ positions: [Int], length: Int = 20, window: Int = 50, threshold: Double = 0.15, tokens: [Int32]? = nil
    ) -> [AlignmentMonitor.Verdict] {
        var monitor = AlignmentMonitor(length: length, window: window, threshold: threshold)
        return positions.enumerated().map { step, position in
            monitor.observe(
                attention: (0..<length).map { $0 == position ? 0.9 : 0.1 / Float(length) },
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
        let verdicts = verdicts(reading + (0..<30).map { 3 + $0 / 3 })
        #expect(verdicts.contains(.forceEnd(.repeatedText)))
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

    /// Where the embedded voice's head was on a healthy sentence: it flickers and goes ahead of what is spoken, rests in
    /// a pause, and the stop token comes with attention six symbols before the end.
    @Test func flickeringHealthySpeechIsLeftAlone() {
        let positions =
            Array(0...59) + [
                51, 53, 53, 53, 54, 54, 76, 76, 78, 62, 62, 75, 42, 36, 65, 67, 83, 69, 105, 70, 72, 72, 74, 74,
            ]
            + Array(75...97) + Array(repeating: 98, count: 14) + [112, 55, 112, 110] + Array(101...108) + [108, 108]
        let verdicts = verdicts(positions, length: 114)
        #expect(verdicts.allSatisfy { $0 == .suppressEnd || $0 == .allow })
        #expect(verdicts.prefix(97).allSatisfy { $0 == .suppressEnd })
        #expect(verdicts.last == .allow)
    }

    @Test func oneFrameAtTheEndIsNoEnd() {
        #expect(verdicts([0, 2, 4, 6, 19, 8], length: 20).allSatisfy { $0 == .suppressEnd })
        #expect(verdicts([0, 5, 9, 14, 19, 15, 15], length: 20).last == .allow)
    }

    @Test func flickersDoNotMoveThePosition() {
        var positions = reading
        for step in stride(from: 5, to: 30, by: 6) { positions[step] = 19 }
        #expect(verdicts(positions).prefix(45).allSatisfy { $0 == .suppressEnd })
    }
}
