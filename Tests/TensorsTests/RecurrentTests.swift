import Tensors
import Testing

@Suite struct RecurrentTests {
    @Test(arguments: Route.all, Precision.allCases)
    func lstmAgreesWithTheReference(route: Route, precision: Precision) throws {
        var samples = Samples(seed: 50)
        for (batch, time, inputs, width) in [(1, 1, 1, 1), (3, 17, 40, 16), (9, 5, 7, 33)] {
            let weight = samples.tensor([4 * width, inputs], scale: 0.3)
            let recurrent = samples.tensor([4 * width, width], scale: 0.3)
            let biases = (samples.tensor([4 * width]), samples.tensor([4 * width]))
            let x = samples.tensor([batch, time, inputs])
            let found = try route.use {
                try LSTM(
                    inputWeight: weight, recurrentWeight: recurrent, inputBias: biases.0, recurrentBias: biases.1,
                    precision: precision)(x)
            }
            let (w, u) = (rounded(weight, precision), rounded(recurrent, precision))
            let expected = Tensor(shape: [batch, time, width]) { out in
                for b in 0..<batch {
                    x.withUnsafeBufferPointer { x in
                        w.withUnsafeBufferPointer { w in
                            u.withUnsafeBufferPointer { u in
                                biases.0.withUnsafeBufferPointer { first in
                                    biases.1.withUnsafeBufferPointer { second in
                                        Reference.lstm(
                                            x.baseAddress! + b * time * inputs, w.baseAddress!, u.baseAddress!,
                                            first.baseAddress!, second.baseAddress!,
                                            out.baseAddress! + b * time * width, inputs: inputs, width: width,
                                            time: time)
                                    }
                                }
                            }
                        }
                    }
                }
            }
            expectClose(found, expected, tolerance(precision) * 3, "\(batch) \(time) \(inputs) \(width)")
        }
    }

    @Test func lstmRefusesShapesThatDoNotFit() throws {
        func layer(_ weight: [Int], _ recurrent: [Int], _ bias: [Int], _ second: [Int]) throws -> LSTM {
            try LSTM(
                inputWeight: Tensor(zeros: weight), recurrentWeight: Tensor(zeros: recurrent),
                inputBias: Tensor(zeros: bias), recurrentBias: Tensor(zeros: second), precision: .float32)
        }
        #expect(throws: TensorError.self) { try layer([8, 3], [9, 2], [8], [8]) }
        #expect(throws: TensorError.self) { try layer([9, 3], [8, 2], [8], [8]) }
        #expect(throws: TensorError.self) { try layer([8, 3], [8, 2], [8], [9]) }
        let lstm = try layer([8, 3], [8, 2], [8], [8])
        #expect(try lstm(Tensor(zeros: [2, 0, 3])).shape == [2, 0, 2])
        #expect(throws: TensorError.shape(op: "LSTM", expected: "[B, T, 3]", found: [1, 2, 4])) {
            try lstm(Tensor(zeros: [1, 2, 4]))
        }
    }

    @Test(arguments: Precision.allCases)
    func conv2dAgreesWithTheReference(precision: Precision) throws {
        var samples = Samples(seed: 51)
        for (rows, time, inputs, outputs, kernel, stride, padding) in [
            (7, 9, 3, 5, 3, 1, 1), (8, 11, 2, 4, 3, 2, 1), (9, 4, 4, 3, 1, 2, 0), (5, 6, 1, 8, 3, 1, 0),
        ] {
            let weight = samples.tensor([outputs, inputs, kernel, kernel], scale: 0.4)
            let x = samples.tensor([rows, time, inputs])
            let found = try Conv2d(weight: weight, bias: nil, stride: stride, padding: padding, precision: precision)(x)
            let kept = rounded(weight, precision)
            let height = (rows + 2 * padding - kernel) / stride + 1
            let expected = Tensor(shape: [height, time + 2 * padding - kernel + 1, outputs]) { out in
                x.withUnsafeBufferPointer { x in
                    kept.withUnsafeBufferPointer { weight in
                        Reference.conv2d(
                            x.baseAddress!, weight.baseAddress!, out.baseAddress!, inputs: inputs, outputs: outputs,
                            kernel: kernel, span: kernel, stride: stride, padding: padding, rows: rows, time: time)
                    }
                }
            }
            expectClose(found, expected, tolerance(precision), "\(rows) \(time) \(kernel) \(stride)")
        }
    }

    @Test func batchNormNormalisesByTheGivenStatistics() throws {
        let norm = try BatchNorm(
            mean: Tensor([1, -2], shape: [2]), variance: Tensor([4, 0.25], shape: [2]),
            weight: Tensor([3, 1], shape: [2]), bias: Tensor([0.5, 0], shape: [2]), epsilon: 0)
        let found = try norm(Tensor([1, -2, 5, -1], shape: [2, 2]))
        expectClose(found, try Tensor([0.5, 0, 6.5, 2], shape: [2, 2]), 1e-6)
        let plain = try BatchNorm(
            mean: Tensor([1], shape: [1]), variance: Tensor([4], shape: [1]), weight: nil, bias: nil, epsilon: 0)
        expectClose(try plain(Tensor([7], shape: [1, 1])), try Tensor([3], shape: [1, 1]), 1e-6)
        #expect(throws: TensorError.self) { try norm(Tensor(zeros: [2, 3])) }
    }
}
