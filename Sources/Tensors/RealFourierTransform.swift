import CKernels

/// Fourier transform of a fixed number of real values.
///
/// `@unchecked Sendable`: the plan is only read after it is made, and each call has its own work space.
public final class RealFourierTransform: @unchecked Sendable {
    /// Number of values.
    public let size: Int
    /// Number of frequencies, `size / 2 + 1`.
    public var bins: Int { size / 2 + 1 }
    private let plan: OpaquePointer

    /// - Parameter size: Even. Fast when its factors are small.
    public init(size: Int) throws {
        guard size > 0, size % 2 == 0 else {
            throw TensorError.range(op: "RealFourierTransform", expected: "an even size", found: size)
        }
        guard let plan = ck_fourier_create(size) else {
            throw TensorError.kernel(op: "RealFourierTransform", message: "no memory for \(size) values")
        }
        (self.size, self.plan) = (size, plan)
    }

    deinit { ck_fourier_destroy(plan) }

    /// Rows of `size` values to rows of `bins`, real and imaginary parts apart (torch's `rfft`).
    public func forward(_ x: Tensor) throws -> (real: Tensor, imaginary: Tensor) {
        guard x.shape.last == size else {
            throw TensorError.shape(op: "RealFourierTransform.forward", expected: "[..., \(size)]", found: x.shape)
        }
        var real = Tensor(uninitialized: x.shape.dropLast() + [bins])
        var imaginary = Tensor(uninitialized: real.shape)
        real.withUnsafeMutableBufferPointer { real in
            imaginary.withUnsafeMutableBufferPointer { imaginary in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * size) { work in
                    for row in 0..<(x.count / size) {
                        ck_fourier_forward(
                            plan, x.storage.pointer + row * size, real.baseAddress! + row * bins,
                            imaginary.baseAddress! + row * bins, work.baseAddress!)
                    }
                }
            }
        }
        return (real, imaginary)
    }

    /// Rows of `bins` to rows of `size` values, divided by `size` (torch's `irfft`).
    public func inverse(real: Tensor, imaginary: Tensor) throws -> Tensor {
        guard real.shape.last == bins, imaginary.shape == real.shape else {
            throw TensorError.shape(
                op: "RealFourierTransform.inverse", expected: "twice [..., \(bins)]", found: real.shape)
        }
        return Tensor(shape: real.shape.dropLast() + [size]) { out in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * size) { work in
                for row in 0..<(real.count / bins) {
                    ck_fourier_inverse(
                        plan, real.storage.pointer + row * bins, imaginary.storage.pointer + row * bins,
                        out.baseAddress! + row * size, work.baseAddress!)
                }
            }
        }
    }
}
