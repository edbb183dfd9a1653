import Checkpoints
import Tensors

/// Dilated convolutions with Snake activations, added to their input. All tensors are `[1, T, C]`.
/// Source: resemble-ai/chatterbox models/s3gen/hifigan.py
struct ResBlock: Sendable {
    private let layers: [Layer]

    private struct Layer: Sendable {
        let alpha1: Tensor
        let conv1: Conv1d
        let alpha2: Tensor
        let conv2: Conv1d
    }

    struct State: Sendable {
        fileprivate var layers: [LayerState]
    }

    fileprivate struct LayerState: Sendable {
        var conv1: Conv1dState
        var conv2: Conv1dState
        /// Inputs that wait for what the convolutions make of them.
        var waiting: FrameQueue
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

    func makeState() -> State {
        State(
            layers: layers.map {
                LayerState(
                    conv1: $0.conv1.makeState(), conv2: $0.conv2.makeState(),
                    waiting: FrameQueue(channels: $0.conv1.inputs))
            })
    }

    /// - Returns: the outputs that are complete.
    func step(_ x: Tensor, ends: Bool, state: inout State) throws -> Tensor {
        var x = x
        for (i, layer) in layers.enumerated() {
            try state.layers[i].waiting.push(x)
            let inner = try layer.conv1.step(
                x.snake(alpha: layer.alpha1), ends: ends, state: &state.layers[i].conv1)
            let y = try layer.conv2.step(
                inner.snake(alpha: layer.alpha2), ends: ends, state: &state.layers[i].conv2)
            x = try state.layers[i].waiting.pop(y.shape[1]) + y
        }
        return x
    }
}
