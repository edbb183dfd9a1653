#if canImport(Glibc)
    import func Glibc.exp
    import func Glibc.log
#else
    import func Darwin.exp
    import func Darwin.log
#endif
import Tensors

/// Triangular filters that gather the bins of a spectrum into mel bands.
public enum MelFilters {
    /// Slaney's scale and area normalisation, as librosa's `filters.mel` makes them.
    /// - Parameters:
    ///   - size: Samples of a frame.
    ///   - frequencies: From the lowest filter's foot to the highest one's, in Hz.
    /// - Returns: `[count, size / 2 + 1]`.
    public static func slaney(
        sampleRateHz: Int, size: Int, count: Int, frequencies: ClosedRange<Double>
    ) -> Tensor {
        // Linear below 1 kHz, logarithmic above.
        let (linear, step) = (200.0 / 3, log(6.4) / 27)
        func mel(_ hz: Double) -> Double { hz < 1000 ? hz / linear : 15 + log(hz / 1000) / step }
        func hz(_ mel: Double) -> Double { mel < 15 ? mel * linear : 1000 * exp((mel - 15) * step) }
        let (low, high) = (mel(frequencies.lowerBound), mel(frequencies.upperBound))
        let feet = (0..<count + 2).map { hz(low + (high - low) * Double($0) / Double(count + 1)) }
        let bins = size / 2 + 1
        return Tensor(shape: [count, bins]) { out in
            for band in 0..<count {
                let area = 2 / (feet[band + 2] - feet[band])
                for bin in 0..<bins {
                    let frequency = Double(bin) * Double(sampleRateHz) / Double(size)
                    let rise = (frequency - feet[band]) / (feet[band + 1] - feet[band])
                    let fall = (feet[band + 2] - frequency) / (feet[band + 2] - feet[band + 1])
                    out[band * bins + bin] = Float(area * max(0, min(rise, fall)))
                }
            }
        }
    }
}

extension Spectrogram {
    /// Squared magnitudes, `[frames, bins]`.
    public var power: Tensor {
        Tensor(shape: real.shape) { out in
            real.withUnsafeBufferPointer { x in
                imaginary.withUnsafeBufferPointer { y in
                    for i in 0..<out.count { out[i] = x[i] * x[i] + y[i] * y[i] }
                }
            }
        }
    }
}

extension Tensor {
    /// Natural logarithm of each element, of `floor` where it is smaller.
    public func log(floor: Float) -> Tensor {
        Tensor(shape: shape) { out in
            withUnsafeBufferPointer { x in
                for i in 0..<out.count { out[i] = Float(logarithm(Double(max(x[i], floor)))) }
            }
        }
    }
}

private func logarithm(_ x: Double) -> Double { log(x) }
