/// One layer of a long short-term memory, torch's `LSTM` in one direction.
///
/// `i, f, o = sigmoid`, `g = tanh` of `W x + U h + b`, in the order i, f, g, o; `c = f c + i g`, `h = o tanh(c)`.
public struct LSTM: Sendable {
    public let inputs: Int
    public let hiddenSize: Int
    private let input: Linear
    private let recurrent: Linear

    /// - Parameters:
    ///   - inputWeight: `[4 H, inputs]`, torch's `weight_ih`.
    ///   - recurrentWeight: `[4 H, H]`, torch's `weight_hh`.
    ///   - inputBias: `[4 H]`, torch's `bias_ih`.
    ///   - recurrentBias: `[4 H]`, torch's `bias_hh`; both are added.
    /// - Throws: `TensorError.shape` if they do not fit.
    public init(
        inputWeight: Tensor, recurrentWeight: Tensor, inputBias: Tensor, recurrentBias: Tensor, precision: Precision
    ) throws {
        guard recurrentWeight.shape.count == 2, recurrentWeight.shape[0] == 4 * recurrentWeight.shape[1] else {
            throw TensorError.shape(
                op: "LSTM", expected: "a recurrent weight of [4 H, H]", found: recurrentWeight.shape)
        }
        hiddenSize = recurrentWeight.shape[1]
        guard inputWeight.shape.count == 2, inputWeight.shape[0] == 4 * hiddenSize else {
            throw TensorError.shape(
                op: "LSTM", expected: "an input weight of [\(4 * hiddenSize), inputs]", found: inputWeight.shape)
        }
        guard inputBias.shape == [4 * hiddenSize], recurrentBias.shape == inputBias.shape else {
            throw TensorError.shape(
                op: "LSTM", expected: "two biases of [\(4 * hiddenSize)]",
                found: inputBias.shape == [4 * hiddenSize] ? recurrentBias.shape : inputBias.shape)
        }
        inputs = inputWeight.shape[1]
        input = try Linear(weight: inputWeight, bias: inputBias + recurrentBias, precision: precision)
        recurrent = try Linear(weight: recurrentWeight, bias: nil, precision: precision)
    }

    /// Runs from a state of zeros.
    /// - Parameter x: `[B, T, inputs]`.
    /// - Returns: the hidden state after each step, `[B, T, H]`.
    /// - Throws: `TensorError.shape`.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        guard x.shape.count == 3, x.shape[2] == inputs else {
            throw TensorError.shape(op: "LSTM", expected: "[B, T, \(inputs)]", found: x.shape)
        }
        let (batch, time, width) = (x.shape[0], x.shape[1], hiddenSize)
        // All steps' share of the input in one product; [T, B, 4 H].
        let driven = try input(x.transposed(0, 1))
        var hidden = Tensor(zeros: [batch, width])
        var cell = hidden
        var outputs: [Tensor] = []
        outputs.reserveCapacity(time)
        for step in 0..<time {
            let gates =
                try driven.sliced(axis: 0, from: step, to: step + 1).reshaped([batch, 4 * width])
                + recurrent(hidden)
            func gate(_ index: Int) throws -> Tensor {
                try gates.sliced(axis: 1, from: index * width, to: (index + 1) * width)
            }
            cell = try gate(1).sigmoid() * cell + gate(0).sigmoid() * gate(2).tanh()
            hidden = try gate(3).sigmoid() * cell.tanh()
            outputs.append(hidden)
        }
        guard time > 0 else { return Tensor(zeros: [batch, 0, width]) }
        return try Tensor.concatenated(outputs, axis: 0).reshaped([time, batch, width]).transposed(0, 1)
    }
}
