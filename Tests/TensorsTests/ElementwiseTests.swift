import Tensors
import Testing

@Suite struct ElementwiseTests {
    struct Function: Sendable, CustomStringConvertible {
        let description: String
        let fast: @Sendable (Tensor) throws -> Tensor
        let plain: @Sendable (Float) -> Float
    }

    static let functions = [
        Function(description: "relu", fast: { $0.relu() }, plain: Reference.relu),
        Function(
            description: "leakyReLU", fast: { $0.leakyReLU(slope: 0.1) }, plain: { Reference.leakyReLU($0, slope: 0.1) }
        ),
        Function(description: "elu", fast: { $0.elu() }, plain: Reference.elu),
        Function(description: "silu", fast: { $0.silu() }, plain: Reference.silu),
        Function(description: "gelu", fast: { $0.gelu() }, plain: Reference.gelu),
        Function(description: "geluTanh", fast: { $0.geluTanh() }, plain: Reference.geluTanh),
        Function(description: "mish", fast: { $0.mish() }, plain: Reference.mish),
        Function(description: "tanh", fast: { $0.tanh() }, plain: Reference.tanh),
        Function(description: "sigmoid", fast: { $0.sigmoid() }, plain: Reference.sigmoid),
        Function(description: "exp", fast: { $0.exp() }, plain: Reference.exp),
        Function(description: "sin", fast: { $0.sin() }, plain: Reference.sin),
        Function(description: "cos", fast: { $0.cos() }, plain: Reference.cos),
        Function(description: "clamped", fast: { $0.clamped(-0.5...0.25) }, plain: { min(max($0, -0.5), 0.25) }),
        Function(description: "scaled", fast: { $0.scaled(by: 3, plus: -1) }, plain: { $0 * 3 - 1 }),
    ]

    @Test(arguments: functions, Route.all.filter { !$0.oneDNN })
    func agreesWithTheReference(function: Function, route: Route) throws {
        // Dense near 0, wide apart further out, an odd number of them.
        let points =
            (-1500...1500).map { Float($0) / 100 } + (-300...300).map { Float($0) / 3000 } + [
                1e-8, -1e-8, 0, 40, -40, 85, -85,
            ]
        let x = try Tensor(points, shape: [points.count])
        let found = try route.use { try function.fast(x) }
        for (i, point) in points.enumerated() {
            let expected = function.plain(point)
            let off = abs(found.values[i] - expected)
            #expect(off <= 4e-7 + 2e-6 * abs(expected), "\(function)(\(point)) = \(expected), not \(found.values[i])")
        }
    }

    @Test(arguments: Route.all.filter { !$0.oneDNN }) func edges(route: Route) throws {
        try route.use {
            let x = try Tensor([-.infinity, -200, 200, .infinity, .nan], shape: [5])
            #expect(x.exp().values.prefix(4) == [0, 0, .infinity, .infinity])
            #expect(x.exp().values[4].isNaN)
            #expect(x.sigmoid().values.prefix(4) == [0, 0, 1, 1])
            #expect(x.tanh().values.prefix(4) == [-1, -1, 1, 1])
            // Phases of a long utterance: thousands of turns.
            let phases = (0..<37).map { Float($0) * 7919.25 + 0.5 }
            expectClose(
                try Tensor(phases, shape: [37]).sin(), try Tensor(phases.map(Reference.sin), shape: [37]), 1e-6)
        }
    }

    @Test(arguments: Route.all.filter { !$0.oneDNN }) func rows(route: Route) throws {
        var samples = Samples(seed: 20)
        for width in [1, 3, 15, 16, 17, 64, 161] {
            let x = samples.tensor([5, width], scale: 4), weight = samples.tensor([width]),
                bias = samples.tensor([width])
            func rowwise(_ f: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void) -> Tensor {
                Tensor(shape: x.shape) { out in
                    x.withUnsafeBufferPointer { x in
                        for row in 0..<5 { f(x.baseAddress! + row * width, out.baseAddress! + row * width) }
                    }
                }
            }
            try route.use {
                expectClose(try x.softmax(), rowwise { Reference.softmax($0, $1, width) }, 1e-6, "softmax \(width)")
                expectClose(
                    try LayerNorm(weight: weight, bias: bias)(x),
                    rowwise { Reference.layerNorm($0, weight.values, bias.values, $1, width, 1e-5) }, 2e-6,
                    "layer norm \(width)")
                expectClose(
                    try LayerNorm(weight: weight, bias: nil, epsilon: 1e-3)(x),
                    rowwise { Reference.layerNorm($0, weight.values, nil, $1, width, 1e-3) }, 2e-6,
                    "layer norm \(width)")
                expectClose(
                    try RMSNorm(weight: weight, epsilon: 1e-5)(x),
                    rowwise { Reference.rmsNorm($0, weight.values, $1, width, 1e-5) }, 2e-6, "RMS norm \(width)")
                let gated = samples.tensor([3, 2 * width])
                expectClose(
                    try gated.siluGated(),
                    try gated.sliced(axis: 1, from: 0, to: width).silu()
                        * gated.sliced(axis: 1, from: width, to: 2 * width),
                    2e-6, "gate \(width)")
                let wave = samples.tensor([2, 3, width])
                let alpha = try Tensor((0..<width).map { [0.3, 1, 20][$0 % 3] }, shape: [width])
                let expected = Tensor(shape: wave.shape) { out in
                    for i in out.indices {
                        out[i] = Reference.snake(wave.values[i], alpha: alpha.values[i % width])
                    }
                }
                expectClose(try wave.snake(alpha: alpha), expected, 2e-6, "snake \(width)")
            }
        }
    }

    @Test func normsAndActivationsCheckShapes() throws {
        let x = Tensor(zeros: [2, 5])
        #expect(throws: TensorError.self) { try LayerNorm(weight: Tensor(zeros: [4]), bias: nil)(x) }
        #expect(throws: TensorError.self) { try LayerNorm(weight: Tensor(zeros: [4]), bias: Tensor(zeros: [5])) }
        #expect(throws: TensorError.self) { try RMSNorm(weight: Tensor(zeros: [4]), epsilon: 1e-5)(x) }
        #expect(throws: TensorError.self) { try x.siluGated() }
        #expect(throws: TensorError.self) { try x.snake(alpha: Tensor(zeros: [2])) }
    }

    @Test(arguments: Route.all.filter { !$0.oneDNN }) func sumsRepeatTheRightOperand(route: Route) throws {
        var samples = Samples(seed: 21)
        let shape = [2, 3, 4, 5]
        let a = samples.tensor(shape)
        let others: [[Int]] = [
            shape, [5], [1], [], [4, 5], [4, 1], [3, 1, 1], [3, 1, 5], [2, 1, 1, 1], [2, 3, 1, 5], [1, 1, 4, 1],
            [2, 1, 4, 5],
        ]
        for other in others {
            let b = samples.tensor(other)
            let strides = strides(of: other, in: shape)
            for (found, f) in try route.use({
                [(try a + b, { $0 + $1 }), (try a - b, { $0 - $1 }), (try a * b, { $0 * $1 })]
                    as [(Tensor, (Float, Float) -> Float)]
            }) {
                let expected = Tensor(shape: shape) {
                    Reference.combine(a.values, b.values, $0.baseAddress!, shape, strides, f)
                }
                expectClose(found, expected, 0, "\(other)")
            }
        }
        #expect(throws: TensorError.self) { try a + Tensor(zeros: [4]) }
        #expect(throws: TensorError.self) { try a + Tensor(zeros: [1, 2, 3, 4, 5]) }
        #expect(try (Tensor(zeros: [0, 3]) + Tensor(zeros: [3])).shape == [0, 3])
    }

    private func strides(of shape: [Int], in target: [Int]) -> [Int] {
        var (strides, step) = ([Int](repeating: 0, count: target.count), 1)
        for (offset, length) in shape.reversed().enumerated() where length > 1 {
            strides[target.count - 1 - offset] = step
            step *= length
        }
        return strides
    }
}
