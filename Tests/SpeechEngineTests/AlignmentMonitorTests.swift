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
        let verdicts = verdicts(reading + [19, 19, 19])
        #expect(verdicts.prefix(51).allSatisfy { $0 == .suppressEnd })
        #expect(verdicts.dropFirst(51).allSatisfy { $0 == .allow })
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
        // A window shorter than the limit never sees enough of the tail.
        #expect(end(0.3, window: 10) == .max)
    }

    @Test func flickersDoNotMoveThePosition() {
        var positions = reading
        for step in stride(from: 5, to: 30, by: 6) { positions[step] = 19 }
        #expect(verdicts(positions).prefix(51).allSatisfy { $0 == .suppressEnd })
    }
}
