import AsyncHTTPClient
import Foundation
import JWTKit
import NIOCore

/// Where the public keys are that tokens are signed with: a JSON Web Key Set (RFC 7517).
public struct KeySetSource: Sendable, Equatable {
    public enum Place: Sendable, Equatable {
        case file(String)
        case url(String)
    }

    public var place: Place
    /// Read again after so many seconds, so that withdrawn keys are of no use any more.
    public var refreshSeconds: Double

    /// - Parameter text: a file's path or a URL. Over http anybody on the way could put in a key, so but for this machine
    ///   itself it has to be https.
    /// - Throws: `AccessError.invalid`.
    public init(_ text: String, refreshSeconds: Double = 300) throws(AccessError) {
        self.refreshSeconds = refreshSeconds
        guard text.contains("://") else {
            place = .file(text)
            return
        }
        let url = URL(string: text)
        let isLocal = url?.scheme == "http" && ["localhost", "127.0.0.1", "::1"].contains(url?.host ?? "")
        guard url?.host?.isEmpty == false, url?.scheme == "https" || isLocal else {
            throw .invalid(field: "JWT_KEYS", value: text, allowed: "a file, or an address with https://")
        }
        place = .url(text)
    }
}

/// The key set as it was read last. An id that isn't in it has it read again, as its issuer may have turned to a new key;
/// but no more often than every few seconds, or wrong tokens would make us a burden to the issuer.
actor KeySet {
    private struct Entry {
        var id: String?
        var algorithm: String
        var keys: JWTKeyCollection
    }

    private static let minIntervalSeconds = 5.0
    private static let maxBytes = 1 << 20

    private let source: KeySetSource
    private let now: @Sendable () -> Date
    private var entries: [Entry] = []
    private var lastTry = Date.distantPast
    private var lastSuccess = Date.distantPast
    private var lastProblem: String?
    private var reading: Task<Void, Never>?

    init(_ source: KeySetSource, now: @escaping @Sendable () -> Date) { (self.source, self.now) = (source, now) }

    /// The key of an id; without one, the only key of the algorithm.
    /// - Throws: `AccessRefusal.invalidCredentials`; `.unavailable` if there are no keys at all.
    func key(id: String?, algorithm: String) async throws(AccessRefusal) -> JWTKeyCollection {
        let age = now().timeIntervalSince(lastTry)
        if age >= source.refreshSeconds || age < 0 { await refresh() }
        if let entry = find(id, algorithm) { return entry }
        if now().timeIntervalSince(lastTry) >= min(Self.minIntervalSeconds, source.refreshSeconds) || reading != nil {
            await refresh()
            if let entry = find(id, algorithm) { return entry }
        }
        if entries.isEmpty, lastProblem != nil {
            throw .unavailable(reason: "Tokens can't be checked at the moment: their keys can't be read")
        }
        throw .invalidCredentials(reason: "The token is signed with a key that is not known")
    }

    /// Reads the set now. If that fails the keys stay as they were.
    /// - Returns: what went wrong.
    @discardableResult func refresh() async -> String? {
        let task = reading ?? Task { await self.read() }
        reading = task
        await task.value
        return lastProblem
    }

    private func find(_ id: String?, _ algorithm: String) -> JWTKeyCollection? {
        let fitting = entries.filter { $0.algorithm == algorithm }
        if let id { return fitting.first { $0.id == id }?.keys }
        return fitting.count == 1 ? fitting[0].keys : nil
    }

    private func read() async {
        defer { reading = nil }
        lastTry = now()
        do {
            entries = try await Self.parse(try await bytes())
            lastSuccess = lastTry
            lastProblem = nil
        } catch {
            lastProblem = "\(error)"
            // Keys that could not be confirmed for long are not to be trusted for ever.
            if lastTry.timeIntervalSince(lastSuccess) > max(3600, source.refreshSeconds * 12) { entries = [] }
        }
    }

    private func bytes() async throws -> Data {
        switch source.place {
        case .file(let path): return try Data(contentsOf: URL(filePath: path))
        case .url(let url):
            let answer = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(10))
            guard answer.status == .ok else {
                throw AccessError.tokenKeys(source: url, problem: "the answer is \(answer.status.code)")
            }
            return Data((try await answer.body.collect(upTo: Self.maxBytes)).readableBytesView)
        }
    }

    /// Keys for other uses, and of kinds that aren't taken here, are passed over.
    private static func parse(_ bytes: Data) async throws -> [Entry] {
        struct Set: Decodable { var keys: [Failable] }
        struct Failable: Decodable {
            var key: JWK?
            var use: String?
            init(from decoder: any Decoder) throws {
                key = try? JWK(from: decoder)
                use = try? decoder.container(keyedBy: Keys.self).decode(String.self, forKey: .use)
            }
            enum Keys: String, CodingKey { case use }
        }
        var entries: [Entry] = []
        for item in try JSONDecoder().decode(Set.self, from: bytes).keys where item.use ?? "sig" == "sig" {
            guard var key = item.key else { continue }
            let id = key.keyIdentifier?.string
            switch key.keyType {
            case .rsa where [nil, .rs256].contains(key.algorithm): key.algorithm = .rs256
            case .ecdsa where [nil, .es256].contains(key.algorithm) && [nil, .ecdsa(.p256)].contains(key.curve):
                key.algorithm = .es256
            default: continue
            }
            // What a collection can't find by its id it takes its first key for: so each has one only.
            let keys = JWTKeyCollection()
            key.keyIdentifier = JWKIdentifier(string: id ?? "only")
            guard let algorithm = key.algorithm?.rawValue, (try? await keys.add(jwk: key)) != nil else { continue }
            entries.append(Entry(id: id, algorithm: algorithm, keys: keys))
        }
        return entries
    }
}
