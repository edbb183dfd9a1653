import AccessControl
import Foundation
import Synchronization

/// A clock that tests set.
final class TestClock: Sendable {
    private let time = Mutex(Date(timeIntervalSince1970: 1_764_244_800))

    var now: Date { time.withLock { $0 } }
    func advance(_ seconds: Double) { time.withLock { $0 += seconds } }
    var read: @Sendable () -> Date { { self.now } }
}

/// A folder of a test's own, gone after it.
final class TestFolder: Sendable {
    let url = FileManager.default.temporaryDirectory.appending(path: "access-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    var keysFile: URL { url.appending(path: "keys.sqlite") }
}

/// What a body is refused with; nil if it isn't.
func refusal(_ body: () async throws(AccessRefusal) -> Void) async -> AccessRefusal? {
    do {
        try await body()
        return nil
    } catch {
        return error
    }
}
