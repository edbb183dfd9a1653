import CKernels
import Synchronization

/// Memory of large tensors, used again by the next ones of about that size. A heap would keep what was freed in pieces that
/// the next chunk of speech, a little longer, doesn't fit into, and every thread has one; giving it back to the system each
/// time would cost the faults of all its pages. What nobody uses is bounded.
package final class MemoryPool: Sendable {
    /// That of all tensors.
    package static let shared = MemoryPool(leastBytes: 1 << 18, mostIdleBytes: 48 << 20)

    /// `@unchecked Sendable`: whoever has taken it owns it alone; the pool owns what was given back.
    package struct Memory: @unchecked Sendable {
        package let start: UnsafeMutableRawPointer
        /// One of `capacity(for:)`'s.
        package let capacity: Int
    }

    private struct State {
        /// By capacity; the latest to come back is last, and the first to go again while it is still in the caches.
        var idle: [Int: [(memory: Memory, time: Int)]] = [:]
        var idleBytes = 0
        /// Counts returns.
        var time = 0
    }

    /// Smaller tensors get their memory elsewhere.
    let leastBytes: Int
    private let mostIdleBytes: Int
    private let state = Mutex(State())

    package init(leastBytes: Int, mostIdleBytes: Int) {
        (self.leastBytes, self.mostIdleBytes) = (leastBytes, mostIdleBytes)
    }

    deinit { releaseIdle() }

    /// Bytes that are kept for later.
    package var idleBytes: Int { state.withLock { $0.idleBytes } }

    /// `bytes`, at least a page, and up to a quarter more, so that few capacities serve many sizes.
    package static func capacity(for bytes: Int) -> Int {
        let step = max(1 << (Int.bitWidth - 1 - max(bytes - 1, 1).leadingZeroBitCount - 2), 4096)
        return (bytes + step - 1) / step * step
    }

    /// Memory with anything in it, on a page's boundary.
    package func take(_ bytes: Int) -> Memory {
        let capacity = Self.capacity(for: bytes)
        let kept = state.withLock { state -> Memory? in
            guard let kept = state.idle[capacity]?.popLast() else { return nil }
            state.idleBytes -= capacity
            return kept.memory
        }
        if let kept { return kept }
        guard let start = ck_pages(capacity) else { fatalError("no memory for a tensor of \(bytes) bytes") }
        return Memory(start: start, capacity: capacity)
    }

    package func giveBack(_ memory: Memory) {
        let released = state.withLock { state in
            state.time += 1
            state.idle[memory.capacity, default: []].append((memory, state.time))
            state.idleBytes += memory.capacity
            return Self.shrink(&state, to: mostIdleBytes)
        }
        for memory in released { ck_pages_free(memory.start, memory.capacity) }
    }

    /// Gives all that nobody uses back to the system: for when nothing is being spoken.
    package func releaseIdle() {
        let released = state.withLock { Self.shrink(&$0, to: 0) }
        for memory in released { ck_pages_free(memory.start, memory.capacity) }
    }

    /// Takes out what has been idle for longest.
    private static func shrink(_ state: inout State, to limit: Int) -> [Memory] {
        var released: [Memory] = []
        while state.idleBytes > limit,
            let oldest = state.idle.filter({ !$0.value.isEmpty }).min(by: { $0.value[0].time < $1.value[0].time })
        {
            released.append(oldest.value[0].memory)
            state.idle[oldest.key]?.removeFirst()
            state.idleBytes -= oldest.key
        }
        return released
    }
}
