import Tensors

/// Rows of noise: drawn from a seed, or recorded for parity tests.
package enum NoiseSource: Sendable {
    case seeded(GaussianNoise)
    /// `[rows, numbers]`.
    case recorded(Tensor)

    func fill(_ values: UnsafeMutableBufferPointer<Float>, row: Int) {
        switch self {
        case .seeded(let noise): noise.fill(values, row: row)
        case .recorded(let tensor):
            tensor.withUnsafeBufferPointer { rows in
                for i in 0..<values.count { values[i] = rows[row * tensor.shape[1] + i] }
            }
        }
    }
}
