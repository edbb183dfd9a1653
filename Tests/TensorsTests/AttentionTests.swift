import Tensors
import Testing

@Suite struct AttentionTests {
    @Test(arguments: Route.all.filter { !$0.oneDNN }) func agreesWithTheReference(route: Route) throws {
        var samples = Samples(seed: 30)
        for (rows, length, width) in [(1, 1, 1), (1, 70, 64), (5, 5, 24), (50, 129, 64), (3, 64, 65), (13, 40, 130)] {
            let q = samples.tensor([2, 3, rows, width]), k = samples.tensor([2, 3, length, width])
            let v = samples.tensor([2, 3, length, width])
            let biases: [Tensor?] = [
                nil, samples.tensor([rows, length]), samples.tensor([3, 1, length]), samples.tensor([2, 1, 1, length]),
                samples.tensor([2, 3, rows, length]), samples.tensor([3, rows, 1]),
            ]
            for bias in biases {
                for causal in [false, true] {
                    let found = try route.use {
                        try attention(q: q, k: k, v: v, scale: 0.2, bias: bias, causal: causal)
                    }
                    let expected = reference(q, k, v, scale: 0.2, bias: bias, causal: causal).output
                    expectClose(found, expected, 2e-6, "\(rows) \(length) \(width) \(bias?.shape ?? []) \(causal)")
                }
            }
        }
    }

    @Test func shapesAreChecked() {
        let x = Tensor(zeros: [1, 2, 3, 4])
        #expect(throws: TensorError.self) { try attention(q: x, k: Tensor(zeros: [1, 2, 3, 5]), v: x, scale: 1) }
        #expect(throws: TensorError.self) { try attention(q: x, k: x, v: Tensor(zeros: [1, 2, 4, 4]), scale: 1) }
        #expect(throws: TensorError.self) { try attention(q: x, k: x, v: x, scale: 1, bias: Tensor(zeros: [4, 3])) }
        #expect(throws: TensorError.self) { try attention(q: x, k: Tensor(zeros: [1, 2, 2, 4]), v: x, scale: 1) }
    }

    @Test(arguments: Route.all.filter { !$0.oneDNN }) func aCacheFedInPiecesEqualsOneShot(route: Route) throws {
        var samples = Samples(seed: 31)
        for width in [24, 64, 70] {
            let shape = [2, 3, 150, width]
            let q = samples.tensor(shape), k = samples.tensor(shape), v = samples.tensor(shape)
            let expected = reference(q, k, v, scale: 0.3, bias: nil, causal: true)
            var cache = KeyValueCache(batch: 2, heads: 3, headWidth: width, capacity: 10)
            var at = 0
            for count in [60, 1, 1, 5, 0, 82, 1] {
                let range = (at, at + count)
                let before = cache
                try cache.append(
                    keys: k.sliced(axis: 2, from: range.0, to: range.1),
                    values: v.sliced(axis: 2, from: range.0, to: range.1))
                let (output, seen) = try route.use {
                    try cache.attend(q.sliced(axis: 2, from: range.0, to: range.1), scale: 0.3, watching: [2, 0])
                }
                #expect(before.length == at, "a copy is not changed")
                at += count
                expectClose(output, try expected.output.sliced(axis: 2, from: range.0, to: range.1), 2e-6)
                let watched = try expected.probabilities.sliced(axis: 2, from: range.0, to: range.1)
                    .sliced(axis: 3, from: 0, to: at)
                let ordered = try Tensor.concatenated(
                    [2, 0].map { try watched.sliced(axis: 1, from: $0, to: $0 + 1) }, axis: 1)
                expectClose(seen, ordered, 2e-6)
            }
            #expect(cache.contents.keys == k)
            #expect(cache.contents.values == v)
        }
    }

    /// Two rows that go on from one, each its own way, are as two that were never one.
    @Test(arguments: [1, 63, 64, 100], [1, 200]) func rowsGoOnFromAPrefix(length: Int, capacity: Int) throws {
        var samples = Samples(seed: 33)
        let k = samples.tensor([1, 3, length, 20]), v = samples.tensor([1, 3, length, 20])
        var prefix = KeyValueCache(batch: 1, heads: 3, headWidth: 20, capacity: 5)
        try prefix.append(keys: k, values: v)
        var forked = try KeyValueCache(rows: 2, from: prefix, capacity: capacity)
        var expected = KeyValueCache(batch: 2, heads: 3, headWidth: 20, capacity: 1)
        try expected.append(keys: .concatenated([k, k], axis: 0), values: .concatenated([v, v], axis: 0))
        for count in [1, 70] {
            let q = samples.tensor([2, 3, count, 20])
            let (newK, newV) = (samples.tensor(q.shape), samples.tensor(q.shape))
            try forked.append(keys: newK, values: newV)
            try expected.append(keys: newK, values: newV)
            let (found, wanted) = (try forked.attend(q, scale: 0.2), try expected.attend(q, scale: 0.2))
            #expect(found.output == wanted.output)
            #expect(forked.contents.keys == expected.contents.keys)
            #expect(forked.contents.values == expected.contents.values)
        }
        #expect(prefix.length == length && prefix.contents.keys == k && prefix.contents.values == v)
        #expect(throws: TensorError.self) { try KeyValueCache(rows: 2, from: expected, capacity: 1) }
    }

    @Test(arguments: Route.all.filter { !$0.oneDNN }) func aCacheInHalfPrecision(route: Route) throws {
        var samples = Samples(seed: 33)
        for width in [5, 64, 130] {
            let shape = [1, 2, 131, width]
            let q = Reference.roundedToBFloat16(samples.tensor(shape))
            let k = Reference.roundedToBFloat16(samples.tensor(shape))
            let v = Reference.roundedToBFloat16(samples.tensor(shape))
            let expected = reference(q, k, v, scale: 0.1, bias: nil, causal: true).output
            var cache = KeyValueCache(batch: 1, heads: 2, headWidth: width, capacity: 1, precision: .bfloat16)
            var at = 0
            for count in [65, 1, 1, 63, 1] {
                try cache.append(
                    keys: k.sliced(axis: 2, from: at, to: at + count),
                    values: v.sliced(axis: 2, from: at, to: at + count))
                let part = try q.sliced(axis: 2, from: at, to: at + count)
                let found = try route.use { try cache.attend(part, scale: 0.1).output }
                expectClose(found, try expected.sliced(axis: 2, from: at, to: at + count), 8e-3, "\(width) at \(at)")
                at += count
            }
            #expect(cache.contents.keys == k)
            #expect(cache.contents.values == v)
        }
    }

    @Test(arguments: Route.all.filter { !$0.oneDNN }, [Precision.float32, .bfloat16])
    func aSequenceToItself(route: Route, precision: Precision) throws {
        var samples = Samples(seed: 34)
        for (heads, time, width) in [(1, 1, 4), (2, 49, 6), (3, 130, 64), (8, 97, 20)] {
            let inner = heads * width
            let qkv = samples.tensor([2, time, 3 * inner])
            let parts = try qkv.reshaped([2, time, 3 * heads, width]).transposed(1, 2)
            let q = try parts.sliced(axis: 1, from: 0, to: heads)
            let k = try parts.sliced(axis: 1, from: heads, to: 2 * heads)
            let v = try parts.sliced(axis: 1, from: 2 * heads, to: 3 * heads)
            func joined(_ x: Tensor) throws -> Tensor { try x.transposed(1, 2).reshaped([2, time, inner]) }
            let bound: Float = precision == .float32 ? 3e-6 : 1.5e-2

            let plain = try route.use { try selfAttention(qkv, heads: heads, scale: 0.2, precision: precision) }
            expectClose(plain, try joined(reference(q, k, v, scale: 0.2, bias: nil, causal: false).output), bound)

            let distances = samples.tensor([2 * time - 1, inner])
            let u = samples.tensor([heads, width]), w = samples.tensor([heads, width])
            let byHead = try distances.reshaped([2 * time - 1, heads, width]).transposed(0, 1)
            var bias = Tensor(zeros: [2, heads, time, time])
            bias.withUnsafeMutableBufferPointer { out in
                for i in out.indices {
                    let (b, h, r, c) = (i / time / time / heads, i / time / time % heads, i / time % time, i % time)
                    out[i] = (0..<width).reduce(0) {
                        $0 + (q[b, h, r, $1] + w[h, $1]) * byHead[h, c + time - 1 - r, $1] * 0.2
                    }
                }
            }
            let shifted = try q + u.reshaped([1, heads, 1, width])
            let expected = reference(shifted, k, v, scale: 0.2, bias: bias, causal: false).output
            let found = try route.use {
                try selfAttention(
                    qkv, heads: heads, scale: 0.2,
                    relative: RelativeAttention(distances: distances, biasU: u, biasV: w), precision: precision)
            }
            expectClose(found, try joined(expected), bound, "relative \(heads) \(time) \(width)")
        }
        let x = Tensor(zeros: [1, 3, 24])
        #expect(throws: TensorError.self) { try selfAttention(x, heads: 3, scale: 1, precision: .float32) }
        #expect(throws: TensorError.self) {
            try selfAttention(
                x, heads: 2, scale: 1,
                relative: RelativeAttention(
                    distances: Tensor(zeros: [4, 8]), biasU: Tensor(zeros: [2, 4]), biasV: Tensor(zeros: [2, 4])),
                precision: .float32)
        }
    }

    /// A head of the first row attends as if what is hidden from it had never been; all others as ever.
    @Test(arguments: Route.all.filter { !$0.oneDNN }, [Precision.float32, .bfloat16])
    func hiddenPositionsHaveNoWeight(route: Route, precision: Precision) throws {
        var samples = Samples(seed: 34)
        let k = samples.tensor([2, 3, 90, 24]), v = samples.tensor(k.shape), q = samples.tensor([2, 3, 1, 24])
        func cache(_ positions: Range<Int>...) throws -> KeyValueCache {
            var cache = KeyValueCache(batch: 2, heads: 3, headWidth: 24, capacity: 90, precision: precision)
            for range in positions {
                try cache.append(
                    keys: k.sliced(axis: 2, from: range.lowerBound, to: range.upperBound),
                    values: v.sliced(axis: 2, from: range.lowerBound, to: range.upperBound))
            }
            return cache
        }
        for watched in [[], [1]] {
            let hidden = HiddenPositions(heads: [1], positions: [4..<30, 41..<88, 60..<60])
            let (found, all, rest) = try route.use {
                (
                    try cache(0..<90).attend(q, scale: 0.3, watching: watched, hiding: hidden),
                    try cache(0..<90).attend(q, scale: 0.3, watching: watched),
                    try cache(0..<4, 30..<41, 88..<90).attend(q, scale: 0.3, watching: watched)
                )
            }
            for head in 0..<6 {
                let expected = head == 1 ? rest : all
                expectClose(
                    try found.output.reshaped([6, 24]).sliced(axis: 0, from: head, to: head + 1),
                    try expected.output.reshaped([6, 24]).sliced(axis: 0, from: head, to: head + 1),
                    precision == .float32 ? 2e-6 : 1e-2)
            }
            guard !watched.isEmpty else { continue }
            let weights = found.attention.values
            #expect(weights[4..<30].allSatisfy { $0 < 1e-20 } && weights[41..<88].allSatisfy { $0 < 1e-20 })
            #expect(abs(weights[0..<90].reduce(0, +) - 1) < 1e-5)
        }
        let wrong = [HiddenPositions(heads: [1], positions: [4..<10]), HiddenPositions(heads: [3], positions: [4..<5])]
        for wrong in wrong {
            #expect(throws: TensorError.self) { try cache(0..<9).attend(q, scale: 1, hiding: wrong) }
        }
    }

    @Test func theCacheChecksShapes() throws {
        var cache = KeyValueCache(batch: 1, heads: 2, headWidth: 4, capacity: 1)
        let x = Tensor(zeros: [1, 2, 3, 4])
        #expect(throws: TensorError.self) { try cache.append(keys: x, values: Tensor(zeros: [1, 2, 2, 4])) }
        #expect(throws: TensorError.self) { try cache.append(keys: Tensor(zeros: [2, 2, 3, 4]), values: x) }
        #expect(throws: TensorError.self) { try cache.attend(x, scale: 1) }
        try cache.append(keys: x, values: x)
        #expect(throws: TensorError.self) { try cache.attend(x, scale: 1, watching: [2]) }
        #expect(cache.length == 3)
    }

    @Test(arguments: Route.all.filter { !$0.oneDNN }) func rotaryPositions(route: Route) throws {
        var samples = Samples(seed: 32)
        let x = samples.tensor([2, 3, 5, 22]), cosine = samples.tensor([5, 11]), sine = samples.tensor([5, 11])
        let expected = Tensor(shape: x.shape) { out in
            for row in 0..<30 {
                let from = Array(x.values[(row * 22)..<((row + 1) * 22)])
                let at = (row % 5 * 11)..<((row % 5 + 1) * 11)
                Reference.rotate(
                    from, Array(cosine.values[at]), Array(sine.values[at]), out.baseAddress! + row * 22, 11)
            }
        }
        expectClose(try route.use { try x.rotated(cosine: cosine, sine: sine) }, expected, 1e-6)
        #expect(throws: TensorError.self) { try x.rotated(cosine: sine, sine: Tensor(zeros: [5, 22])) }
    }

    private func reference(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Float, bias: Tensor?, causal: Bool
    ) -> (output: Tensor, probabilities: Tensor) {
        let (batch, heads, rows, width, length) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3], k.shape[2])
        let full = try! Tensor(zeros: [batch, heads, rows, length]) + (bias ?? Tensor(zeros: []))
        let (qs, ks, vs, biases) = (q.values, k.values, v.values, full.values)
        var probabilities = Tensor(zeros: full.shape)
        let output = Tensor(shape: q.shape) { out in
            probabilities.withUnsafeMutableBufferPointer { seen in
                for head in 0..<(batch * heads) {
                    Reference.attention(
                        q: Array(qs[(head * rows * width)..<((head + 1) * rows * width)]),
                        k: Array(ks[(head * length * width)..<((head + 1) * length * width)]),
                        v: Array(vs[(head * length * width)..<((head + 1) * length * width)]),
                        out: out.baseAddress! + head * rows * width, rows: rows, length: length, width: width,
                        scale: scale,
                        causal: causal, probabilities: seen.baseAddress! + head * rows * length,
                        bias: { biases[(head * rows + $0) * length + $1] })
                }
            }
        }
        return (output, probabilities)
    }
}
