import CKernels

/// Transposed convolution over time, as torch's `ConvTranspose1d` with one group.
public struct ConvTranspose1d: Sendable {
    public let inputs: Int
    public let outputs: Int
    public let kernel: Int
    public let stride: Int
    public let padding: Int
    public let outputPadding: Int
    public let layout: ActivationLayout
    /// `[kernel * outputs, inputs]`, no bias.
    private let matrix: PackedMatrix
    private let bias: Tensor?

    /// - Parameters:
    ///   - weight: `[inputs, outputs, kernel]`, torch's order.
    ///   - bias: `[outputs]`.
    ///   - padding: Steps cut off both ends.
    ///   - outputPadding: Steps added to the end.
    /// - Throws: `TensorError` if shapes or numbers do not fit.
    public init(
        weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
        layout: ActivationLayout = .channelsFirst, precision: Precision
    ) throws {
        try self.init(
            weight: Weight(weight), bias: bias, stride: stride, padding: padding, outputPadding: outputPadding,
            layout: layout, precision: precision)
    }

    /// The same, of a weight that may have been packed before.
    public init(
        weight: Weight, bias: Tensor?, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
        layout: ActivationLayout = .channelsFirst, precision: Precision
    ) throws {
        guard weight.shape.count == 3, weight.shape.reduce(1, *) > 0 else {
            throw TensorError.shape(
                op: "ConvTranspose1d", expected: "a weight of [inputs, outputs, kernel]", found: weight.shape)
        }
        (inputs, outputs, kernel) = (weight.shape[0], weight.shape[1], weight.shape[2])
        guard bias == nil || bias?.shape == [outputs] else {
            throw TensorError.shape(op: "ConvTranspose1d", expected: "a bias of [\(outputs)]", found: bias?.shape ?? [])
        }
        guard stride > 0, padding >= 0, outputPadding >= 0, outputPadding < stride else {
            throw TensorError.range(
                op: "ConvTranspose1d", expected: "stride from 1, padding from 0, output padding below stride",
                found: min(stride, padding, outputPadding))
        }
        (self.stride, self.padding, self.outputPadding, self.layout) = (stride, padding, outputPadding, layout)
        let ordered = weight.mapped(to: [inputs, kernel, outputs]) { try $0.transposed(1, 2) }
        matrix = try PackedMatrix.of(
            ordered, outputs: kernel * outputs, inputs: inputs, outputStep: 1, inputStep: kernel * outputs, bias: nil,
            precision: precision)
        self.bias = bias
    }

    func check(_ x: Tensor) throws {
        guard x.shape.count == 3, x.shape[layout.channelAxis] == inputs else {
            throw TensorError.shape(
                op: "ConvTranspose1d", expected: layout == .channelsFirst ? "[B, \(inputs), T]" : "[B, T, \(inputs)]",
                found: x.shape)
        }
    }

    /// - Parameter x: `[B, inputs, T]`, or `[B, T, inputs]` if channels are last.
    /// - Returns: `(T - 1) * stride - 2 * padding + kernel + outputPadding` steps of `outputs` channels.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        var state = makeState(batch: x.shape.first ?? 0)
        let body = try step(x, state: &state)
        return try .concatenated([body, flush(state: &state)], axis: layout.timeAxis)
    }

    /// Every contribution of `x` without cutting, bias not added: `[B, T', outputs]`, `T' = (T - 1) * stride + kernel`.
    func full(_ x: Tensor) throws -> Tensor {
        let input = layout == .channelsLast ? x : try x.transposed(1, 2)
        let (batch, time) = (input.shape[0], input.shape[1])
        let length = time == 0 ? 0 : (time - 1) * stride + kernel
        let products = try Tensor(shape: [batch * time, kernel * outputs]) { out in
            try matrix.multiply(input.storage.pointer, rowStep: inputs, rows: batch * time, into: out.baseAddress!)
        }
        var sums = Tensor(zeros: [batch, length, outputs])
        let run = kernel * outputs
        sums.withUnsafeMutableBufferPointer { out in
            for row in 0..<(batch * time) {
                let to = out.baseAddress! + (row / time * length + row % time * stride) * outputs
                ck_combine(CK_ADD, to, products.storage.pointer + row * run, 1, to, run)
            }
        }
        return sums
    }
}

/// The outputs of a stream that later inputs may still add to.
public struct ConvTranspose1dState: Sendable {
    /// `[B, T, outputs]`: sums not yet given out, bias not added.
    var pending: Tensor
    /// Steps still to cut off the beginning.
    var cut: Int
    /// Steps at the end of `pending` that the next input adds to.
    var overlap = 0
    var started = false
}

extension ConvTranspose1d {
    public func makeState(batch: Int = 1) -> ConvTranspose1dState {
        ConvTranspose1dState(pending: Tensor(zeros: [batch, 0, outputs]), cut: padding)
    }

    /// Takes any number of steps in and gives those outputs that nothing later adds to or cuts off.
    public func step(_ x: Tensor, state: inout ConvTranspose1dState) throws -> Tensor {
        try check(x)
        guard x.shape[0] == state.pending.shape[0] else {
            throw TensorError.shape(
                op: "ConvTranspose1d.step", expected: "a batch of \(state.pending.shape[0])", found: x.shape)
        }
        if x.shape[layout.timeAxis] > 0 {
            state.started = true
            try add(full(x), steps: x.shape[layout.timeAxis] * stride, to: &state)
        }
        let held = max(state.overlap, surplus)
        return try give(state.pending.shape[1] - held, state: &state)
    }

    /// `step`, and `flush` behind it if the stream ends.
    public func step(_ x: Tensor, ends: Bool, state: inout ConvTranspose1dState) throws -> Tensor {
        let y = try step(x, state: &state)
        return ends ? try .concatenated([y, flush(state: &state)], axis: layout.timeAxis) : y
    }

    /// Ends the stream: the rest.
    public func flush(state: inout ConvTranspose1dState) throws -> Tensor {
        let batch = state.pending.shape[0]
        if state.started {
            let length = state.pending.shape[1]
            if surplus > 0 {
                state.pending = try state.pending.sliced(axis: 1, from: 0, to: max(0, length - surplus))
            } else if surplus < 0 {
                state.pending = try state.pending.padded(axis: 1, before: 0, after: -surplus)
            }
        }
        let y = try give(state.pending.shape[1], state: &state)
        state = makeState(batch: batch)
        return y
    }

    /// Steps that the end of a stream cuts off what its last input wrote or left empty; below 0, steps it adds.
    private var surplus: Int { padding - outputPadding + max(0, stride - kernel) }

    /// Adds `sums` where the last input's own steps ended; `steps` is how far on the next input will add.
    private func add(_ sums: Tensor, steps: Int, to state: inout ConvTranspose1dState) throws {
        let (batch, old, new) = (sums.shape[0], state.pending.shape[1], sums.shape[1])
        let at = old - state.overlap
        let length = max(at + max(new, steps), old)
        let before = state.pending
        state.pending = Tensor(zeros: [batch, length, outputs])
        state.pending.withUnsafeMutableBufferPointer { out in
            for b in 0..<batch {
                let to = out.baseAddress! + b * length * outputs
                to.update(from: before.storage.pointer + b * old * outputs, count: old * outputs)
                let from = sums.storage.pointer + b * new * outputs
                ck_combine(CK_ADD, to + at * outputs, from, 1, to + at * outputs, new * outputs)
            }
        }
        state.overlap = length - (at + steps)
    }

    /// Takes `count` steps from the front, cuts the beginning and adds the bias.
    private func give(_ count: Int, state: inout ConvTranspose1dState) throws -> Tensor {
        let (batch, count) = (state.pending.shape[0], max(0, count))
        let head = try state.pending.sliced(axis: 1, from: 0, to: count)
        state.pending = try state.pending.sliced(axis: 1, from: count, to: state.pending.shape[1])
        let dropped = min(state.cut, count)
        state.cut -= dropped
        var y = try head.sliced(axis: 1, from: dropped, to: count)
        if let bias { y = try y + bias }
        precondition(y.shape[0] == batch)
        return layout == .channelsLast ? y : try y.transposed(1, 2)
    }
}
