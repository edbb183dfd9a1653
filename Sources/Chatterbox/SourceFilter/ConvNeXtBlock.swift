import Checkpoints
import Tensors

/// ConvNeXt over time with its left and right context spelled out, so that it streams.
/// Source: Training/convnext.py
private struct ConvNeXtBlock: Sendable {
    static let multiple = 2

    private let depthwise: Conv1d
    private let norm: LayerNorm
    private let expand: Linear
    /// The second projection with the layer scale folded in.
    private let contract: Linear
    private let channels: Int

    /// Inputs that reached this block and whose outputs didn't leave it yet.
    struct State: Sendable {
        fileprivate var conv: Conv1dState
        fileprivate var residual: FrameQueue
    }

    init(_ layers: LayerReader, channels: Int, right: Int) throws {
        let (kernel, multiple) = (ConvNeXtStack.kernel, Self.multiple)
        self.channels = channels
        depthwise = try Conv1d(
            weight: layers.tensor("dwconv.weight", [channels, 1, kernel]),
            bias: layers.tensor("dwconv.bias", [channels]), padding: (kernel - 1 - right, right), groups: channels,
            layout: .channelsLast, precision: .float32)
        norm = try layers.layerNorm("norm", channels)
        expand = try layers.linear("pwconv1", channels, channels * multiple)
        let gamma = try layers.tensor("gamma", [channels])
        contract = try Linear(
            weight: layers.tensor("pwconv2.weight", [channels, channels * multiple]) * gamma.reshaped([channels, 1]),
            bias: layers.tensor("pwconv2.bias", [channels]) * gamma, precision: layers.precision)
    }

    func makeState() -> State { State(conv: depthwise.makeState(), residual: FrameQueue(channels: channels)) }

    /// - Parameter x: `[1, T, C]`.
    /// - Returns: the frames whose context is complete.
    func step(_ x: Tensor, state: inout State) throws -> Tensor {
        try state.residual.push(x)
        return try finish(depthwise.step(x, state: &state.conv), &state)
    }

    func flush(state: inout State) throws -> Tensor { try finish(depthwise.flush(state: &state.conv), &state) }

    private func finish(_ mixed: Tensor, _ state: inout State) throws -> Tensor {
        guard mixed.shape[1] > 0 else { return mixed }
        return try state.residual.pop(mixed.shape[1]) + contract(expand(norm(mixed)).gelu())
    }
}

/// Blocks in a row, with one state.
struct ConvNeXtStack: Sendable {
    static let kernel = 7
    private let blocks: [ConvNeXtBlock]
    private let channels: Int

    struct State: Sendable { fileprivate var blocks: [ConvNeXtBlock.State] }

    /// - Parameter rights: frames ahead that each block sees.
    init(_ layers: LayerReader, channels: Int, rights: [Int]) throws {
        self.channels = channels
        blocks = try rights.enumerated().map {
            try ConvNeXtBlock(layers.scope("\($0)"), channels: channels, right: $1)
        }
    }

    func makeState() -> State { State(blocks: blocks.map { $0.makeState() }) }

    /// - Parameter x: `[1, T, C]`.
    func step(_ x: Tensor, state: inout State) throws -> Tensor {
        var x = x
        for (i, block) in blocks.enumerated() { x = try block.step(x, state: &state.blocks[i]) }
        return x
    }

    /// Ends the stream; every block gets what the one before it held back, and then gives up its own.
    /// - Parameter x: last frames, if there are any.
    func flush(_ x: Tensor?, state: inout State) throws -> Tensor {
        var x = x
        for (i, block) in blocks.enumerated() {
            let last = try x.map { try block.step($0, state: &state.blocks[i]) }
            let rest = try block.flush(state: &state.blocks[i])
            x = try last.map { try Tensor.concatenated([$0, rest], axis: 1) } ?? rest
        }
        return x ?? Tensor(zeros: [1, 0, channels])
    }
}
