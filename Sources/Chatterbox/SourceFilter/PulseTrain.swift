import Foundation

/// The voiced source: cosines of every harmonic of F0 below 11 kHz, each of amplitude 1, phase carried on.
/// Source: Training/vocoder.py `harmonics`
struct PulseTrain: Sendable {
    static let maxHarmonicHz: Float = 11000
    static let minF0Hz: Float = 50
    /// The pace at which the phase runs on through unvoiced stretches.
    static let restingHz: Float = 100

    private let samplesPerFrame: Int
    private let sampleRateHz: Double
    private var turns = 0.0

    init(samplesPerFrame: Int, sampleRateHz: Double) {
        self.samplesPerFrame = samplesPerFrame
        self.sampleRateHz = sampleRateHz
    }

    /// Appends one frame's samples. F0 in Hz, 0 where unvoiced (and beyond the ends), is interpolated to the
    /// neighbouring frames' centres.
    mutating func frame(previous: Float, f0: Float, next: Float, into samples: inout [Float]) {
        let left = previous > 0 ? previous : f0
        let right = next > 0 ? next : f0
        for i in 0..<samplesPerFrame {
            let at = (Float(i) + 0.5) / Float(samplesPerFrame) - 0.5
            let f = f0 + (at < 0 ? -at * (left - f0) : at * (right - f0))
            let voiced = f > 0
            let pace = voiced ? max(f, Self.minF0Hz) : Self.restingHz
            turns += Double(pace) / sampleRateHz
            turns -= turns.rounded(.down)
            guard voiced else {
                samples.append(0)
                continue
            }
            let angle = Float(2 * Double.pi * turns)
            let top = (Self.maxHarmonicHz / pace).rounded(.down) + 0.5
            let half = 2 * sinf(angle / 2)
            // Dirichlet's kernel, and its limit where both sines vanish.
            samples.append((abs(half) < 2e-3 ? 2 * top : 2 * sinf(top * angle) / half) / 2 - 0.5)
        }
    }
}
