import Tensors
import Testing

@Suite struct ConvolutionTests {
    struct Shape: Sendable {
        var batch = 1
        var inputs = 3
        var outputs = 4
        var kernel = 3
        var stride = 1
        var dilation = 1
        var groups = 1
        var left = 0
        var right = 0
        var time = 20
    }

    static let shapes: [Shape] = [
        Shape(), Shape(kernel: 1), Shape(batch: 2, inputs: 65, outputs: 130, kernel: 3, left: 2, time: 37),
        Shape(inputs: 7, outputs: 5, kernel: 7, dilation: 3, left: 9, right: 9, time: 41),
        Shape(batch: 2, inputs: 6, outputs: 9, kernel: 5, stride: 2, groups: 3, left: 1, right: 2),
        Shape(inputs: 19, outputs: 19, kernel: 7, groups: 19, left: 4, right: 2, time: 33),
        Shape(inputs: 8, outputs: 8, kernel: 3, stride: 2, dilation: 2, groups: 8, left: 1, right: 1),
        Shape(inputs: 18, outputs: 70, kernel: 30, stride: 15, left: 7, right: 8, time: 300),
        Shape(inputs: 2, outputs: 66, kernel: 2, stride: 5, left: 1, time: 64), Shape(kernel: 9, time: 5),
    ]

    @Test(arguments: Route.all, Precision.allCases)
    func convolutionAgreesWithTheReference(route: Route, precision: Precision) throws {
        var samples = Samples(seed: 10)
        for shape in Self.shapes {
            let (weight, bias, x) = operands(shape, &samples)
            let depthwise = shape.groups == shape.inputs
            let expected = try reference(x, depthwise ? weight : rounded(weight, precision), bias, shape)
            for layout in [ActivationLayout.channelsFirst, .channelsLast] {
                let found = try route.use {
                    let y = try convolution(shape, weight, bias, layout, precision)(arranged(x, layout))
                    return try arranged(y, layout)
                }
                expectClose(found, expected, tolerance(precision), "\(shape)")
            }
        }
    }

    @Test(arguments: [ActivationLayout.channelsFirst, .channelsLast])
    func streamedConvolutionEqualsOneShot(layout: ActivationLayout) throws {
        var samples = Samples(seed: 11)
        for shape in Self.shapes {
            let (weight, bias, x) = operands(shape, &samples)
            let layer = try convolution(shape, weight, bias, layout, .float32)
            let input = try arranged(x, layout)
            let expected = try layer(input)
            for cuts in chunkings(shape.time) {
                var state = layer.makeState(batch: shape.batch)
                for _ in 0..<2 {  // a flushed state starts anew
                    var parts = try pieces(input, cuts, axis: layout == .channelsFirst ? 2 : 1).map {
                        try layer.step($0, state: &state)
                    }
                    parts.append(try layer.flush(state: &state))
                    expectClose(
                        try .concatenated(parts, axis: layout == .channelsFirst ? 2 : 1), expected, 2e-6,
                        "\(shape) \(cuts)")
                }
            }
        }
    }

    @Test func causalConvolutionWaitsForNothing() throws {
        var samples = Samples(seed: 12)
        let layer = try Conv1d(weight: samples.tensor([2, 2, 3]), bias: nil, padding: (2, 0), precision: .float32)
        var state = layer.makeState()
        #expect(try layer.step(samples.tensor([1, 2, 1]), state: &state).shape == [1, 2, 1])
    }

    static let transposed: [(inputs: Int, outputs: Int, kernel: Int, stride: Int, padding: Int, outputPadding: Int)] = [
        (3, 4, 4, 2, 1, 0), (5, 2, 16, 8, 4, 0), (2, 3, 3, 3, 0, 0), (4, 65, 11, 5, 3, 0), (3, 2, 2, 5, 0, 0),
        (3, 2, 2, 5, 1, 2), (2, 2, 7, 3, 3, 2), (1, 1, 1, 1, 0, 0), (3, 3, 3, 2, 2, 1), (2, 2, 5, 4, 0, 3),
    ]

    @Test(arguments: Route.all, [Precision.float32, .bfloat16])
    func transposedConvolutionAgreesWithTheReference(route: Route, precision: Precision) throws {
        var samples = Samples(seed: 13)
        for (inputs, outputs, kernel, stride, padding, extra) in Self.transposed {
            let weight = samples.tensor([inputs, outputs, kernel]), bias = samples.tensor([outputs])
            let x = samples.tensor([2, inputs, 13])
            let expected = try transposedReference(
                x, rounded(weight, precision), bias, stride: stride, padding: padding, extra: extra)
            for layout in [ActivationLayout.channelsFirst, .channelsLast] {
                let layer = try route.use {
                    try ConvTranspose1d(
                        weight: weight, bias: bias, stride: stride, padding: padding, outputPadding: extra,
                        layout: layout,
                        precision: precision)
                }
                let input = try arranged(x, layout)
                let found = try route.use { try layer(input) }
                expectClose(
                    try arranged(found, layout), expected, tolerance(precision),
                    "\(kernel) \(stride) \(padding) \(extra)")
                for cuts in chunkings(13) where precision == .float32 {
                    var state = layer.makeState(batch: 2)
                    let axis = layout == .channelsFirst ? 2 : 1
                    var parts = try route.use {
                        try pieces(input, cuts, axis: axis).map { try layer.step($0, state: &state) }
                    }
                    parts.append(try layer.flush(state: &state))
                    expectClose(try .concatenated(parts, axis: axis), found, 2e-6, "\(cuts)")
                }
            }
        }
    }

    @Test func shapesAreChecked() throws {
        var samples = Samples(seed: 14)
        let weight = samples.tensor([4, 3, 3])
        let layer = try Conv1d(weight: weight, bias: nil, precision: .float32)
        #expect(throws: TensorError.shape(op: "Conv1d", expected: "[B, 3, T]", found: [1, 4, 9])) {
            try layer(samples.tensor([1, 4, 9]))
        }
        #expect(throws: TensorError.self) { try Conv1d(weight: weight, bias: nil, groups: 3, precision: .float32) }
        #expect(throws: TensorError.self) { try Conv1d(weight: weight, bias: nil, stride: 0, precision: .float32) }
        #expect(throws: TensorError.self) { try Conv1d(weight: weight, bias: weight, precision: .float32) }
        var state = layer.makeState(batch: 2)
        #expect(throws: TensorError.self) { try layer.step(samples.tensor([1, 3, 9]), state: &state) }
        let transposed = try ConvTranspose1d(weight: weight, bias: nil, precision: .float32)
        #expect(throws: TensorError.self) { try transposed(samples.tensor([1, 3, 9])) }
        #expect(throws: TensorError.self) {
            try ConvTranspose1d(weight: weight, bias: nil, outputPadding: 1, precision: .float32)
        }
    }

    // Helpers

    private func operands(_ s: Shape, _ samples: inout Samples) -> (weight: Tensor, bias: Tensor, x: Tensor) {
        (
            samples.tensor([s.outputs, s.inputs / s.groups, s.kernel]), samples.tensor([s.outputs]),
            samples.tensor([s.batch, s.inputs, s.time])
        )
    }

    private func convolution(
        _ s: Shape, _ weight: Tensor, _ bias: Tensor, _ layout: ActivationLayout, _ precision: Precision
    ) throws -> Conv1d {
        try Conv1d(
            weight: weight, bias: bias, stride: s.stride, dilation: s.dilation, padding: (s.left, s.right),
            groups: s.groups,
            layout: layout, precision: precision)
    }

    private func arranged(_ x: Tensor, _ layout: ActivationLayout) throws -> Tensor {
        layout == .channelsFirst ? x : try x.transposed(1, 2)
    }

    private func reference(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, _ s: Shape) throws -> Tensor {
        let padded = try x.padded(axis: 2, before: s.left, after: s.right)
        let time = padded.shape[2]
        let span = (s.kernel - 1) * s.dilation + 1
        let length = time < span ? 0 : (time - span) / s.stride + 1
        let input = padded.values
        return Tensor(shape: [s.batch, s.outputs, length]) { out in
            for b in 0..<s.batch {
                Reference.conv1d(
                    Array(input[(b * s.inputs * time)..<((b + 1) * s.inputs * time)]), weight.values, bias.values,
                    out.baseAddress! + b * s.outputs * length, inputs: s.inputs, outputs: s.outputs, kernel: s.kernel,
                    stride: s.stride, dilation: s.dilation, groups: s.groups, time: time)
            }
        }
    }

    private func transposedReference(
        _ x: Tensor, _ weight: Tensor, _ bias: Tensor, stride: Int, padding: Int, extra: Int
    ) throws -> Tensor {
        let (inputs, outputs, kernel, time) = (weight.shape[0], weight.shape[1], weight.shape[2], x.shape[2])
        let full = (time - 1) * stride + kernel
        let input = try x.transposed(1, 2).values
        let sums = Tensor(shape: [x.shape[0], full, outputs]) { out in
            for b in 0..<x.shape[0] {
                Reference.convTranspose1d(
                    Array(input[(b * time * inputs)..<((b + 1) * time * inputs)]), weight.values,
                    out.baseAddress! + b * full * outputs, inputs: inputs, outputs: outputs, kernel: kernel,
                    stride: stride,
                    time: time)
            }
        }
        let longer = try sums.padded(axis: 1, before: 0, after: extra)
        return try (longer.sliced(axis: 1, from: padding, to: full + extra - padding) + bias).transposed(1, 2)
    }
}

/// Ways to cut `length` steps: whole, singly, and in uneven pieces, empty ones among them.
func chunkings(_ length: Int) -> [[Int]] {
    var uneven: [Int] = []
    var (left, next) = (length, 1)
    while left > 0 {
        let piece = min(left, next)
        uneven.append(piece)
        left -= piece
        next = next * 2 % 7
    }
    return [[length], [Int](repeating: 1, count: length), uneven, [0, length / 2, 0, length - length / 2]]
}

func pieces(_ x: Tensor, _ cuts: [Int], axis: Int) throws -> [Tensor] {
    var at = 0
    return try cuts.map { count in
        defer { at += count }
        return try x.sliced(axis: axis, from: at, to: at + count)
    }
}
