import Foundation
import Tensors

/// Windowed Fourier transforms of overlapping frames, four to each sample.
struct FourierFrames: Sendable {
    private let transform: RealFourierTransform
    private let analysis: [Float]
    private let synthesis: [Float]

    private var size: Int { transform.size }

    /// - Parameter size: samples of a frame, four hops. The Hann windows of analysis and synthesis are scaled so that
    ///   the analysis of a unit cosine gives 1, and the overlapping frames of synthesis sum to what they hold.
    init(size: Int) throws {
        let window = (0..<size).map { 0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(size)) }
        transform = try RealFourierTransform(size: size)
        analysis = window.map { Float($0 / Double(size / 4)) }
        synthesis = window.map { Float($0 / 1.5) }
    }

    /// Spectra `[count, bins]` of the frames that start at every `hop` of `samples`.
    func forward(_ samples: [Float], hop: Int, count: Int) throws -> (real: Tensor, imaginary: Tensor) {
        let frames = Tensor(shape: [count, size]) { out in
            for frame in 0..<count {
                for i in 0..<size { out[frame * size + i] = samples[frame * hop + i] * analysis[i] }
            }
        }
        return try transform.forward(frames)
    }

    /// Adds the frames of spectra `[count, bins]` to `samples` at every `hop`.
    func inverse(real: Tensor, imaginary: Tensor, hop: Int, into samples: inout [Float]) throws {
        let frames = try transform.inverse(real: real, imaginary: imaginary)
        frames.withUnsafeBufferPointer { values in
            for frame in 0..<frames.shape[0] {
                for i in 0..<size { samples[frame * hop + i] += values[frame * size + i] * synthesis[i] }
            }
        }
    }
}
