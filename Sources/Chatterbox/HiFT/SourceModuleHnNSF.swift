import Checkpoints
import Foundation
import Tensors

/// Sines at F0 and its harmonics plus noise, mixed to one excitation; phases carried from frame to frame.
/// Source: resemble-ai/chatterbox models/s3gen/hifigan.py `SineGen`, `SourceModuleHnNSF`
struct SourceModuleHnNSF: Sendable {
    static let sineAmplitude: Float = 0.1
    static let noiseDeviation: Float = 0.003
    static let voicedThresholdHz: Float = 10
    private static let sampleRateHz: Float = 24000

    /// Sines: F0 and its harmonics.
    let sineCount: Int
    private let weight: [Float]
    private let bias: Float
    private let samplesPerFrame: Int

    /// Turns of each sine so far.
    struct Phases: Sendable {
        var turns: [Double]
        /// Where each sine starts, in radians; F0's own at 0.
        let offsets: [Float]
    }

    init(_ layers: LayerReader, harmonicCount: Int, samplesPerFrame: Int) throws {
        self.samplesPerFrame = samplesPerFrame
        sineCount = harmonicCount + 1
        weight = try layers.tensor("l_linear.weight", [1, sineCount]).values
        bias = try layers.tensor("l_linear.bias", [1]).values[0]
    }

    func makePhases(offsets: [Float]) -> Phases {
        Phases(turns: [Double](repeating: 0, count: sineCount), offsets: offsets)
    }

    /// Uniform phases in ±π, but for F0's own.
    func makePhases(seed: UInt64) -> Phases {
        let noise = GaussianNoise(seed: seed, stream: .hiftPhase)
        return makePhases(offsets: (0..<sineCount).map { $0 == 0 ? 0 : (2 * noise.uniform($0) - 1) * Float.pi })
    }

    /// One frame's samples. The frame's row of noise holds `samplesPerFrame` numbers for each sine.
    func frame(f0: Float, index: Int, phases: inout Phases, noise: NoiseSource) -> [Float] {
        var hiss = [Float](repeating: 0, count: sineCount * samplesPerFrame)
        hiss.withUnsafeMutableBufferPointer { noise.fill($0, row: index) }
        let voiced = f0 > Self.voicedThresholdHz
        let loudness = voiced ? Self.noiseDeviation : Self.sineAmplitude / 3
        return (0..<samplesPerFrame).map { i in
            var sum = bias
            for sine in 0..<sineCount {
                phases.turns[sine] += Double(f0 * Float(sine + 1) / Self.sampleRateHz)
                var value = loudness * hiss[sine * samplesPerFrame + i]
                if voiced {
                    let turns = phases.turns[sine] - phases.turns[sine].rounded(.down)
                    value += Self.sineAmplitude * sinf(2 * Float.pi * Float(turns) + phases.offsets[sine])
                }
                sum += weight[sine] * value
            }
            return tanhf(sum)
        }
    }
}
