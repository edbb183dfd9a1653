import Synchronization
import Tensors

/// Values that take long to make: each is made once, by whoever wants it first while the others wait, and those that were
/// wanted last are kept.
package final class RecentValues<Key: Equatable & Sendable, Value: Sendable>: Sendable {
    private final class Entry: Sendable {
        let value = Mutex<Value?>(nil)
    }

    private let capacity: Int
    /// The longest unwanted first.
    private let entries = Mutex<[(key: Key, entry: Entry)]>([])

    /// - Parameter capacity: Values that are kept, 1 at least.
    package init(capacity: Int) { self.capacity = max(capacity, 1) }

    /// - Throws: what `make` throws; the key then has no place, and the next who wants it tries again.
    package func value(of key: Key, make: () throws -> Value) throws -> Value {
        let entry = entries.withLock { entries in
            let known = entries.firstIndex { $0.key == key }.map { entries.remove(at: $0).entry }
            let entry = known ?? Entry()
            entries.append((key, entry))
            if entries.count > capacity { entries.removeFirst() }
            return entry
        }
        do {
            // Who makes it may need this thread's core.
            if entry.value.withLockIfAvailable({ _ in }) == nil { Cores.waiting { entry.value.withLock { _ in } } }
            return try entry.value.withLock { value in
                if let value { return value }
                let made = try make()
                value = made
                return made
            }
        } catch {
            entries.withLock { $0.removeAll { $0.entry === entry } }
            throw error
        }
    }
}
