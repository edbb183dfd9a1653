import Tensors
#if canImport(Glibc)
    import func Glibc.cos
#else
    import func Darwin.cos
#endif

/// Spectra of the frames of a signal.
public struct Spectrogram: Sendable, Equatable {
    /// `[frames, bins]`.
    public var real: Tensor
    /// `[frames, bins]`.
    public var imaginary: Tensor

    public init(real: Tensor, imaginary: Tensor) { (self.real, self.imaginary) = (real, imaginary) }
}

/// Short-time Fourier transform and its inverse, torch's `stft` and `istft`.
public struct ShortTimeFourier: Sendable {
    /// Samples of a frame.
    public let size: Int
    /// Samples from frame to frame.
    public let hop: Int
    /// `size` factors.
    public let window: [Float]
    /// Frequencies of a spectrum, `size / 2 + 1`.
    public var bins: Int { size / 2 + 1 }
    private let transform: RealFourierTransform

    /// - Parameters:
    ///   - size: Even.
    ///   - hop: At most half a frame.
    ///   - window: `size` factors; Hann's if nil.
    /// - Throws: `AudioError.transform`, `TensorError`.
    public init(size: Int, hop: Int, window: [Float]? = nil) throws {
        guard (1...max(size / 2, 1)).contains(hop) else {
            throw AudioError.transform(expected: "a hop in 1...\(size / 2)", found: hop)
        }
        self.window = window ?? Self.hann(size)
        guard self.window.count == size else {
            throw AudioError.transform(expected: "a window of \(size)", found: self.window.count)
        }
        (self.size, self.hop) = (size, hop)
        transform = try RealFourierTransform(size: size)
    }

    /// Hann's window as torch makes it: periodic, so 0 in front only.
    public static func hann(_ size: Int) -> [Float] {
        (0..<max(size, 0)).map { Float(0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(size))) }
    }

    /// Spectra of the frames that start at each hop and lie wholly within the samples.
    public func frames(_ samples: some RandomAccessCollection<Float>) throws -> Spectrogram {
        let count = samples.count < size ? 0 : (samples.count - size) / hop + 1
        let samples = Array(samples)
        let windowed = Tensor(shape: [count, size]) { out in
            for frame in 0..<count {
                for i in 0..<size { out[frame * size + i] = samples[frame * hop + i] * window[i] }
            }
        }
        let (real, imaginary) = try transform.forward(windowed)
        return Spectrogram(real: real, imaginary: imaginary)
    }

    /// Spectra of frames centred on each hop, both ends of the signal reflected: `samples.count / hop + 1` frames.
    /// - Throws: `AudioError.transform` if there are no more samples than half a frame.
    public func centredFrames(_ samples: [Float]) throws -> Spectrogram {
        var state = makeState()
        return try step(samples, ends: true, state: &state)
    }

    /// The signal of centred frames: they are windowed once more, added up, and divided by what the windows add up to.
    /// - Returns: `(frames - 1) * hop` samples.
    public func inverse(_ spectra: Spectrogram) throws -> [Float] {
        var state = makeInverseState()
        let body = try step(spectra, state: &state)
        return body + flush(state: &state)
    }
}

/// Samples that centred frames still need.
public struct CentredFramesState: Sendable {
    /// From the start of the next frame on, the reflected front included.
    fileprivate var pending: [Float] = []
    /// The last samples, half a frame and one, which the end reflects.
    fileprivate var last: [Float] = []
    fileprivate var started = false
}

extension ShortTimeFourier {
    public func makeState() -> CentredFramesState { CentredFramesState() }

    /// Takes the next samples in and gives the spectra of those centred frames that are complete.
    /// - Parameter ends: whether no more follow.
    /// - Throws: `AudioError.transform` if there were no more samples than half a frame at the end.
    public func step(_ samples: [Float], ends: Bool, state: inout CentredFramesState) throws -> Spectrogram {
        let half = size / 2
        state.pending += samples
        state.last = Array((state.last + samples).suffix(half + 1))
        if !state.started, state.pending.count > half {
            state.started = true
            state.pending = state.pending[1...half].reversed() + state.pending
        }
        if ends {
            guard state.started else {
                throw AudioError.transform(expected: "more than \(half) samples", found: state.pending.count)
            }
            state.pending += state.last.dropLast().reversed()
        }
        let spectra = try frames(state.started ? state.pending : [])
        state.pending.removeFirst(spectra.real.shape[0] * hop)
        return spectra
    }
}

/// Sums that later frames still add to.
public struct InverseFourierState: Sendable {
    /// From the start of the next frame on: weighted samples, and the squares of the windows over them.
    fileprivate var sums: [Float]
    fileprivate var weights: [Float]
    /// Samples still to leave out: the first half frame.
    fileprivate var cut: Int
    fileprivate var started = false
}

extension ShortTimeFourier {
    public func makeInverseState() -> InverseFourierState {
        let rest = [Float](repeating: 0, count: size - hop)
        return InverseFourierState(sums: rest, weights: rest, cut: size / 2)
    }

    /// Takes the next centred frames in and gives those samples that no later frame adds to.
    public func step(_ spectra: Spectrogram, state: inout InverseFourierState) throws -> [Float] {
        let pieces = try transform.inverse(real: spectra.real, imaginary: spectra.imaginary)
        let count = pieces.shape[0]
        guard count > 0 else { return [] }
        state.started = true
        let missing = count * hop + size - hop - state.sums.count
        state.sums += [Float](repeating: 0, count: missing)
        state.weights += [Float](repeating: 0, count: missing)
        pieces.withUnsafeBufferPointer { values in
            for frame in 0..<count {
                for i in 0..<size {
                    state.sums[frame * hop + i] += values[frame * size + i] * window[i]
                    state.weights[frame * hop + i] += window[i] * window[i]
                }
            }
        }
        return give(count * hop, state: &state)
    }

    /// Ends the stream: the samples up to the centre of the last frame.
    public func flush(state: inout InverseFourierState) -> [Float] {
        // The last frame's centre lies half a frame after its start, which is a hop before what is left.
        let rest = state.started ? give(size / 2 - hop, state: &state) : []
        state = makeInverseState()
        return rest
    }

    private func give(_ count: Int, state: inout InverseFourierState) -> [Float] {
        let dropped = min(state.cut, count)
        state.cut -= dropped
        // Where no window reaches there is nothing to divide.
        let samples = (dropped..<count).map { state.weights[$0] > 1e-11 ? state.sums[$0] / state.weights[$0] : 0 }
        state.sums.removeFirst(count)
        state.weights.removeFirst(count)
        return samples
    }
}
