import Checkpoints
import Foundation
import Tensors

/// The embedded voice's vocoder: a pulse train at the predicted F0 and noise, shaped in the STFT domain by a predicted
/// complex filter; one inverse STFT. All convolutions have explicit context, so that it streams exactly.
/// Source: Training/vocoder.py
public struct SourceFilterVocoder: Vocoder {
    private static let melBins = 80
    private static let sampleRateHz = 24000.0
    private static let unknownF0Hz: Float = 150
    private static let maxLogMagnitude: Float = 6

    public let configuration: SourceFilterConfiguration
    private let f0Predictor: F0Predictor
    private let input: Conv1d
    private let coarse: ConvNeXtStack
    private let up: Linear
    private let pitch: Linear
    private let fine: ConvNeXtStack
    private let norm: LayerNorm
    private let output: Linear
    private let transform: FourierFrames

    public var samplesPerFrame: Int { 2 * configuration.hop }

    /// Frames that `step` holds back because later ones still bear on them.
    package var lookaheadFrames: Int {
        // Its own neighbour, the blocks' contexts, and the overlap of the STFT's frames.
        let features = 1 + configuration.coarseRight.reduce(0, +) + (configuration.fineRight.reduce(0, +) + 1) / 2
        return max(features, configuration.f0Right.reduce(0, +) + 1) + 1
    }

    private var bins: Int { configuration.fftSize / 2 + 1 }

    /// What one frame waits for on its way: the layers' contexts, F0s, filters, source and the overlap of the frames.
    public struct State: Sendable {
        package var noise: NoiseSource
        fileprivate var ended = false
        fileprivate var f0Predictor: F0Predictor.State
        fileprivate var input: Conv1dState
        fileprivate var coarse: ConvNeXtStack.State
        fileprivate var fine: ConvNeXtStack.State
        /// F0 of frames whose features haven't come yet.
        fileprivate var waitingF0: [Float] = []
        /// F0 of the last frame that is in the source, and of the one that waits for its successor.
        fileprivate var previousF0: Float = 0
        fileprivate var currentF0: Float?
        fileprivate var pulses: PulseTrain
        /// Source samples from the start of the next STFT frame on, the zeros before the first included.
        fileprivate var source: [Float]
        /// `[1, n, 3 bins]`, filters of STFT frames that wait for the source.
        fileprivate var filters: FrameQueue
        /// STFT frames done.
        fileprivate var frames = 0
        /// Mel frames put in.
        fileprivate var melFrames = 0
        /// Sums that later frames still add to, from the start of the next STFT frame on.
        fileprivate var overlap: [Float]
        /// Samples handed out, negative while they would lie before the first.
        fileprivate var emitted: Int
    }

    public init(_ reader: WeightReader, configuration: SourceFilterConfiguration, precision: Precision) throws {
        let layers = LayerReader(reader: reader, precision: precision)
        let width = configuration.width
        self.configuration = configuration
        f0Predictor = try F0Predictor(
            layers.scope("f0_predictor"), melBins: Self.melBins, width: configuration.f0Width,
            rights: configuration.f0Right)
        // A linear layer over a frame and its neighbours, in other words a convolution.
        let weight = try layers.tensor("input.weight", [width, 3 * Self.melBins])
            .reshaped([width, 3, Self.melBins]).transposed(1, 2)
        input = try Conv1d(
            weight: weight, bias: layers.tensor("input.bias", [width]), padding: (1, 1), layout: .channelsLast,
            precision: precision)
        coarse = try ConvNeXtStack(layers.scope("coarse"), channels: width, rights: configuration.coarseRight)
        up = try layers.linear("up", width, 2 * width)
        pitch = try layers.linear("pitch", 2, width)
        fine = try ConvNeXtStack(layers.scope("fine"), channels: width, rights: configuration.fineRight)
        norm = try layers.layerNorm("norm", width)
        output = try layers.linear("output", width, 3 * (configuration.fftSize / 2 + 1))
        transform = try FourierFrames(size: configuration.fftSize)
        try reader.finish()
    }

    public func makeState(seed: UInt64) -> VocoderState {
        .sourceFilter(makeState(noise: .seeded(GaussianNoise(seed: seed, stream: .sourceFilter))))
    }

    /// - Parameter noise: row k is STFT frame k's: real parts of every bin, then imaginary parts.
    package func makeState(noise: NoiseSource) -> State {
        State(
            noise: noise, f0Predictor: f0Predictor.makeState(), input: input.makeState(),
            coarse: coarse.makeState(), fine: fine.makeState(),
            pulses: PulseTrain(samplesPerFrame: samplesPerFrame, sampleRateHz: Self.sampleRateHz),
            source: [Float](repeating: 0, count: configuration.fftSize / 2),
            filters: FrameQueue(channels: 3 * bins),
            overlap: [Float](repeating: 0, count: configuration.fftSize - configuration.hop),
            emitted: -configuration.fftSize / 2)
    }

    public func step(_ mel: Tensor, state: inout VocoderState) throws -> [Float] {
        guard case .sourceFilter(var own) = state else { preconditionFailure("state of another vocoder") }
        defer { state = .sourceFilter(own) }
        return try step(mel, state: &own)
    }

    public func flush(state: inout VocoderState) throws -> [Float] {
        guard case .sourceFilter(var own) = state else { preconditionFailure("state of another vocoder") }
        defer { state = .sourceFilter(own) }
        return try flush(state: &own)
    }

    package func step(_ mel: Tensor, state: inout State) throws -> [Float] {
        guard !state.ended else {
            throw ChatterboxError.input(what: "mel", expected: "none after flush", found: "\(mel.shape)")
        }
        guard mel.shape.count == 3, mel.shape[0] == 1, mel.shape[1] == Self.melBins else {
            throw TensorError.shape(op: "SourceFilterVocoder", expected: "[1, 80, T]", found: mel.shape)
        }
        guard mel.shape[2] > 0 else { return [] }
        state.melFrames += mel.shape[2]
        let x = try mel.transposed(1, 2).scaled(by: 1 / 3, plus: 5 / 3)
        let f0 = try f0Predictor.step(x, state: &state.f0Predictor)
        voice(f0, state: &state)
        let features = try coarse.step(input.step(x, state: &state.input), state: &state.coarse)
        try state.filters.push(filters(fine.step(refine(features, state: &state), state: &state.fine)))
        return try synthesize(state: &state)
    }

    package func flush(state: inout State) throws -> [Float] {
        guard !state.ended else { return [] }
        state.ended = true
        guard state.melFrames > 0 else { return [] }
        let f0 = try f0Predictor.flush(state: &state.f0Predictor)
        voice(f0, state: &state)
        if let last = state.currentF0 {
            state.pulses.frame(previous: state.previousF0, f0: last, next: 0, into: &state.source)
        }
        state.source.append(contentsOf: [Float](repeating: 0, count: configuration.fftSize))
        let features = try coarse.flush(input.flush(state: &state.input), state: &state.coarse)
        try state.filters.push(filters(fine.flush(refine(features, state: &state), state: &state.fine)))
        var samples = try synthesize(state: &state)
        let missing = state.melFrames * samplesPerFrame - state.emitted
        samples.append(contentsOf: state.overlap.prefix(missing))
        state.emitted += missing
        return samples
    }

    /// F0 of every frame of a whole mel, for parity tests.
    package func f0(_ mel: Tensor) throws -> [Float] {
        var state = f0Predictor.makeState()
        let x = try mel.transposed(1, 2).scaled(by: 1 / 3, plus: 5 / 3)
        return try f0Predictor.step(x, state: &state) + f0Predictor.flush(state: &state)
    }

    /// Takes F0s in: the source grows by every frame whose successor is known.
    private func voice(_ f0: [Float], state: inout State) {
        state.waitingF0.append(contentsOf: f0)
        for next in f0 {
            if let current = state.currentF0 {
                state.pulses.frame(previous: state.previousF0, f0: current, next: next, into: &state.source)
                state.previousF0 = current
            }
            state.currentF0 = next
        }
    }

    /// From mel rate to STFT rate, and the pitch added: `[1, T, C]` to `[1, 2 T, C]`.
    private func refine(_ x: Tensor, state: inout State) throws -> Tensor {
        let (count, width) = (x.shape[1], configuration.width)
        guard count > 0 else { return x }
        let known = state.waitingF0.prefix(count).flatMap { f0 -> [Float] in
            let pair = [log2f((f0 > 0 ? f0 : Self.unknownF0Hz) / Self.unknownF0Hz), f0 > 0 ? 1 : 0]
            return pair + pair
        }
        state.waitingF0.removeFirst(count)
        return try up(x).reshaped([1, 2 * count, width]) + pitch(Tensor(known, shape: [1, 2 * count, 2]))
    }

    private func filters(_ x: Tensor) throws -> Tensor {
        x.shape[1] == 0 ? Tensor(zeros: [1, 0, 3 * bins]) : try output(norm(x))
    }

    /// Filters as many STFT frames as have both filter and source, and hands out the samples that are final then.
    private func synthesize(state: inout State) throws -> [Float] {
        let (size, hop) = (configuration.fftSize, configuration.hop)
        let sourced = state.source.count < size ? 0 : (state.source.count - size) / hop + 1
        let count = min(sourced, state.filters.count)
        guard count > 0 else { return [] }
        let filters = try state.filters.pop(count)
        var (real, imaginary) = try transform.forward(state.source, hop: hop, count: count)
        try shape(&real, &imaginary, with: filters, noise: state.noise, firstFrame: state.frames)
        var samples = state.overlap + [Float](repeating: 0, count: count * hop)
        try transform.inverse(real: real, imaginary: imaginary, hop: hop, into: &samples)
        state.source.removeFirst(count * hop)
        state.frames += count
        let final = count * hop
        state.overlap = Array(samples[final...])
        let before = min(max(0, -state.emitted), final)
        state.emitted += final
        return Array(samples[before..<final])
    }

    /// The source's spectrum `[frames, bins]` times the filter, plus shaped noise.
    private func shape(
        _ real: inout Tensor, _ imaginary: inout Tensor, with filters: Tensor, noise: NoiseSource, firstFrame: Int
    ) throws {
        let (bins, count) = (bins, filters.shape[1])
        func part(_ i: Int) throws -> Tensor { try filters.sliced(axis: 2, from: i * bins, to: (i + 1) * bins) }
        func magnitude(_ i: Int) throws -> Tensor { try part(i).clamped(-100...Self.maxLogMagnitude).exp() }
        let (harmonic, loudness, angle) = (try magnitude(0), try magnitude(1), try part(2).tanh() * Float.pi)
        let (cosine, sine) = (try harmonic * angle.cos(), try harmonic * angle.sin())
        let hiss = Tensor(shape: [count, 2 * bins]) { out in
            for frame in 0..<count {
                noise.fill(
                    UnsafeMutableBufferPointer(rebasing: out[frame * 2 * bins..<(frame + 1) * 2 * bins]),
                    row: firstFrame + frame)
            }
        }
        real.withUnsafeMutableBufferPointer { real in
            imaginary.withUnsafeMutableBufferPointer { imaginary in
                cosine.withUnsafeBufferPointer { cosine in
                    sine.withUnsafeBufferPointer { sine in
                        loudness.withUnsafeBufferPointer { loudness in
                            hiss.withUnsafeBufferPointer { hiss in
                                for i in 0..<count * bins {
                                    let (x, y) = (real[i], imaginary[i])
                                    // Rows of noise are twice as long: real parts, then imaginary.
                                    let at = i + i / bins * bins
                                    real[i] = cosine[i] * x - sine[i] * y + loudness[i] * hiss[at]
                                    imaginary[i] = cosine[i] * y + sine[i] * x + loudness[i] * hiss[at + bins]
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
