import CKernels

/// Where a layer finds channels and time.
public enum ActivationLayout: Sendable {
    /// `[B, C, T]`, torch's.
    case channelsFirst
    /// `[B, T, C]`.
    case channelsLast

    var timeAxis: Int { self == .channelsFirst ? 2 : 1 }
    var channelAxis: Int { self == .channelsFirst ? 1 : 2 }
    func shape(batch: Int, channels: Int, time: Int) -> [Int] {
        self == .channelsFirst ? [batch, channels, time] : [batch, time, channels]
    }
}

/// Convolution over time, as torch's `Conv1d` after padding with zeros.
public struct Conv1d: Sendable {
    public let inputs: Int
    public let outputs: Int
    public let kernel: Int
    public let stride: Int
    public let dilation: Int
    public let groups: Int
    public let padding: (left: Int, right: Int)
    public let layout: ActivationLayout
    private let kernels: Kernels

    /// What the weights are packed for.
    private enum Kernels: Sendable {
        /// One channel per group: `weight [kernel, C]`, always in 32 bits.
        case depthwise(weight: Tensor, bias: Tensor?)
        /// One matrix per group, its inputs in the order (tap, channel).
        case dense([PackedMatrix])
    }

    /// - Parameters:
    ///   - weight: `[outputs, inputs / groups, kernel]`.
    ///   - bias: `[outputs]`.
    ///   - padding: Zeros added in front and behind.
    ///   - layout: Of the input and the output.
    /// - Throws: `TensorError` if shapes or numbers do not fit.
    public init(
        weight: Tensor, bias: Tensor?, stride: Int = 1, dilation: Int = 1,
        padding: (left: Int, right: Int) = (0, 0), groups: Int = 1,
        layout: ActivationLayout = .channelsFirst, precision: Precision
    ) throws {
        try self.init(
            weight: Weight(weight), bias: bias, stride: stride, dilation: dilation, padding: padding, groups: groups,
            layout: layout, precision: precision)
    }

    /// The same, of a weight that may have been packed before.
    public init(
        weight: Weight, bias: Tensor?, stride: Int = 1, dilation: Int = 1, padding: (left: Int, right: Int) = (0, 0),
        groups: Int = 1, layout: ActivationLayout = .channelsFirst, precision: Precision
    ) throws {
        guard weight.shape.count == 3, weight.shape.reduce(1, *) > 0 else {
            throw TensorError.shape(
                op: "Conv1d", expected: "a weight of [outputs, inputs / groups, kernel]", found: weight.shape)
        }
        outputs = weight.shape[0]
        guard groups > 0, outputs % groups == 0 else {
            throw TensorError.range(op: "Conv1d", expected: "groups that divide \(outputs) outputs", found: groups)
        }
        inputs = weight.shape[1] * groups
        kernel = weight.shape[2]
        guard bias == nil || bias?.shape == [outputs] else {
            throw TensorError.shape(op: "Conv1d", expected: "a bias of [\(outputs)]", found: bias?.shape ?? [])
        }
        guard stride > 0, dilation > 0, padding.left >= 0, padding.right >= 0 else {
            throw TensorError.range(
                op: "Conv1d", expected: "stride and dilation from 1, padding from 0",
                found: min(stride, dilation, padding.left, padding.right))
        }
        (self.stride, self.dilation, self.padding, self.groups) = (stride, dilation, padding, groups)
        self.layout = layout
        let (inner, outer, kernel) = (weight.shape[1], outputs / groups, weight.shape[2])
        if inner == 1, outer == 1 {
            kernels = .depthwise(weight: try weight.tensor().reshaped([groups, kernel]).transposed(0, 1), bias: bias)
            return
        }
        if groups == 1 {
            let ordered = weight.mapped(to: [outer, kernel, inner]) { try $0.transposed(1, 2) }
            kernels = .dense([
                try PackedMatrix.of(
                    ordered, outputs: outer, inputs: kernel * inner, outputStep: kernel * inner, inputStep: 1,
                    bias: bias, precision: precision)
            ])
            return
        }
        let ordered = try weight.tensor().transposed(1, 2)
        kernels = .dense(
            try (0..<groups).map { group in
                try PackedMatrix(
                    weight: ordered.storage.pointer + group * outer * inner * kernel, outputs: outer,
                    inputs: kernel * inner,
                    outputStep: kernel * inner, inputStep: 1, bias: bias.map { $0.storage.pointer + group * outer },
                    precision: precision)
            })
    }

    /// Inputs that one output sees, from first to last.
    public var span: Int { (kernel - 1) * dilation + 1 }

    /// Number of outputs of `time` inputs, padding not included.
    func outputLength(_ time: Int) -> Int { time < span ? 0 : (time - span) / stride + 1 }

    func check(_ x: Tensor) throws {
        guard x.shape.count == 3, x.shape[layout.channelAxis] == inputs else {
            throw TensorError.shape(
                op: "Conv1d", expected: layout == .channelsFirst ? "[B, \(inputs), T]" : "[B, T, \(inputs)]",
                found: x.shape)
        }
    }

    /// - Parameter x: `[B, inputs, T]`, or `[B, T, inputs]` if channels are last.
    /// - Returns: The same layout, with `outputs` channels and `(T + padding - span) / stride + 1` steps (0 if too
    ///   short).
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        try check(x)
        return try valid(x.padded(axis: layout.timeAxis, before: padding.left, after: padding.right))
    }

    /// Without padding.
    func valid(_ x: Tensor) throws -> Tensor {
        let input = layout == .channelsLast ? x : try x.transposed(1, 2)
        let y = try applied(input)
        return layout == .channelsLast ? y : try y.transposed(1, 2)
    }

    /// `[B, T, inputs]` to `[B, T', outputs]`.
    private func applied(_ x: Tensor) throws -> Tensor {
        let (batch, time) = (x.shape[0], x.shape[1])
        let length = outputLength(time)
        return try Tensor(shape: [batch, length, outputs]) { out in
            for b in 0..<batch {
                let (from, to) = (x.storage.pointer + b * time * inputs, out.baseAddress! + b * length * outputs)
                switch kernels {
                case .depthwise(let weight, let bias):
                    ck_depthwise(
                        from, weight.storage.pointer, bias?.storage.pointer, to, length, inputs, kernel, stride,
                        dilation)
                case .dense(let matrices) where groups == 1:
                    try matrices[0].multiply(
                        from, rowStep: stride * inputs, taps: kernel, tapStep: dilation * inputs, rows: length, into: to
                    )
                case .dense(let matrices):
                    let (inner, outer) = (inputs / groups, outputs / groups)
                    let part = Tensor(uninitialized: [length, outer])
                    for (group, matrix) in matrices.enumerated() {
                        try matrix.multiply(
                            from + group * inner, rowStep: stride * inputs, taps: kernel, tapStep: dilation * inputs,
                            rows: length, into: part.storage.pointer)
                        for t in 0..<length {
                            (to + t * outputs + group * outer).update(
                                from: part.storage.pointer + t * outer, count: outer)
                        }
                    }
                }
            }
        }
    }
}

/// The inputs that a stream's next outputs still need.
public struct Conv1dState: Sendable {
    /// Inputs seen and not yet done with, left padding included.
    var pending: Tensor
    /// With a stride beyond the kernel, inputs to leave out before the next output.
    var skip = 0
}

extension Conv1d {
    /// - Parameter batch: Number of streams that run side by side.
    public func makeState(batch: Int = 1) -> Conv1dState {
        Conv1dState(pending: Tensor(zeros: layout.shape(batch: batch, channels: inputs, time: padding.left)))
    }

    /// Takes any number of steps in and gives those outputs that they complete. All pieces joined, and what `flush`
    /// gives, equal the convolution of the whole.
    public func step(_ x: Tensor, state: inout Conv1dState) throws -> Tensor {
        try check(x)
        let axis = layout.timeAxis
        guard x.shape[0] == state.pending.shape[0] else {
            throw TensorError.shape(op: "Conv1d.step", expected: "a batch of \(state.pending.shape[0])", found: x.shape)
        }
        var all = state.pending.shape[axis] == 0 ? x : try Tensor.concatenated([state.pending, x], axis: axis)
        if state.skip > 0 {
            let dropped = min(state.skip, all.shape[axis])
            all = try all.sliced(axis: axis, from: dropped, to: all.shape[axis])
            state.skip -= dropped
        }
        let y = try valid(all)
        let used = outputLength(all.shape[axis]) * stride
        let kept = min(used, all.shape[axis])
        state.pending = try all.sliced(axis: axis, from: kept, to: all.shape[axis])
        state.skip += used - kept
        return y
    }

    /// `step`, and `flush` behind it if the stream ends.
    public func step(_ x: Tensor, ends: Bool, state: inout Conv1dState) throws -> Tensor {
        let y = try step(x, state: &state)
        return ends ? try .concatenated([y, flush(state: &state)], axis: layout.timeAxis) : y
    }

    /// Ends the stream: the outputs that reach into the right padding.
    public func flush(state: inout Conv1dState) throws -> Tensor {
        let end = layout.shape(batch: state.pending.shape[0], channels: inputs, time: padding.right)
        let y = try step(Tensor(zeros: end), state: &state)
        state = makeState(batch: state.pending.shape[0])
        return y
    }
}
