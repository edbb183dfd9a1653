import Checkpoints
import Tensors

/// F0 in Hz from mel. Source: resemble-ai/chatterbox models/s3gen/f0_predictor.py
struct ConvRNNF0Predictor: Sendable {
    static let convCount = 5
    /// Frames that bear on one F0, on either side.
    static let context = convCount

    private let convs: [Conv1d]
    private let classifier: Linear

    init(_ layers: LayerReader, melBins: Int, width: Int) throws {
        // In the reference's sequence every convolution is followed by its ELU.
        convs = try (0..<Self.convCount).map { i in
            try layers.weightNormedConv1d(
                "condnet.\(2 * i)", i == 0 ? melBins : width, width, kernel: 3, dilation: 1)
        }
        classifier = try layers.linear("classifier", width, 1)
    }

    /// - Parameter mel: `[1, 80, T]`.
    /// - Returns: `T` values, never negative.
    func callAsFunction(_ mel: Tensor) throws -> [Float] {
        let x = try convs.reduce(mel) { try $1($0).elu() }
        return try classifier(x.transposed(1, 2)).values.map(abs)
    }
}

extension LayerReader {
    /// A weight stored as direction and length of each row (torch's `weight_norm`).
    func weightNormed(_ name: String, _ shape: [Int]) throws -> Tensor {
        let scope = scope(name + ".parametrizations.weight")
        let length = try scope.tensor("original0", [shape[0], 1, 1])
        let direction = try scope.tensor("original1", shape)
        let rows = direction.shape[0]
        return direction.withUnsafeBufferPointer { v in
            length.withUnsafeBufferPointer { g in
                Tensor(shape: direction.shape) { out in
                    let size = direction.count / max(rows, 1)
                    for row in 0..<rows {
                        let values = v[row * size..<(row + 1) * size]
                        let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
                        for i in row * size..<(row + 1) * size { out[i] = v[i] * (g[row] / norm) }
                    }
                }
            }
        }
    }

    /// Convolution on `[B, C, T]` that keeps the length, weight stored normalised.
    func weightNormedConv1d(_ name: String, _ inputs: Int, _ outputs: Int, kernel: Int, dilation: Int) throws -> Conv1d
    {
        let side = (kernel - 1) * dilation / 2
        return try Conv1d(
            weight: weightNormed(name, [outputs, inputs, kernel]), bias: tensor(name + ".bias", [outputs]),
            dilation: dilation, padding: (side, side), precision: precision)
    }
}
