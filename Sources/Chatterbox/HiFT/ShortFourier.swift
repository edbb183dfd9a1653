import Foundation
import Tensors

/// STFT and its inverse with frames so short (16 samples) that the plain sums are as good as any fast transform.
/// Frames are centred, ends reflected, windows Hann: torch's `stft` and `istft`.
struct ShortFourier: Sendable {
    private let size: Int
    private let hop: Int
    private let window: [Float]
    private let cosines: [Float]
    private let sines: [Float]

    private var bins: Int { size / 2 + 1 }

    init(size: Int, hop: Int) {
        self.size = size
        self.hop = hop
        window = (0..<size).map { Float(0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(size))) }
        cosines = (0..<size).map { Float(cos(2 * Double.pi * Double($0) / Double(size))) }
        sines = (0..<size).map { Float(sin(2 * Double.pi * Double($0) / Double(size))) }
    }

    /// `[1, 2 bins, samples / hop + 1]`: real parts of every bin, then imaginary parts. More samples than half a frame.
    func forward(_ samples: [Float]) -> Tensor {
        let (count, half, length) = (samples.count / hop + 1, size / 2, samples.count)
        return Tensor(shape: [1, 2 * bins, count]) { out in
            var frame = [Float](repeating: 0, count: size)
            for k in 0..<count {
                for i in 0..<size {
                    var at = k * hop + i - half
                    if at < 0 { at = -at }
                    if at >= length { at = 2 * (length - 1) - at }
                    frame[i] = samples[at] * window[i]
                }
                for bin in 0..<bins {
                    var (real, imaginary): (Float, Float) = (0, 0)
                    for i in 0..<size {
                        real += frame[i] * cosines[bin * i % size]
                        imaginary -= frame[i] * sines[bin * i % size]
                    }
                    out[bin * count + k] = real
                    out[(bins + bin) * count + k] = imaginary
                }
            }
        }
    }

    /// - Parameters:
    ///   - magnitude: `[1, bins, frames]`.
    ///   - phase: the same, radians.
    /// - Returns: `(frames - 1) * hop` samples.
    func inverse(magnitude: Tensor, phase: Tensor) -> [Float] {
        let (count, half) = (magnitude.shape[2], size / 2)
        let length = (count - 1) * hop
        var sum = [Float](repeating: 0, count: length + size)
        var weight = sum
        magnitude.withUnsafeBufferPointer { magnitude in
            phase.withUnsafeBufferPointer { phase in
                for k in 0..<count {
                    for bin in 0..<bins {
                        let share: Float = bin == 0 || bin == half ? 1 : 2
                        let scale = share / Float(size) * magnitude[bin * count + k]
                        let (real, imaginary) = (
                            scale * cosf(phase[bin * count + k]), scale * sinf(phase[bin * count + k])
                        )
                        for i in 0..<size {
                            let turn = bin * i % size
                            sum[k * hop + i] += window[i] * (real * cosines[turn] - imaginary * sines[turn])
                        }
                    }
                    for i in 0..<size { weight[k * hop + i] += window[i] * window[i] }
                }
            }
        }
        return (0..<length).map { sum[$0 + half] / weight[$0 + half] }
    }
}
