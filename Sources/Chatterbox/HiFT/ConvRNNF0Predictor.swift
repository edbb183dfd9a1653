import Checkpoints
import Tensors

/// F0 in Hz from mel. Source: resemble-ai/chatterbox models/s3gen/f0_predictor.py
struct ConvRNNF0Predictor: Sendable {
    private static let convCount = 5

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

    struct State: Sendable {
        fileprivate var convs: [Conv1dState]
    }

    func makeState() -> State { State(convs: convs.map { $0.makeState() }) }

    /// - Parameter mel: `[1, T, 80]`.
    /// - Returns: the values that are complete, never negative.
    func step(_ mel: Tensor, ends: Bool, state: inout State) throws -> [Float] {
        var x = mel
        for (i, conv) in convs.enumerated() { x = try conv.step(x, ends: ends, state: &state.convs[i]).elu() }
        return try classifier(x).values.map(abs)
    }
}

extension LayerReader {
    /// A weight stored as direction and length of each row (torch's `weight_norm`).
    func weightNormed(_ name: String, _ shape: [Int]) throws -> Weight {
        let scope = scope(name + ".parametrizations.weight")
        let length = try scope.tensor("original0", [shape[0], 1, 1])
        let direction = try scope.weight("original1", shape)
        return direction.mapped(to: direction.shape) { direction in
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
    }

    /// Convolution on `[B, T, C]` that keeps the length, weight stored normalised.
    func weightNormedConv1d(_ name: String, _ inputs: Int, _ outputs: Int, kernel: Int, dilation: Int) throws -> Conv1d
    {
        let side = (kernel - 1) * dilation / 2
        return try Conv1d(
            weight: weightNormed(name, [outputs, inputs, kernel]), bias: tensor(name + ".bias", [outputs]),
            dilation: dilation, padding: (side, side), layout: .channelsLast, precision: precision)
    }
}
