import Checkpoints
import Tensors

/// Dilated convolutions with Snake activations, added to their input.
/// Source: resemble-ai/chatterbox models/s3gen/hifigan.py
struct ResBlock: Sendable {
    private let layers: [Layer]

    private struct Layer: Sendable {
        let alpha1: Tensor
        let conv1: Conv1d
        let alpha2: Tensor
        let conv2: Conv1d
    }

    init(_ layers: LayerReader, channels: Int, kernel: Int, dilations: [Int]) throws {
        self.layers = try dilations.enumerated().map { i, dilation in
            Layer(
                alpha1: try layers.tensor("activations1.\(i).alpha", [channels]),
                conv1: try layers.weightNormedConv1d(
                    "convs1.\(i)", channels, channels, kernel: kernel, dilation: dilation),
                alpha2: try layers.tensor("activations2.\(i).alpha", [channels]),
                conv2: try layers.weightNormedConv1d("convs2.\(i)", channels, channels, kernel: kernel, dilation: 1))
        }
    }

    /// - Parameter x: `[1, C, T]`.
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        try layers.reduce(x) { x, layer in
            try x + layer.conv2(layer.conv1(x.snake(alpha: layer.alpha1)).snake(alpha: layer.alpha2))
        }
    }

    /// Positions on either side that bear on one output.
    static func context(kernel: Int, dilations: [Int]) -> Int {
        dilations.reduce(0) { $0 + (kernel - 1) / 2 * ($1 + 1) }
    }
}
