import Synchronization

/// Counts open WebSocket connections against their limit and names them.
final class ConnectionRegistry: Sendable {
    let limit: Int
    private let open = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { open.withLock { $0 } }

    /// Takes a place for a connection; false if all are taken. Give it back with ``release()``.
    func reserve() -> Bool {
        open.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    func release() {
        open.withLock { $0 -= 1 }
    }

    /// Eight hexadecimal digits that name a connection in messages and logs.
    static func makeConnectionID() -> String {
        let digits = String(UInt32.random(in: 0...UInt32.max), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
