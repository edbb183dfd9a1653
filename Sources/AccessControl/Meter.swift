import Foundation
import Synchronization

/// Counts what each client has asked for. Limits come along with each question, so that they may change at any time.
///
/// Requests per minute are a bucket that fills evenly: whoever was silent for a minute may ask for all at once.
final class Meter: Sendable {
    fileprivate struct Account {
        /// Requests left, at `filled`.
        var requests = Double.infinity
        var filled = Date.distantPast
        var connections = 0
        var streams = 0
        var day = 0
        var audioSeconds = 0.0
        /// Whether `audioSeconds` has what was kept of this day.
        var isLoaded = false
    }

    /// Accounts in memory before those that say nothing are dropped.
    private static let maxAccounts = 10_000
    private let accounts = Mutex<[String: Account]>([:])
    private let now: @Sendable () -> Date

    init(now: @escaping @Sendable () -> Date = { Date() }) { self.now = now }

    /// Takes a request from the bucket.
    /// - Returns: how the client stands; nil without a limit.
    func request(_ client: String, _ limits: ClientLimits) throws(AccessRefusal) -> RateStatus? {
        guard let allowed = limits[.requestsPerMinute] else { return nil }
        let now = now()
        let perSecond = Double(allowed) / 60
        let left = change(client) { account -> Double in
            // A clock that was set back gives nothing.
            let elapsed = max(0, now.timeIntervalSince(account.filled))
            account.requests = min(Double(allowed), account.requests + elapsed * perSecond)
            account.filled = now
            guard account.requests >= 1 else { return account.requests - 1 }
            account.requests -= 1
            return account.requests
        }
        guard left >= 0 else {
            throw .limitReached(
                .requestsPerMinute, allowed: allowed, wait: allowed == 0 ? nil : -left / perSecond)
        }
        return RateStatus(
            allowed: allowed, remaining: Int(left), resetSeconds: (Double(allowed) - left) / perSecond)
    }

    func openConnection(_ client: String, _ limits: ClientLimits) throws(AccessRefusal) {
        try take(client, limits, .connections, \.connections)
    }

    func closeConnection(_ client: String) { change(client) { $0.connections -= 1 } }

    /// A place for speech, if some of the day's seconds are left.
    func openStream(_ client: String, _ limits: ClientLimits) throws(AccessRefusal) {
        let (day, untilMidnight) = today
        if let allowed = limits[.audioSecondsPerDay] {
            let used = change(client) { account in
                account.startDay(day)
                return account.audioSeconds
            }
            guard used < Double(allowed) else {
                throw .limitReached(.audioSecondsPerDay, allowed: allowed, wait: untilMidnight)
            }
        }
        try take(client, limits, .streams, \.streams)
    }

    func closeStream(_ client: String) { change(client) { $0.streams -= 1 } }

    /// - Returns: the day that they count for.
    @discardableResult func add(audioSeconds: Double, to client: String) -> Int {
        let day = today.day
        change(client) { account in
            account.startDay(day)
            account.audioSeconds += audioSeconds
        }
        return day
    }

    /// The day whose seconds aren't known yet; nil if they are.
    func dayToLoad(_ client: String) -> Int? {
        let day = today.day
        return change(client) { account in
            account.startDay(day)
            return account.isLoaded ? nil : day
        }
    }

    /// What was kept of a day that another run of the server has counted.
    func load(audioSeconds: Double, of client: String, day: Int) {
        change(client) { account in
            guard account.day == day, !account.isLoaded else { return }
            account.audioSeconds += audioSeconds
            account.isLoaded = true
        }
    }

    /// Accounts that are kept in memory.
    var count: Int { accounts.withLock { $0.count } }

    private var today: (day: Int, untilMidnight: Double) {
        let seconds = now().timeIntervalSince1970
        let day = (seconds / 86400).rounded(.down)
        return (Int(day), (day + 1) * 86400 - seconds)
    }

    private func take(
        _ client: String, _ limits: ClientLimits, _ name: ClientLimits.Name, _ count: WritableKeyPath<Account, Int>
    ) throws(AccessRefusal) {
        let allowed = limits[name] ?? .max
        let isTaken = change(client) { account in
            guard account[keyPath: count] < allowed else { return false }
            account[keyPath: count] += 1
            return true
        }
        // When a place gets free nobody knows; a second is a civil interval to ask.
        guard isTaken else { throw .limitReached(name, allowed: allowed, wait: 1) }
    }

    @discardableResult private func change<Value>(_ client: String, _ body: (inout Account) -> Value) -> Value {
        let now = now()
        return accounts.withLock { accounts in
            if accounts[client] == nil, accounts.count >= Self.maxAccounts {
                // A minute without a request, and the bucket is as a new one; today's seconds have to stay.
                accounts = accounts.filter { _, account in
                    account.connections > 0 || account.streams > 0 || account.audioSeconds > 0
                        || now.timeIntervalSince(account.filled) < 60
                }
            }
            return body(&accounts[client, default: Account()])
        }
    }
}

extension Meter.Account {
    fileprivate mutating func startDay(_ today: Int) {
        guard day != today else { return }
        (day, audioSeconds, isLoaded) = (today, 0, false)
    }
}
