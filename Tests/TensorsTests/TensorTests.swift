import Synchronization
import Tensors
import Testing

@Suite struct TensorTests {
    let counting = try! Tensor((0..<24).map(Float.init), shape: [2, 3, 4])

    @Test func aCopyIsIndependent() {
        var copy = counting
        copy.withUnsafeMutableBufferPointer { $0[0] = 99 }
        #expect(counting[0, 0, 0] == 0)
        #expect(copy[0, 0, 0] == 99)
        #expect(copy != counting)
    }

    /// Given back once, when the last that reads it is gone; never written to.
    @Test func lentMemoryIsGivenBack() throws {
        final class Lender: Sendable {
            let returns = Atomic<Int>(0)
        }
        let lender = Lender()
        let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 6)
        defer { memory.deallocate() }
        _ = memory.initialize(from: [0, 1, 2, 3, 4, 5])
        func lend() -> Tensor {
            Tensor(lent: UnsafeBufferPointer(memory), shape: [2, 3]) { lender.returns.add(1, ordering: .relaxed) }
        }
        var tensor: Tensor? = lend()
        let reshaped = try #require(try tensor?.reshaped([6]))
        tensor?.withUnsafeMutableBufferPointer { $0[0] = 99 }
        #expect(tensor?[0, 0] == 99 && memory[0] == 0 && reshaped[0] == 0)
        tensor = nil
        #expect(reshaped[5] == 5 && lender.returns.load(ordering: .relaxed) == 0)
        withExtendedLifetime(reshaped) {}
        _ = lend()
        #expect(lender.returns.load(ordering: .relaxed) >= 1)
    }

    @Test func memoryIsAligned() {
        for count in [1, 3, 1000] {
            Tensor(zeros: [count]).withUnsafeBufferPointer { #expect(UInt(bitPattern: $0.baseAddress) % 64 == 0) }
        }
    }

    @Test func shapesMustHoldTheElements() throws {
        #expect(throws: TensorError.shape(op: "Tensor", expected: "a shape of 3 elements", found: [2, 2])) {
            try Tensor([1, 2, 3], shape: [2, 2])
        }
        #expect(throws: TensorError.self) { try Tensor([1], shape: [-1, -1]) }
        #expect(try counting.reshaped([4, -1]).shape == [4, 6])
        #expect(try counting.reshaped([24]).values == counting.values)
        for wrong in [[5, 5], [5, -1], [-1, -1], [-24, -1]] {
            #expect(throws: TensorError.self) { try counting.reshaped(wrong) }
        }
    }

    @Test func transposing() throws {
        let cases = [(0, 1), (0, 2), (1, 2), (-1, -2), (0, -1), (1, 1)]
        for (a, b) in cases {
            let found = try counting.transposed(a, b)
            for i in 0..<2 {
                for j in 0..<3 {
                    for k in 0..<4 {
                        var place = [i, j, k]
                        place.swapAt((a + 3) % 3, (b + 3) % 3)
                        #expect(found[place[0], place[1], place[2]] == counting[i, j, k])
                    }
                }
            }
        }
        var samples = Samples(seed: 40)
        let large = samples.tensor([3, 37, 53])
        #expect(try large.transposed(1, 2)[2, 50, 33] == large[2, 33, 50])
        #expect(try large.transposed(1, 2).transposed(1, 2) == large)
        #expect(throws: TensorError.self) { try counting.transposed(0, 3) }
    }

    @Test func slicingAndJoining() throws {
        for axis in 0..<3 {
            let length = counting.shape[axis]
            let parts = try [(0, 1), (1, 1), (1, length)].map { try counting.sliced(axis: axis, from: $0.0, to: $0.1) }
            #expect(try .concatenated(parts, axis: axis) == counting)
        }
        #expect(try counting.sliced(axis: 1, from: 1, to: 2).values == [4, 5, 6, 7, 16, 17, 18, 19])
        #expect(try counting.sliced(axis: -1, from: 3, to: 4).values == [3, 7, 11, 15, 19, 23])
        for (from, to) in [(-1, 2), (2, 1), (0, 4)] {
            #expect(throws: TensorError.self) { try counting.sliced(axis: 1, from: from, to: to) }
        }
        #expect(throws: TensorError.self) { try Tensor.concatenated([], axis: 0) }
        #expect(throws: TensorError.self) { try Tensor.concatenated([counting, Tensor(zeros: [2, 3])], axis: 0) }
        #expect(throws: TensorError.self) { try Tensor.concatenated([counting, Tensor(zeros: [2, 2, 5])], axis: 1) }
    }

    @Test func paddingAndRepeating() throws {
        let row = try Tensor([1, 2, 3, 4], shape: [2, 2])
        #expect(try row.padded(axis: 1, before: 1, after: 2).values == [0, 1, 2, 0, 0, 0, 3, 4, 0, 0])
        #expect(try row.repeatedElements(axis: 0, times: 2).values == [1, 2, 1, 2, 3, 4, 3, 4])
        #expect(try row.repeatedElements(axis: 1, times: 2).values == [1, 1, 2, 2, 3, 3, 4, 4])
        #expect(throws: TensorError.self) { try row.padded(axis: 1, before: -1, after: 0) }
    }

    @Test func embedding() throws {
        let table = try Embedding(weight: counting.reshaped([6, 4]))
        #expect(try table([5, 0, 5]).values == [20, 21, 22, 23, 0, 1, 2, 3, 20, 21, 22, 23])
        #expect(try table([]).shape == [0, 4])
        #expect(throws: TensorError.range(op: "Embedding", expected: "an id in 0..<6", found: 6)) { try table([0, 6]) }
        #expect(throws: TensorError.self) { try table([-1]) }
    }

    @Test(arguments: [2, 4, 6, 16, 22, 30, 960, 1024, 1920]) func fourierTransform(size: Int) throws {
        var samples = Samples(seed: 41)
        let transform = try RealFourierTransform(size: size)
        let x = samples.tensor([2, size])
        let (real, imaginary) = try transform.forward(x)
        #expect(real.shape == [2, size / 2 + 1])
        // A few bins by definition, in double precision.
        let values = x.values.map(Double.init)
        for bin in Set([0, 1, size / 4, size / 2 - 1, size / 2]) {
            var (re, im) = (0.0, 0.0)
            for i in 0..<size {
                let (s, c) = turn(Double(bin * i % size) / Double(size))
                re += values[size + i] * c
                im -= values[size + i] * s
            }
            #expect(abs(Double(real[1, bin]) - re) < 2e-6 * Double(size).squareRoot() * 4, "bin \(bin)")
            #expect(abs(Double(imaginary[1, bin]) - im) < 2e-6 * Double(size).squareRoot() * 4, "bin \(bin)")
        }
        expectClose(try transform.inverse(real: real, imaginary: imaginary), x, 1e-6)
        #expect(throws: TensorError.self) { try transform.forward(samples.tensor([size + 1])) }
        #expect(throws: TensorError.self) { try RealFourierTransform(size: size + 1) }
    }

    @Test func theInverseIgnoresWhatNoRealSignalHas() throws {
        let transform = try RealFourierTransform(size: 16)
        var samples = Samples(seed: 42)
        let real = samples.tensor([9])
        var imaginary = samples.tensor([9])
        let x = try transform.inverse(real: real, imaginary: imaginary)
        imaginary.withUnsafeMutableBufferPointer { ($0[0], $0[8]) = (5, -3) }
        #expect(try transform.inverse(real: real, imaginary: imaginary) == x)
    }

    private func turn(_ turns: Double) -> (sine: Double, cosine: Double) {
        // By angle addition of small steps would lose digits; the reference's sine of a float would too: a Taylor series.
        let x = (turns - turns.rounded()) * 2 * Double.pi
        var (sine, cosine, term) = (0.0, 0.0, 1.0)
        for n in 0..<40 {
            switch n % 4 {
            case 0: cosine += term
            case 1: sine += term
            case 2: cosine -= term
            default: sine -= term
            }
            term *= x / Double(n + 1)
        }
        return (sine, cosine)
    }
}
