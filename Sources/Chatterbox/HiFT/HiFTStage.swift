import Checkpoints
import Tensors

/// One step up in rate: upsampling, the source's part, and the residual blocks that are averaged. All tensors are
/// `[1, T, C]`.
/// Source: resemble-ai/chatterbox models/s3gen/hifigan.py `HiFTGenerator.decode`
struct HiFTStage: Sendable {
    private static let slope: Float = 0.1

    private let up: ConvTranspose1d
    private let sourceDown: Conv1d
    private let sourceBlock: ResBlock
    private let blocks: [ResBlock]
    private let isLast: Bool

    struct State: Sendable {
        fileprivate var up: ConvTranspose1dState
        fileprivate var sourceDown: Conv1dState
        fileprivate var sourceBlock: ResBlock.State
        fileprivate var blocks: [ResBlock.State]
        /// Upsampled positions and the source's, each waiting for the other.
        fileprivate var upsampled: FrameQueue
        fileprivate var source: FrameQueue
        /// What the blocks gave, the quicker ones waiting for the slower.
        fileprivate var given: [FrameQueue]
        /// Whether the position that the last stage has in front is still to come.
        fileprivate var lacksFront: Bool
    }

    /// - Parameter index: from 0.
    init(_ layers: LayerReader, index: Int, configuration: HiFTConfiguration) throws {
        let channels = configuration.baseChannels >> (index + 1)
        let (rate, kernel) = (configuration.upsampleRates[index], configuration.upsampleKernelSizes[index])
        isLast = index == configuration.upsampleRates.count - 1
        up = try ConvTranspose1d(
            weight: layers.weightNormed("ups.\(index)", [2 * channels, channels, kernel]),
            bias: layers.tensor("ups.\(index).bias", [channels]), stride: rate, padding: (kernel - rate) / 2,
            layout: .channelsLast, precision: layers.precision)
        // The source's frames come at the last stage's rate; the rates still to come bring them down to this one's.
        let down = configuration.upsampleRates[(index + 1)...].reduce(1, *)
        sourceDown = try Conv1d(
            weight: layers.weight(
                "source_downs.\(index).weight", [channels, configuration.fftSize + 2, down == 1 ? 1 : 2 * down]),
            bias: layers.tensor("source_downs.\(index).bias", [channels]), stride: down,
            padding: (down / 2, down / 2), layout: .channelsLast, precision: layers.precision)
        sourceBlock = try ResBlock(
            layers.scope("source_resblocks.\(index)"), channels: channels,
            kernel: configuration.sourceResblockKernelSizes[index],
            dilations: configuration.sourceResblockDilations[index])
        let kernels = configuration.resblockKernelSizes
        blocks = try kernels.indices.map { i in
            try ResBlock(
                layers.scope("resblocks.\(index * kernels.count + i)"), channels: channels, kernel: kernels[i],
                dilations: configuration.resblockDilations[i])
        }
    }

    func makeState() -> State {
        let queue = FrameQueue(channels: up.outputs)
        return State(
            up: up.makeState(), sourceDown: sourceDown.makeState(), sourceBlock: sourceBlock.makeState(),
            blocks: blocks.map { $0.makeState() }, upsampled: queue, source: queue,
            given: blocks.map { _ in queue }, lacksFront: isLast)
    }

    /// - Parameters:
    ///   - x: the stage before's outputs.
    ///   - spectrum: `[1, n, fftSize + 2]` of the source.
    /// - Returns: the outputs that are complete.
    func step(_ x: Tensor, spectrum: Tensor, ends: Bool, state: inout State) throws -> Tensor {
        try state.upsampled.push(up.step(x.leakyReLU(slope: Self.slope), ends: ends, state: &state.up))
        try state.source.push(
            sourceBlock.step(
                sourceDown.step(spectrum, ends: ends, state: &state.sourceDown), ends: ends, state: &state.sourceBlock))
        if state.lacksFront, state.upsampled.count > 1 {
            // One position, reflected, since the STFT has one frame more than it has hops.
            let upsampled = try state.upsampled.pop(state.upsampled.count)
            try state.upsampled.push(upsampled.sliced(axis: 1, from: 1, to: 2))
            try state.upsampled.push(upsampled)
            state.lacksFront = false
        }
        let ready = state.lacksFront ? 0 : min(state.upsampled.count, state.source.count)
        let input = try state.upsampled.pop(ready) + state.source.pop(ready)
        for (i, block) in blocks.enumerated() {
            try state.given[i].push(block.step(input, ends: ends, state: &state.blocks[i]))
        }
        let complete = state.given.map(\.count).min() ?? 0
        var sum = try state.given[0].pop(complete)
        for i in blocks.indices.dropFirst() { sum = try sum + state.given[i].pop(complete) }
        return sum * (1 / Float(blocks.count))
    }
}
