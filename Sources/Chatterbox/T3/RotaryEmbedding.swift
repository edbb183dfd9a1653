import Foundation
import Tensors

/// Rotary position embedding with Llama 3's scaling of low frequencies.
/// Source: Su et al. 2021; transformers modeling_rope_utils.py for the scaling's definition
package struct RotaryEmbedding: Sendable {
    /// Radians per position of each pair, `[headDim / 2]`.
    package let inverseFrequencies: [Float]
    /// `[positions, headDim / 2]`.
    private let cosines: Tensor
    private let sines: Tensor

    init(headDim: Int, theta: Double, scaling: T3Configuration.RoPEScaling?, positions: Int) throws {
        let frequencies = (0..<headDim / 2).map { pair -> Float in
            let frequency = 1 / pow(theta, Double(2 * pair) / Double(headDim))
            guard let scaling else { return Float(frequency) }
            let wavelength = 2 * Double.pi / frequency
            let original = scaling.originalMaxPositionEmbeddings
            if wavelength > original / scaling.lowFreqFactor { return Float(frequency / scaling.factor) }
            if wavelength < original / scaling.highFreqFactor { return Float(frequency) }
            let smooth =
                (original / wavelength - scaling.lowFreqFactor) / (scaling.highFreqFactor - scaling.lowFreqFactor)
            return Float((1 - smooth) * frequency / scaling.factor + smooth * frequency)
        }
        func table(_ function: (Float) -> Float) throws -> Tensor {
            try Tensor(
                (0..<positions).flatMap { position in frequencies.map { function(Float(position) * $0) } },
                shape: [positions, frequencies.count])
        }
        self.inverseFrequencies = frequencies
        self.cosines = try table(cosf)
        self.sines = try table(sinf)
    }

    /// Cosine and sine of some positions, `[positions.count, headDim / 2]` each.
    typealias Tables = (cosine: Tensor, sine: Tensor)

    func tables(_ positions: Range<Int>) throws -> Tables {
        (
            try cosines.sliced(axis: 0, from: positions.lowerBound, to: positions.upperBound),
            try sines.sliced(axis: 0, from: positions.lowerBound, to: positions.upperBound)
        )
    }
}
