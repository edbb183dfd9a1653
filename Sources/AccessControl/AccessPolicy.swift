import Foundation
import Synchronization

/// Who may do what, and how much of it. Server and command line make one; it holds what clients have used.
public final class AccessPolicy: Sendable {
    /// What may change while the server runs.
    public struct Rules: Sendable, Equatable {
        /// Of each key or token, where a key has none of its own.
        public var keyLimits: ClientLimits
        /// Of each address from which requests come without a key, or with a wrong one.
        public var addressLimits: ClientLimits
        public var origins: OriginPolicy

        public init(
            keyLimits: ClientLimits = .init(), addressLimits: ClientLimits = .init(), origins: OriginPolicy = .all
        ) {
            (self.keyLimits, self.addressLimits, self.origins) = (keyLimits, addressLimits, origins)
        }
    }

    /// Whether everybody needs a key or a token.
    public let isRequired: Bool
    /// Whether figures for monitoring need none.
    public let hasOpenMetrics: Bool
    public let proxies: ProxyTrust
    let keys: KeyStore?
    let tokens: TokenVerifier?
    let meter: Meter
    private let current: Mutex<Rules>

    /// - Parameters:
    ///   - isRequired: false lets everybody do everything, within the limits of their address.
    ///   - keys: nil knows no keys, and forgets how much was spoken when the server ends.
    public init(
        isRequired: Bool = false, hasOpenMetrics: Bool = false, proxies: ProxyTrust = .init(), keys: KeyStore? = nil,
        tokens: TokenVerifier? = nil, rules: Rules = .init(), now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.isRequired, self.hasOpenMetrics, self.proxies) = (isRequired, hasOpenMetrics, proxies)
        (self.keys, self.tokens, meter) = (keys, tokens, Meter(now: now))
        current = Mutex(rules)
    }

    /// Take effect with the next request, also of connections that are open.
    public var rules: Rules {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// Reads the keys of tokens anew.
    /// - Returns: what went wrong.
    @discardableResult public func refreshTokenKeys() async -> String? { await tokens?.keySet?.refresh() }

    /// Who asks.
    /// - Throws: `AccessRefusal` if a key is needed and there is none, or it is wrong.
    public func client(
        presenting credential: String?, from address: String
    ) async throws(AccessRefusal) -> AccessClient {
        guard isRequired else {
            return AccessClient(
                account: "address:\(address)", name: address, scopes: .all, own: nil, policy: self, renewal: nil)
        }
        do throws(AccessRefusal) {
            guard let credential else { throw AccessRefusal.noCredentials }
            let client = try await known(credential, from: address)
            await load(client)
            return client
        } catch {
            // Whoever tries keys out is slowed down as one who has none; a good key is never held up by that.
            if error.httpStatus != 503 {
                _ = try meter.request("address:\(address)", rules.addressLimits)
            }
            throw error
        }
    }

    private func known(_ credential: String, from address: String) async throws(AccessRefusal) -> AccessClient {
        let renewal = AccessClient.Renewal(credential: credential, address: address)
        if let tokens, TokenVerifier.isToken(credential) {
            let token = try await tokens.verify(credential)
            return AccessClient(
                account: "token:\(token.subject)", name: "token \(token.subject)", scopes: token.scopes, own: .init(),
                policy: self, renewal: renewal)
        }
        guard let keys, let secret = KeySecret(parsing: credential) else {
            throw .invalidCredentials(reason: "This is none of the server's keys")
        }
        let key = try await keys.key(of: secret)
        await keys.noteUse(of: key)
        return AccessClient(
            account: "key:\(key.id)", name: "key \(key.id) \(key.name)", scopes: key.scopes, own: key.limits,
            policy: self, renewal: renewal)
    }

    /// What the client has had today already, if the server was started since.
    private func load(_ client: AccessClient) async {
        guard let keys, client.limits[.audioSecondsPerDay] != nil, let day = meter.dayToLoad(client.account) else {
            return
        }
        if let seconds = try? await keys.audioSeconds(of: client.account, day: day) {
            meter.load(audioSeconds: seconds, of: client.account, day: day)
        }
    }

    func keep(audioSeconds: Double, of client: AccessClient, day: Int) {
        guard let keys, client.own != nil, audioSeconds > 0 else { return }
        Task { try? await keys.add(audioSeconds: audioSeconds, to: client.account, day: day) }
    }
}
