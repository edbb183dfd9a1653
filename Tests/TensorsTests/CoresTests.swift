import Synchronization
import Tensors
import Testing

@Suite struct CoresTests {
    private struct Wrong: Error {}

    @Test func everyIndexOnce() async throws {
        Cores.count = 4
        // From many threads at once, each of which may or may not find idle cores.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<200 {
                        let count = (task * 37 + round) % 50
                        let seen = Mutex([Int](repeating: 0, count: count))
                        try Cores.working {
                            try Cores.forEach(count) { index in
                                try Cores.forEach(2) { _ in seen.withLock { $0[index] += 1 } }
                            }
                        }
                        #expect(seen.withLock { $0 } == [Int](repeating: 2, count: count))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func anErrorComesBack() throws {
        Cores.count = 2
        for _ in 0..<50 {
            #expect(throws: Wrong.self) { try Cores.forEach(9) { if $0 == 5 { throw Wrong() } } }
        }
    }

    @Test func rowsInBlocks() throws {
        Cores.count = 2
        var samples = Samples(seed: 50)
        for rows in [0, 1, 15, 16, 17, 250, 1001] {
            let x = samples.tensor([1, rows, 3])
            #expect(try x.mapRows(to: 3) { $0 * 2 } == x * 2)
            let sums = try x.mapRows(to: 1) { block in
                Tensor(shape: [block.shape[0], 1]) { out in
                    for r in out.indices { out[r] = block[r, 0] + block[r, 1] + block[r, 2] }
                }
            }
            #expect(sums.shape == [1, rows, 1])
            for r in 0..<rows { #expect(sums[0, r, 0] == x[0, r, 0] + x[0, r, 1] + x[0, r, 2]) }
        }
        #expect(throws: TensorError.self) { try Tensor(zeros: [4, 3]).mapRows(to: 2) { $0 } }
    }
}
