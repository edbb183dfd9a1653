import Foundation
import JWTKit

/// Checks JSON Web Tokens, as a resource server of OAuth 2 does (RFC 9068): signature, issuer, audience, times, scopes.
public struct TokenVerifier: Sendable {
    public struct Configuration: Sendable {
        /// `iss` has to be this.
        public var issuer: String
        /// `aud` has to be, or to have, this.
        public var audience: String
        /// Signs HS256.
        public var secret: Data?
        /// Signs RS256 and ES256.
        public var keySet: KeySetSource?

        public init(issuer: String, audience: String, secret: Data? = nil, keySet: KeySetSource? = nil) {
            (self.issuer, self.audience, self.secret, self.keySet) = (issuer, audience, secret, keySet)
        }
    }

    /// What a good token says.
    struct Verified: Sendable, Equatable {
        var subject: String
        var scopes: Set<Scope>
        var expires: Date
    }

    /// Clocks of two machines may differ by so much.
    static let leewaySeconds = 30.0
    static let maxBytes = 16 << 10
    /// A secret shorter than its hash can be searched for (RFC 7518, 3.2).
    static let minSecretBytes = 32

    private let configuration: Configuration
    private let hmac: JWTKeyCollection?
    let keySet: KeySet?
    private let now: @Sendable () -> Date

    /// - Throws: `AccessError.invalid` for a secret that is too short.
    public init(_ configuration: Configuration, now: @escaping @Sendable () -> Date = { Date() }) async throws {
        (self.configuration, self.now) = (configuration, now)
        if let secret = configuration.secret {
            guard secret.count >= Self.minSecretBytes else {
                throw AccessError.invalid(
                    field: "JWT_SECRET", value: "\(secret.count) bytes long",
                    allowed: "\(Self.minSecretBytes) bytes long at least")
            }
            hmac = JWTKeyCollection()
            await hmac?.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        } else {
            hmac = nil
        }
        keySet = configuration.keySet.map { KeySet($0, now: now) }
    }

    /// Whether a credential looks like a token rather than a key.
    static func isToken(_ text: String) -> Bool {
        text.hasPrefix("ey") && text.utf8.count(where: { $0 == UInt8(ascii: ".") }) == 2
    }

    /// - Throws: `AccessRefusal.invalidCredentials`, which says what is wrong; `.unavailable`.
    func verify(_ token: String) async throws(AccessRefusal) -> Verified {
        guard token.utf8.count <= Self.maxBytes, let header = Header(token) else {
            throw .invalidCredentials(reason: "The token can't be read")
        }
        // The algorithm chooses among our keys, never what a key is taken for: an RSA key is no HMAC secret.
        let keys: JWTKeyCollection
        switch header.alg {
        case "HS256":
            guard let hmac else { throw Self.unknownAlgorithm(header.alg) }
            keys = hmac
        case "RS256", "ES256":
            guard let keySet else { throw Self.unknownAlgorithm(header.alg) }
            keys = try await keySet.key(id: header.kid, algorithm: header.alg)
        default: throw Self.unknownAlgorithm(header.alg)
        }
        let claims: Claims
        do {
            claims = try await keys.verify(token, as: Claims.self)
        } catch let error as DecodingError {
            throw .invalidCredentials(reason: "The token's claims can't be read: \(Self.reason(error))")
        } catch {
            throw .invalidCredentials(reason: "The token's signature is wrong")
        }
        return try check(claims)
    }

    private func check(_ claims: Claims) throws(AccessRefusal) -> Verified {
        let now = now().timeIntervalSince1970
        guard claims.iss == configuration.issuer else {
            throw .invalidCredentials(reason: "The token's issuer is not \(configuration.issuer)")
        }
        guard claims.aud?.values.contains(configuration.audience) == true else {
            throw .invalidCredentials(reason: "The token is not for \(configuration.audience)")
        }
        guard let expires = claims.exp else { throw .invalidCredentials(reason: "The token has no exp") }
        guard expires + Self.leewaySeconds > now else { throw .invalidCredentials(reason: "The token has expired") }
        if let start = claims.nbf, start - Self.leewaySeconds > now {
            throw .invalidCredentials(reason: "The token is not valid yet")
        }
        guard let subject = claims.sub ?? claims.client_id, !subject.isEmpty else {
            throw .invalidCredentials(reason: "The token has no sub")
        }
        let words = (claims.scope?.values ?? []) + (claims.scp?.values ?? [])
        let scopes = words.flatMap { $0.split(separator: " ") }.compactMap { Scope(rawValue: String($0)) }
        return Verified(
            subject: subject, scopes: Set(scopes),
            expires: Date(timeIntervalSince1970: expires + Self.leewaySeconds))
    }

    private static func unknownAlgorithm(_ name: String) -> AccessRefusal {
        .invalidCredentials(reason: "Tokens with alg \"\(name.prefix(20))\" are not taken here")
    }

    private static func reason(_ error: DecodingError) -> String {
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            context.codingPath.map(\.stringValue).joined(separator: ".") + " is of another type"
        @unknown default: "they are of another type"
        }
    }

    /// What says which key to check with; nothing of it is to be believed before that.
    private struct Header: Decodable {
        var alg: String
        var kid: String?

        init?(_ token: String) {
            guard let part = token.split(separator: ".").first else { return nil }
            var base64 = String(part).replacing("-", with: "+").replacing("_", with: "/")
            base64 += String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
            guard let bytes = Data(base64Encoded: base64),
                let header = try? JSONDecoder().decode(Header.self, from: bytes)
            else { return nil }
            self = header
        }
    }

    /// Times are seconds since 1970.
    private struct Claims: JWTPayload {
        var iss: String?
        var sub: String?
        // As the RFC spells it.
        var client_id: String?  // swift-format-ignore: AlwaysUseLowerCamelCase
        var aud: Words?
        var exp: Double?
        var nbf: Double?
        /// OAuth 2: words with blanks between them.
        var scope: Words?
        /// The same at some issuers, or a list.
        var scp: Words?

        /// Checked by ``TokenVerifier``, which knows what to check against.
        func verify(using algorithm: some JWTAlgorithm) {}
    }

    /// A string, or a list of them.
    private struct Words: Codable, Sendable {
        var values: [String]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            values = try (try? container.decode(String.self)).map { [$0] } ?? container.decode([String].self)
        }

        func encode(to encoder: any Encoder) throws { try values.encode(to: encoder) }
    }
}
