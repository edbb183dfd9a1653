import AudioDSP
import Foundation
import Testing

@Suite struct RecordingTests {
    private static func tone(_ hz: Double, rate: Int, seconds: Double, amplitude: Double = 0.5) -> [Float] {
        (0..<Int(seconds * Double(rate))).map { Float(amplitude * sin(2 * .pi * hz * Double($0) / Double(rate))) }
    }

    /// BS.1770: a sine of 997 Hz at full scale measures -3.01 LUFS, up to the shelf's 0.1 dB.
    @Test func loudnessOfATone() throws {
        for rate in [16000, 24000, 48000] {
            let loudness = try #require(
                Loudness.integrated(Self.tone(997, rate: rate, seconds: 3, amplitude: 1), sampleRateHz: rate))
            #expect(abs(loudness + 3.01) < 0.15, "\(rate): \(loudness)")
        }
        let normalized = Loudness.normalized(Self.tone(500, rate: 24000, seconds: 2), sampleRateHz: 24000, target: -27)
        let loudness = try #require(Loudness.integrated(normalized, sampleRateHz: 24000))
        #expect(abs(loudness + 27) < 1e-3)
    }

    @Test func loudnessNeedsSomethingToMeasure() {
        #expect(Loudness.integrated([], sampleRateHz: 24000) == nil)
        #expect(Loudness.integrated([Float](repeating: 0.5, count: 9599), sampleRateHz: 24000) == nil)
        #expect(Loudness.integrated([Float](repeating: 0, count: 48000), sampleRateHz: 24000) == nil)
        #expect(Loudness.normalized([0.1, 0.2], sampleRateHz: 24000, target: -27) == [0.1, 0.2])
    }

    @Test func resamplingKeepsTonesAndRemovesWhatDoesNotFit() throws {
        let resampler = try Resampler(from: 24000, to: 16000)
        let kept = try resampler(Self.tone(1000, rate: 24000, seconds: 1))
        #expect(kept.count == 16000)
        let expected = Self.tone(1000, rate: 16000, seconds: 1)
        let worst = zip(kept, expected).dropFirst(100).dropLast(100).map { abs($0 - $1) }.max() ?? 1
        #expect(worst < 2e-3)
        // 11 kHz has no place at 16 kHz, where it would sound as 5 kHz.
        let gone = try resampler(Self.tone(11000, rate: 24000, seconds: 1)).dropFirst(100).dropLast(100)
        #expect((gone.map(abs).max() ?? 1) < 5e-3)
        #expect(try Resampler(from: 16000, to: 16000)([1, 2, 3]) == [1, 2, 3])
        #expect(try resampler([]).isEmpty)
        #expect(throws: AudioError.transform(expected: "sample rates above 0", found: 0)) {
            try Resampler(from: 0, to: 16000)
        }
    }

    @Test func trimmingCutsSilenceOffTheEnds() {
        let quiet = [Float](repeating: 0.001, count: 16000)
        let range = SilenceTrim.range(quiet + Self.tone(300, rate: 16000, seconds: 1) + quiet)
        #expect(range.lowerBound > 14000 && range.lowerBound <= 16000)
        #expect(range.upperBound >= 32000 && range.upperBound < 34000)
        #expect(SilenceTrim.trimmed([Float](repeating: 0, count: 5000)).isEmpty)
    }
}
