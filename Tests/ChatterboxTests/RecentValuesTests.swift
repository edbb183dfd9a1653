import Chatterbox
import Foundation
import Synchronization
import Testing

@Suite struct RecentValuesTests {
    private final class Value: Sendable {
        let number: Int
        init(_ number: Int) { self.number = number }
    }

    private final class Count: Sendable {
        let number = Mutex(0)
    }

    private struct Failure: Error {}

    /// What wasn't wanted for the longest time goes, and its memory with it.
    @Test func keepsTheLatest() throws {
        let values = RecentValues<Int, Value>(capacity: 2)
        weak var first: Value?
        weak var second: Value?
        do { first = try values.value(of: 1) { Value(1) } }
        do { second = try values.value(of: 2) { Value(2) } }
        #expect(try values.value(of: 1) { Value(0) }.number == 1)
        #expect(try values.value(of: 3) { Value(3) }.number == 3)
        #expect(first != nil)
        #expect(second == nil)
        #expect(try values.value(of: 2) { Value(4) }.number == 4)
    }

    @Test func failuresHaveNoPlace() throws {
        let values = RecentValues<Int, Value>(capacity: 1)
        _ = try values.value(of: 1) { Value(1) }
        #expect(throws: Failure.self) { try values.value(of: 2) { throw Failure() } }
        #expect(try values.value(of: 2) { Value(2) }.number == 2)
    }

    @Test func isMadeOnce() async throws {
        let values = RecentValues<Int, Value>(capacity: 4)
        let made = Count()
        await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    _ = try values.value(of: 1) {
                        usleep(2000)
                        made.number.withLock { $0 += 1 }
                        return Value(1)
                    }
                }
            }
        }
        #expect(made.number.withLock { $0 } == 1)
    }
}
