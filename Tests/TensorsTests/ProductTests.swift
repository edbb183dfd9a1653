import Tensors
import Testing

@Suite struct ProductTests {
    @Test(arguments: Route.all, Precision.allCases)
    func linearAgreesWithTheReference(route: Route, precision: Precision) throws {
        var samples = Samples(seed: 1)
        let sizes: [(rows: Int, inputs: Int, outputs: Int)] = [
            (1, 1, 1), (1, 256, 768), (2, 255, 129), (3, 704, 256), (5, 17, 63), (7, 33, 64), (8, 64, 65), (9, 30, 200),
            (31, 160, 480), (41, 192, 47), (130, 75, 96), (171, 161, 70), (0, 8, 8), (2, 1, 1000),
        ]
        for (rows, inputs, outputs) in sizes {
            let weight = samples.tensor([outputs, inputs]), bias = samples.tensor([outputs])
            let x = samples.tensor([rows, inputs])
            for bias in [bias, nil] {
                let found = try route.use { try Linear(weight: weight, bias: bias, precision: precision)(x) }
                let expected = reference(x, rounded(weight, precision), bias)
                expectClose(found, expected, tolerance(precision), "\(rows) x \(inputs) x \(outputs)")
            }
        }
    }

    @Test(arguments: Precision.allCases) func aRowDoesNotDependOnTheNumberOfRows(precision: Precision) throws {
        var samples = Samples(seed: 2)
        let linear = try Linear(
            weight: samples.tensor([96, 80]), bias: samples.tensor([96]), precision: precision)
        let x = samples.tensor([203, 80])
        let whole = try linear(x)
        for rows in [8, 25, 77, 128, 129, 200] {
            let part = try linear(x.sliced(axis: 0, from: 0, to: rows))
            #expect(try part == whole.sliced(axis: 0, from: 0, to: rows), "\(rows) rows")
        }
    }

    @Test(arguments: Precision.allCases) func sharingAProductChangesNothing(precision: Precision) throws {
        Cores.count = 3
        var samples = Samples(seed: 6)
        let linear = try Linear(
            weight: samples.tensor([1100, 515]), bias: samples.tensor([1100]), precision: precision)
        let best = KernelPath.allCases.filter(\.isAvailable).last ?? .plain
        for rows in [1, 2, 47, 48, 49, 300] {
            let x = samples.tensor([rows, 515])
            let alone = try best.use { try linear(x) }
            for _ in 0..<10 { #expect(try linear(x) == alone, "\(rows) rows") }
        }
    }

    @Test(arguments: Route.all.filter { !$0.oneDNN }) func productsOfActivations(route: Route) throws {
        var samples = Samples(seed: 5)
        for (m, n, k) in [(1, 1, 1), (7, 65, 33), (50, 99, 64), (3, 128, 20)] {
            let a = samples.tensor([2, 3, m, k]), b = samples.tensor([2, 3, n, k])
            let found = try route.use { try matmulTransposed(a, b) }
            #expect(found.shape == [2, 3, m, n])
            let last = try found.sliced(axis: 0, from: 1, to: 2).sliced(axis: 1, from: 2, to: 3).reshaped([m, n])
            let expected = reference(
                try a.reshaped([6, m, k]).sliced(axis: 0, from: 5, to: 6).reshaped([m, k]),
                try b.reshaped([6, n, k]).sliced(axis: 0, from: 5, to: 6).reshaped([n, k]), nil)
            expectClose(last, expected, 2e-6)
        }
        #expect(throws: TensorError.self) { try matmulTransposed(Tensor(zeros: [2, 3]), Tensor(zeros: [2, 4])) }
    }

    @Test func linearKeepsLeadingAxesAndChecksShapes() throws {
        var samples = Samples(seed: 3)
        let linear = try Linear(weight: samples.tensor([5, 4]), bias: nil, precision: .float32)
        #expect(try linear(samples.tensor([2, 3, 4])).shape == [2, 3, 5])
        #expect(throws: TensorError.shape(op: "Linear", expected: "[..., 4]", found: [2, 5])) {
            try linear(samples.tensor([2, 5]))
        }
        #expect(throws: TensorError.self) { try Linear(weight: samples.tensor([5]), bias: nil, precision: .float32) }
        #expect(throws: TensorError.self) {
            try Linear(weight: samples.tensor([5, 4]), bias: samples.tensor([4]), precision: .float32)
        }
    }

    @Test(arguments: Precision.allCases) func weightsMayBeTransposed(_ precision: Precision) throws {
        var samples = Samples(seed: 6)
        let (weight, bias, x) = (samples.tensor([130, 70]), samples.tensor([130]), samples.tensor([5, 70]))
        let plain = try Linear(weight: weight, bias: bias, precision: precision)
        let other = try Linear(weight: weight.transposed(0, 1), isTransposed: true, bias: bias, precision: precision)
        #expect((other.inputs, other.outputs) == (70, 130))
        #expect(try other(x) == plain(x))
        #expect(throws: TensorError.self) {
            try Linear(weight: weight, isTransposed: true, bias: bias, precision: precision)
        }
    }

    @Test func manyThreadsShareOneMatrix() async throws {
        var samples = Samples(seed: 4)
        let linear = try Linear(weight: samples.tensor([130, 70]), bias: samples.tensor([130]), precision: .bfloat16)
        let inputs = (0..<16).map { samples.tensor([5 + 9 * $0, 70]) }
        let expected = try inputs.map { try linear($0) }
        let found = try await withThrowingTaskGroup(of: (Int, Tensor).self) { group in
            for (i, x) in inputs.enumerated() {
                group.addTask {
                    for _ in 0..<20 { _ = try linear(x) }
                    return (i, try linear(x))
                }
            }
            return try await group.reduce(into: [Int: Tensor]()) { $0[$1.0] = $1.1 }
        }
        for (i, y) in expected.enumerated() { #expect(found[i] == y) }
    }

    private func reference(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) -> Tensor {
        let (rows, inputs, outputs) = (x.shape[0], x.shape[1], weight.shape[0])
        return Tensor(shape: [rows, outputs]) { out in
            x.withUnsafeBufferPointer { x in
                weight.withUnsafeBufferPointer { weight in
                    let bias = bias?.values ?? [Float](repeating: 0, count: outputs)
                    Reference.linear(
                        x.baseAddress!, weight.baseAddress!, bias, out.baseAddress!, rows: rows, inputs: inputs,
                        outputs: outputs)
                }
            }
        }
    }
}
