import AudioDSP
import Checkpoints
import Foundation
import Tensors

/// The reference's vocoder: F0 from mel, a sine source, upsampling convolutions fused with the source's STFT, and an
/// inverse STFT. All layers are symmetric, so streaming runs them over a window that has the context of what it emits:
/// the samples are those of one shot.
/// Source: resemble-ai/chatterbox models/s3gen/hifigan.py
public struct HiFTGenerator: Vocoder {
    private static let melBins = 80
    private static let slope: Float = 0.1
    private static let lastSlope: Float = 0.01
    private static let maxMagnitude: Float = 100
    private static let audioLimit: Float = 0.99

    public let configuration: HiFTConfiguration
    private let f0Predictor: ConvRNNF0Predictor
    private let source: SourceModuleHnNSF
    private let convPre: Conv1d
    private let stages: [Stage]
    private let convPost: Conv1d
    private let fourier: ShortTimeFourier

    /// Upsampling, the source's part, and the residual blocks that are averaged.
    private struct Stage: Sendable {
        let up: ConvTranspose1d
        let sourceDown: Conv1d
        let sourceBlock: ResBlock
        let blocks: [ResBlock]
    }

    public var samplesPerFrame: Int { configuration.samplesPerFrame }
    public var lookaheadFrames: Int { ConvRNNF0Predictor.context + context }

    /// Mel frames on either side that bear on a sample when the source is given: every layer's reach, rounded up.
    private let context: Int

    public struct State: Sendable {
        fileprivate var noise: NoiseSource
        fileprivate var phases: SourceModuleHnNSF.Phases
        fileprivate var ended = false
        /// `[1, 80, n]`, frames from `firstFrame` on.
        fileprivate var mel = Tensor(zeros: [1, melBins, 0])
        fileprivate var firstFrame = 0
        /// Source samples from frame `firstFrame` on.
        fileprivate var source: [Float] = []
        fileprivate var sourcedFrames = 0
        fileprivate var emittedFrames = 0
    }

    /// - Parameter reader: the scope of the generator's own names, `mel2wav` in S3Gen's checkpoints. The caller audits.
    public init(_ reader: WeightReader, configuration: HiFTConfiguration, precision: Precision) throws {
        let layers = LayerReader(reader: reader, precision: precision)
        let (base, count) = (configuration.baseChannels, configuration.upsampleRates.count)
        self.configuration = configuration
        f0Predictor = try ConvRNNF0Predictor(
            layers.scope("f0_predictor"), melBins: Self.melBins, width: configuration.f0Channels)
        source = try SourceModuleHnNSF(
            layers.scope("m_source"), harmonicCount: configuration.harmonicCount,
            samplesPerFrame: configuration.samplesPerFrame)
        convPre = try layers.weightNormedConv1d("conv_pre", Self.melBins, base, kernel: 7, dilation: 1)
        let spectrum = configuration.fftSize + 2
        let kernels = configuration.resblockKernelSizes
        stages = try (0..<count).map { i in
            let channels = base >> (i + 1)
            let (rate, kernel) = (configuration.upsampleRates[i], configuration.upsampleKernelSizes[i])
            // The source's frames come at the last stage's rate; the rates still to come bring them down to this one's.
            let down = configuration.upsampleRates[(i + 1)...].reduce(1, *)
            return Stage(
                up: try ConvTranspose1d(
                    weight: layers.weightNormed("ups.\(i)", [2 * channels, channels, kernel]),
                    bias: layers.tensor("ups.\(i).bias", [channels]), stride: rate, padding: (kernel - rate) / 2,
                    precision: precision),
                sourceDown: try Conv1d(
                    weight: layers.tensor(
                        "source_downs.\(i).weight", [channels, spectrum, down == 1 ? 1 : 2 * down]),
                    bias: layers.tensor("source_downs.\(i).bias", [channels]), stride: down,
                    padding: (down / 2, down / 2), precision: precision),
                sourceBlock: try ResBlock(
                    layers.scope("source_resblocks.\(i)"), channels: channels,
                    kernel: configuration.sourceResblockKernelSizes[i],
                    dilations: configuration.sourceResblockDilations[i]),
                blocks: try kernels.indices.map { j in
                    try ResBlock(
                        layers.scope("resblocks.\(i * kernels.count + j)"), channels: channels, kernel: kernels[j],
                        dilations: configuration.resblockDilations[j])
                })
        }
        convPost = try layers.weightNormedConv1d("conv_post", base >> count, spectrum, kernel: 7, dilation: 1)
        fourier = try ShortTimeFourier(size: configuration.fftSize, hop: configuration.hop)
        context = Self.context(configuration)
    }

    private static func context(_ configuration: HiFTConfiguration) -> Int {
        var (frames, rate) = (3.0, 1.0)
        for i in configuration.upsampleRates.indices {
            frames += Double(configuration.upsampleKernelSizes[i]) / Double(configuration.upsampleRates[i]) / rate
            rate *= Double(configuration.upsampleRates[i])
            let blocks = zip(configuration.resblockKernelSizes, configuration.resblockDilations)
                .map { ResBlock.context(kernel: $0, dilations: $1) }
            let sourceBlock = ResBlock.context(
                kernel: configuration.sourceResblockKernelSizes[i],
                dilations: configuration.sourceResblockDilations[i])
            frames += Double((blocks.max() ?? 0) + sourceBlock + 1) / rate
        }
        // The last convolution, and the frames that overlap in a sample.
        frames += 3 / rate + Double(configuration.fftSize) / Double(configuration.samplesPerFrame)
        return Int(frames.rounded(.up))
    }

    public func makeState(seed: UInt64) -> VocoderState {
        .hift(
            State(
                noise: .seeded(GaussianNoise(seed: seed, stream: .hift)), phases: source.makePhases(seed: seed)))
    }

    /// - Parameters:
    ///   - noise: row k is mel frame k's: `samplesPerFrame` numbers for each sine.
    ///   - phaseOffsets: of each sine, radians.
    package func makeState(noise: NoiseSource, phaseOffsets: [Float]) -> State {
        State(noise: noise, phases: source.makePhases(offsets: phaseOffsets))
    }

    public func step(_ mel: Tensor, state: inout VocoderState) throws -> [Float] {
        guard case .hift(var own) = state else { preconditionFailure("state of another vocoder") }
        defer { state = .hift(own) }
        return try step(mel, state: &own)
    }

    public func flush(state: inout VocoderState) throws -> [Float] {
        guard case .hift(var own) = state else { preconditionFailure("state of another vocoder") }
        defer { state = .hift(own) }
        return try flush(state: &own)
    }

    package func step(_ mel: Tensor, state: inout State) throws -> [Float] {
        guard !state.ended else {
            throw ChatterboxError.input(what: "mel", expected: "none after flush", found: "\(mel.shape)")
        }
        guard mel.shape.count == 3, mel.shape[0] == 1, mel.shape[1] == Self.melBins else {
            throw TensorError.shape(op: "HiFTGenerator", expected: "[1, 80, T]", found: mel.shape)
        }
        guard mel.shape[2] > 0 else { return [] }
        state.mel = try Tensor.concatenated([state.mel, mel], axis: 2)
        return try advance(&state)
    }

    package func flush(state: inout State) throws -> [Float] {
        guard !state.ended else { return [] }
        state.ended = true
        return try advance(&state)
    }

    /// F0 of every frame, for parity tests.
    package func f0(_ mel: Tensor) throws -> [Float] { try f0Predictor(mel) }

    /// Emits the frames whose context is there.
    private func advance(_ state: inout State) throws -> [Float] {
        let end = state.firstFrame + state.mel.shape[2]
        let sourced = state.ended ? end : end - ConvRNNF0Predictor.context
        if sourced > state.sourcedFrames {
            let from = max(state.sourcedFrames - ConvRNNF0Predictor.context, state.firstFrame)
            let f0 = try f0Predictor(
                state.mel.sliced(axis: 2, from: from - state.firstFrame, to: state.mel.shape[2]))
            for frame in state.sourcedFrames..<sourced {
                state.source += source.frame(
                    f0: f0[frame - from], index: frame, phases: &state.phases, noise: state.noise)
            }
            state.sourcedFrames = sourced
        }
        let final = state.ended ? end : state.sourcedFrames - context
        guard final > state.emittedFrames else { return [] }
        let frames = state.sourcedFrames - state.firstFrame
        let wave = try decode(state.mel.sliced(axis: 2, from: 0, to: frames), source: state.source)
        let from = (state.emittedFrames - state.firstFrame) * samplesPerFrame
        let emitted = Array(wave[from..<(final - state.firstFrame) * samplesPerFrame])
        state.emittedFrames = final
        // What the next pass needs to the left of its first new frame: context, and F0's.
        let keep = max(final - context - ConvRNNF0Predictor.context, 0)
        let dropped = keep - state.firstFrame
        if dropped > 0 {
            state.mel = try state.mel.sliced(axis: 2, from: dropped, to: state.mel.shape[2])
            state.source.removeFirst(dropped * samplesPerFrame)
            state.firstFrame = keep
        }
        return emitted
    }

    /// - Parameters:
    ///   - mel: `[1, 80, T]`.
    ///   - source: `T * samplesPerFrame` samples.
    /// - Returns: as many samples.
    package func decode(_ mel: Tensor, source: [Float]) throws -> [Float] {
        let frames = try fourier.centredFrames(source)
        let spectrum = try Tensor.concatenated([frames.real, frames.imaginary], axis: 1)
            .reshaped([1, -1, configuration.fftSize + 2]).transposed(1, 2)
        var x = try convPre(mel)
        for (i, stage) in stages.enumerated() {
            x = try stage.up(x.leakyReLU(slope: Self.slope))
            if i == stages.count - 1 {
                // One position in front, reflected, since the STFT has one frame more than it has hops.
                x = try Tensor.concatenated([x.sliced(axis: 2, from: 1, to: 2), x], axis: 2)
            }
            x = try x + stage.sourceBlock(stage.sourceDown(spectrum))
            let input = x
            x = try stage.blocks.dropFirst().reduce(stage.blocks[0](input)) { try $0 + $1(input) }
            x = x * (1 / Float(stage.blocks.count))
        }
        x = try convPost(x.leakyReLU(slope: Self.lastSlope)).transposed(1, 2)
            .reshaped([-1, configuration.fftSize + 2])
        let bins = fourier.bins
        let magnitude = try x.sliced(axis: 1, from: 0, to: bins).exp().clamped(0...Self.maxMagnitude)
        let phase = try x.sliced(axis: 1, from: bins, to: 2 * bins).sin()
        return try fourier.inverse(Spectrogram(real: magnitude * phase.cos(), imaginary: magnitude * phase.sin()))
            .map { min(max($0, -Self.audioLimit), Self.audioLimit) }
    }
}
