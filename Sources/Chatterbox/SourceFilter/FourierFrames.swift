import Foundation
import Tensors

/// Windowed Fourier transforms of many frames at once, as products with the transform's matrix: the frame is no power
/// of two long, and a chunk has enough frames to make it one large product.
struct FourierFrames: Sendable {
    private let size: Int
    private let analysis: Linear
    private let synthesis: Linear

    /// - Parameter size: samples of a frame, four hops. The Hann windows of analysis and synthesis are scaled so that
    ///   the analysis of a unit cosine gives 1, and the overlapping frames of synthesis sum to what they hold.
    init(size: Int) throws {
        let bins = size / 2 + 1
        let window = (0..<size).map { 0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(size)) }
        let turn = (0..<size).map { 2 * Double.pi * Double($0) / Double(size) }
        func matrix(_ rows: Int, _ columns: Int, _ value: (Int, Int) -> Double) -> Tensor {
            Tensor(shape: [rows, columns]) { out in
                for row in 0..<rows {
                    for column in 0..<columns { out[row * columns + column] = Float(value(row, column)) }
                }
            }
        }
        // Rows: cosines of every bin, then negative sines.
        analysis = try Linear(
            weight: matrix(2 * bins, size) { row, sample in
                let angle = turn[row % bins * sample % size]
                return (row < bins ? cos(angle) : -sin(angle)) * window[sample] / Double(size / 4)
            }, bias: nil, precision: .float32)
        // The first and the last bin stand for themselves alone, the others for their mirror images as well.
        synthesis = try Linear(
            weight: matrix(size, 2 * bins) { sample, column in
                let bin = column % bins
                let share = (bin == 0 || bin == size / 2 ? 1.0 : 2.0) / Double(size)
                let angle = turn[bin * sample % size]
                return share * (column < bins ? cos(angle) : -sin(angle)) * window[sample] / 1.5
            }, bias: nil, precision: .float32)
        self.size = size
    }

    /// Spectra `[count, 2 bins]` of the frames that start at every `hop` of `samples`.
    func forward(_ samples: [Float], hop: Int, count: Int) throws -> Tensor {
        let frames = Tensor(shape: [count, size]) { out in
            for frame in 0..<count {
                for i in 0..<size { out[frame * size + i] = samples[frame * hop + i] }
            }
        }
        return try analysis(frames)
    }

    /// Windowed frames `[count, size]`, to be added up at every hop.
    func inverse(_ spectra: Tensor) throws -> Tensor { try synthesis(spectra) }
}
