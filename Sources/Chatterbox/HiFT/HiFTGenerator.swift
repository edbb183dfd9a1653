import AudioDSP
import Checkpoints
import Tensors

/// The reference's vocoder: F0 from mel, a sine source, upsampling convolutions fused with the source's STFT, and an
/// inverse STFT. Every layer streams: it keeps the inputs that its next outputs need, so nothing is computed twice, and
/// the samples are those of one shot.
/// Source: resemble-ai/chatterbox models/s3gen/hifigan.py
public struct HiFTGenerator: Vocoder {
    private static let melBins = 80
    private static let lastSlope: Float = 0.01
    private static let maxMagnitude: Float = 100
    private static let audioLimit: Float = 0.99

    public let configuration: HiFTConfiguration
    private let f0Predictor: ConvRNNF0Predictor
    private let source: SourceModuleHnNSF
    private let convPre: Conv1d
    private let stages: [HiFTStage]
    private let convPost: Conv1d
    private let fourier: ShortTimeFourier

    public var samplesPerFrame: Int { configuration.samplesPerFrame }

    public struct State: Sendable {
        fileprivate var noise: NoiseSource
        fileprivate var phases: SourceModuleHnNSF.Phases
        fileprivate var ended = false
        fileprivate var f0: ConvRNNF0Predictor.State
        /// Frames of the source.
        fileprivate var sourcedFrames = 0
        fileprivate var layers: LayerStates
    }

    /// From mel and source to samples.
    fileprivate struct LayerStates: Sendable {
        var spectra: CentredFramesState
        var convPre: Conv1dState
        var stages: [HiFTStage.State]
        var convPost: Conv1dState
        var inverse: InverseFourierState
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
        stages = try (0..<count).map { try HiFTStage(layers, index: $0, configuration: configuration) }
        convPost = try layers.weightNormedConv1d(
            "conv_post", base >> count, configuration.fftSize + 2, kernel: 7, dilation: 1)
        fourier = try ShortTimeFourier(size: configuration.fftSize, hop: configuration.hop)
    }

    public func makeState(seed: UInt64) -> VocoderState {
        .hift(
            makeState(
                noise: .seeded(GaussianNoise(seed: seed, stream: .hift)), phases: source.makePhases(seed: seed)))
    }

    /// - Parameters:
    ///   - noise: row k is mel frame k's: `samplesPerFrame` numbers for each sine.
    ///   - phaseOffsets: of each sine, radians.
    package func makeState(noise: NoiseSource, phaseOffsets: [Float]) -> State {
        makeState(noise: noise, phases: source.makePhases(offsets: phaseOffsets))
    }

    private func makeState(noise: NoiseSource, phases: SourceModuleHnNSF.Phases) -> State {
        State(noise: noise, phases: phases, f0: f0Predictor.makeState(), layers: makeLayerStates())
    }

    private func makeLayerStates() -> LayerStates {
        LayerStates(
            spectra: fourier.makeState(), convPre: convPre.makeState(), stages: stages.map { $0.makeState() },
            convPost: convPost.makeState(), inverse: fourier.makeInverseState())
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
        return try advance(mel, state: &state)
    }

    package func flush(state: inout State) throws -> [Float] {
        guard !state.ended else { return [] }
        state.ended = true
        return try advance(Tensor(zeros: [1, Self.melBins, 0]), state: &state)
    }

    /// F0 of every frame, for parity tests.
    package func f0(_ mel: Tensor) throws -> [Float] {
        var state = f0Predictor.makeState()
        return try f0Predictor.step(mel.transposed(1, 2), ends: true, state: &state)
    }

    /// - Parameters:
    ///   - mel: `[1, 80, T]`.
    ///   - source: `T * samplesPerFrame` samples.
    /// - Returns: as many samples.
    package func decode(_ mel: Tensor, source: [Float]) throws -> [Float] {
        var states = makeLayerStates()
        return try decode(mel.transposed(1, 2), source: source, ends: true, states: &states)
    }

    private func advance(_ mel: Tensor, state: inout State) throws -> [Float] {
        let mel = try mel.transposed(1, 2)
        var excitation: [Float] = []
        for f0 in try f0Predictor.step(mel, ends: state.ended, state: &state.f0) {
            excitation += source.frame(
                f0: f0, index: state.sourcedFrames, phases: &state.phases, noise: state.noise)
            state.sourcedFrames += 1
        }
        // A stream that ends before it began has nothing to reflect.
        guard state.sourcedFrames > 0 || mel.shape[1] > 0 else { return [] }
        return try decode(mel, source: excitation, ends: state.ended, states: &state.layers)
    }

    private func decode(_ mel: Tensor, source: [Float], ends: Bool, states: inout LayerStates) throws -> [Float] {
        let frames = try fourier.step(source, ends: ends, state: &states.spectra)
        let spectrum = try Tensor.concatenated([frames.real, frames.imaginary], axis: 1)
            .reshaped([1, -1, configuration.fftSize + 2])
        var x = try convPre.step(mel, ends: ends, state: &states.convPre)
        for (i, stage) in stages.enumerated() {
            x = try stage.step(x, spectrum: spectrum, ends: ends, state: &states.stages[i])
        }
        x = try convPost.step(x.leakyReLU(slope: Self.lastSlope), ends: ends, state: &states.convPost)
            .reshaped([-1, configuration.fftSize + 2])
        let bins = fourier.bins
        let magnitude = try x.sliced(axis: 1, from: 0, to: bins).exp().clamped(0...Self.maxMagnitude)
        let phase = try x.sliced(axis: 1, from: bins, to: 2 * bins).sin()
        let spectra = try Spectrogram(real: magnitude * phase.cos(), imaginary: magnitude * phase.sin())
        var samples = try fourier.step(spectra, state: &states.inverse)
        if ends { samples += fourier.flush(state: &states.inverse) }
        return samples.map { min(max($0, -Self.audioLimit), Self.audioLimit) }
    }
}
