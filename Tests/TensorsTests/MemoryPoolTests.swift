import Tensors
import Testing

@Suite struct MemoryPoolTests {
    @Test func capacitiesAreFewAndFit() {
        var seen: Set<Int> = []
        for bytes in stride(from: 1, through: 1 << 22, by: 1021) {
            let capacity = MemoryPool.capacity(for: bytes)
            #expect(capacity >= bytes && capacity % 4096 == 0)
            #expect(capacity <= max(4096, bytes + bytes / 4 + 4096), "\(bytes) bytes take \(capacity)")
            #expect(MemoryPool.capacity(for: capacity) == capacity)
            seen.insert(capacity)
        }
        #expect(seen.count < 40)
    }

    /// The last to come back goes first; another capacity gets memory of its own.
    @Test func memoryIsUsedAgain() {
        let pool = MemoryPool(leastBytes: 0, mostIdleBytes: 1 << 20)
        let (a, b) = (pool.take(10_000), pool.take(10_000))
        #expect(a.start != b.start && pool.idleBytes == 0)
        pool.giveBack(a)
        pool.giveBack(b)
        #expect(pool.idleBytes == a.capacity + b.capacity)
        let larger = pool.take(100_000)
        #expect(larger.start != a.start && larger.start != b.start)
        #expect(pool.take(11_000).start == b.start)
        #expect(pool.take(10_000).start == a.start)
        #expect(pool.idleBytes == 0)
    }

    @Test func whatIsIdleIsBounded() {
        let pool = MemoryPool(leastBytes: 0, mostIdleBytes: 300_000)
        let old = pool.take(100_000)
        let others = (0..<20).map { pool.take(20_000 + 4096 * $0) }
        pool.giveBack(old)
        for memory in others { pool.giveBack(memory) }
        #expect(pool.idleBytes <= 300_000 && pool.idleBytes > 100_000)
        // What has been idle for longest went: the last ones are still there.
        let last = others[19]
        #expect(pool.take(last.capacity).start == last.start)
        pool.releaseIdle()
        #expect(pool.idleBytes == 0)
        let huge = pool.take(1 << 20)
        pool.giveBack(huge)
        #expect(pool.idleBytes == 0)
    }

    /// A large tensor's memory is the pool's, whole and writable, and never two tensors'.
    @Test func tensorsHaveMemoryOfTheirOwn() async {
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<8 {
                group.addTask {
                    (0..<50).allSatisfy { round in
                        let count = 70_000 + (task * 7 + round) % 5 * 9_000
                        let value = Float(task * 1000 + round)
                        let tensor = Tensor(repeating: value, shape: [count])
                        let other = Tensor(repeating: -value, shape: [count])
                        return tensor.values.allSatisfy { $0 == value } && other.values.allSatisfy { $0 == -value }
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
