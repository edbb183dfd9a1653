import Synchronization

/// Somebody who asks: a key, a token's subject, or an address.
public final class AccessClient: Sendable {
    struct Renewal: Sendable {
        var credential: String
        var address: String
    }

    /// What its use is counted under.
    let account: String
    /// For logs; nothing secret.
    public let name: String
    public let scopes: Set<Scope>
    /// Limits of its own; nil is an address.
    let own: ClientLimits?
    private let policy: AccessPolicy
    private let renewal: Renewal?

    init(
        account: String, name: String, scopes: Set<Scope>, own: ClientLimits?, policy: AccessPolicy, renewal: Renewal?
    ) {
        (self.account, self.name, self.scopes, self.own) = (account, name, scopes, own)
        (self.policy, self.renewal) = (policy, renewal)
    }

    /// Whose things are what it makes; nil is an address, which is nobody for long.
    public var owner: String? { own == nil ? nil : account }

    /// As they are now.
    public var limits: ClientLimits {
        guard let own else { return policy.rules.addressLimits }
        return policy.rules.keyLimits.overridden(by: own)
    }

    /// - Throws: `AccessRefusal.missingScope`.
    public func require(_ needed: Set<Scope>) throws(AccessRefusal) {
        guard scopes.allow(needed) else { throw .missingScope(needed: needed) }
    }

    /// Counts a request.
    /// - Throws: `AccessRefusal.limitReached`.
    @discardableResult public func countRequest() throws(AccessRefusal) -> RateStatus? {
        try policy.meter.request(account, limits)
    }

    /// Whether it would still be let in, on a connection that is open for long.
    /// - Throws: `AccessRefusal`.
    public func renew(_ needed: Set<Scope>) async throws(AccessRefusal) {
        guard let renewal else { return }
        let now = try await policy.client(presenting: renewal.credential, from: renewal.address)
        try now.require(needed)
    }

    /// - Parameter name: `textLength` or `jobTextLength`.
    /// - Throws: `AccessRefusal.limitReached`.
    public func check(_ name: ClientLimits.Name, _ count: Int) throws(AccessRefusal) {
        if let allowed = limits[name], count > allowed { throw .limitReached(name, allowed: allowed, wait: nil) }
    }

    /// A place among its connections, until it is closed.
    /// - Throws: `AccessRefusal.limitReached`.
    public func openConnection() throws(AccessRefusal) -> AccessPlace {
        try policy.meter.openConnection(account, limits)
        return AccessPlace { [policy, account] in policy.meter.closeConnection(account) }
    }

    /// A place for a request that is spoken.
    /// - Throws: `AccessRefusal.limitReached`.
    public func openStream() throws(AccessRefusal) -> SpeechAllowance {
        try policy.meter.openStream(account, limits)
        let place = AccessPlace { [policy, account] in policy.meter.closeStream(account) }
        return SpeechAllowance(client: self, place: place)
    }

    /// Charges the speech that a long text will come to, when it is accepted.
    /// - Throws: `AccessRefusal.limitReached` if today's is used up already.
    public func charge(audioSeconds: Double) throws(AccessRefusal) {
        // Takes no place: it is spoken when there is room.
        try policy.meter.openStream(account, limits.without(.streams))
        policy.meter.closeStream(account)
        count(audioSeconds, keeping: audioSeconds)
    }

    fileprivate func count(_ seconds: Double, keeping total: Double?) {
        let day = policy.meter.add(audioSeconds: seconds, to: account)
        if let total { policy.keep(audioSeconds: total, of: self, day: day) }
    }
}

/// A place that was taken: given back once, when it is closed or forgotten.
public final class AccessPlace: Sendable {
    private let giveBack: Mutex<(@Sendable () -> Void)?>

    init(_ giveBack: @escaping @Sendable () -> Void) { self.giveBack = Mutex(giveBack) }

    deinit { close() }

    public func close() {
        giveBack.withLock { body in
            defer { body = nil }
            return body
        }?()
    }
}

/// What a request may still speak.
public final class SpeechAllowance: Sendable {
    private let client: AccessClient
    private let place: AccessPlace
    private let spoken = Mutex(0.0)

    init(client: AccessClient, place: AccessPlace) { (self.client, self.place) = (client, place) }

    deinit { client.count(0, keeping: spoken.withLock { $0 }) }

    /// Counts speech that was made. What was begun on a day's last seconds is spoken to its end.
    /// - Throws: `AccessRefusal.limitReached` if the request has had as much as it may.
    public func add(audioSeconds: Double) throws(AccessRefusal) {
        let total = spoken.withLock { spoken in
            spoken += audioSeconds
            return spoken
        }
        client.count(audioSeconds, keeping: nil)
        if let allowed = client.limits[.audioSecondsPerRequest], total > Double(allowed) {
            throw .limitReached(.audioSecondsPerRequest, allowed: allowed, wait: nil)
        }
    }
}
