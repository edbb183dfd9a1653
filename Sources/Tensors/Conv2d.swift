/// Convolution over two axes, channels last, as torch's `Conv2d` after padding with zeros. The first axis (`F`, such as
/// frequency) may be strided, the second (`T`) is not.
public struct Conv2d: Sendable {
    public let inputs: Int
    public let outputs: Int
    /// Of the first axis; the second's is `row.kernel`.
    public let kernel: Int
    public let stride: Int
    public let padding: Int
    /// A row of the output is a convolution over `T` of the rows above one another that it sees.
    private let row: Conv1d

    /// - Parameters:
    ///   - weight: `[outputs, inputs, kernel F, kernel T]`.
    ///   - stride: Of the first axis.
    ///   - padding: Zeros on both sides of both axes.
    /// - Throws: `TensorError` if shapes or numbers do not fit.
    public init(weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Int = 0, precision: Precision) throws {
        guard weight.shape.count == 4, weight.count > 0 else {
            throw TensorError.shape(
                op: "Conv2d", expected: "a weight of [outputs, inputs, kernel, kernel]", found: weight.shape)
        }
        guard stride > 0, padding >= 0 else {
            throw TensorError.range(
                op: "Conv2d", expected: "a stride from 1, a padding from 0", found: stride > 0 ? padding : stride)
        }
        (outputs, inputs, kernel) = (weight.shape[0], weight.shape[1], weight.shape[2])
        (self.stride, self.padding) = (stride, padding)
        row = try Conv1d(
            weight: weight.transposed(1, 2).reshaped([outputs, kernel * inputs, weight.shape[3]]), bias: bias,
            padding: (padding, padding), layout: .channelsLast, precision: precision)
    }

    /// - Parameter x: `[F, T, inputs]`.
    /// - Returns: `[(F + 2 padding - kernel) / stride + 1, T', outputs]`.
    /// - Throws: `TensorError.shape`.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        guard x.shape.count == 3, x.shape[2] == inputs else {
            throw TensorError.shape(op: "Conv2d", expected: "[F, T, \(inputs)]", found: x.shape)
        }
        let (rows, time) = (x.shape[0], x.shape[1])
        let height = rows + 2 * padding < kernel ? 0 : (rows + 2 * padding - kernel) / stride + 1
        let stacked = Tensor(shape: [height, time, kernel * inputs]) { out in
            for index in 0..<height {
                for tap in 0..<kernel {
                    let source = index * stride + tap - padding
                    for t in 0..<time {
                        let to = out.baseAddress! + ((index * time + t) * kernel + tap) * inputs
                        if (0..<rows).contains(source) {
                            to.update(from: x.storage.pointer + (source * time + t) * inputs, count: inputs)
                        } else {
                            to.update(repeating: 0, count: inputs)
                        }
                    }
                }
            }
        }
        return try row(stacked)
    }
}
