import AccessControl
import Foundation
import JWTKit
import Testing

struct TokenTests {
    private struct Payload: JWTPayload {
        var iss: String? = "https://issuer.example"
        var sub: String? = "alice"
        var aud: [String]? = ["other", "chatterbox"]
        var exp: Double?
        var nbf: Double?
        var scope: String? = "openid speak"
        var scp: [String]?
        func verify(using algorithm: some JWTAlgorithm) {}
    }

    private static let secret = "a secret of no less than 32 bytes"
    let clock = TestClock()

    private func policy(_ keySet: KeySetSource? = nil) async throws -> AccessPolicy {
        let tokens = try await TokenVerifier(
            .init(
                issuer: "https://issuer.example", audience: "chatterbox", secret: Data(Self.secret.utf8),
                keySet: keySet), now: clock.read)
        return AccessPolicy(isRequired: true, tokens: tokens, now: clock.read)
    }

    private func payload(_ change: (inout Payload) -> Void = { _ in }) -> Payload {
        var payload = Payload(exp: clock.now.timeIntervalSince1970 + 60)
        change(&payload)
        return payload
    }

    private func hmac(_ payload: Payload, _ secret: String = secret) async throws -> String {
        try await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256).sign(payload)
    }

    private func reason(_ token: String, _ policy: AccessPolicy) async -> String? {
        await refusal { () async throws(AccessRefusal) in
            _ = try await policy.client(presenting: token, from: "1.2.3.4")
        }?.message
    }

    @Test func aSharedSecretSigns() async throws {
        let policy = try await policy()
        let client = try await policy.client(presenting: try await hmac(payload()), from: "1.2.3.4")
        #expect(client.scopes == [.speak] && client.name == "token alice")
        let list = try await hmac(payload { ($0.scope, $0.scp) = (nil, ["voices", "admin"]) })
        #expect(try await policy.client(presenting: list, from: "1.2.3.4").scopes == [.voices, .admin])
        let none = try await hmac(payload { $0.scope = nil })
        let nobody = try await policy.client(presenting: none, from: "1.2.3.4")
        #expect(throws: AccessRefusal.missingScope(needed: [.speak])) { try nobody.require([.speak]) }
    }

    @Test func claimsAreChecked() async throws {
        let policy = try await policy()
        let now = clock.now.timeIntervalSince1970
        let cases: [((inout Payload) -> Void, String)] = [
            ({ $0.iss = "https://other.example" }, "The token's issuer is not https://issuer.example"),
            ({ $0.iss = nil }, "The token's issuer is not https://issuer.example"),
            ({ $0.aud = ["other"] }, "The token is not for chatterbox"),
            ({ $0.aud = nil }, "The token is not for chatterbox"),
            ({ $0.exp = nil }, "The token has no exp"), ({ $0.exp = now - 31 }, "The token has expired"),
            ({ $0.nbf = now + 31 }, "The token is not valid yet"), ({ $0.sub = nil }, "The token has no sub"),
        ]
        for (change, expected) in cases {
            #expect(await reason(try await hmac(payload(change)), policy) == expected)
        }
        // Clocks may differ a little.
        #expect(await reason(try await hmac(payload { $0.exp = now - 20 }), policy) == nil)
        let another = try await hmac(payload(), "another secret of more than 32 bytes")
        #expect(await reason(another, policy) == "The token's signature is wrong")
    }

    /// Neither none, nor a public key as a secret, nor an algorithm that wasn't asked for.
    @Test func algorithmsAreNotTheTokensChoice() async throws {
        let policy = try await policy()
        let good = try await hmac(payload()).split(separator: ".").map(String.init)
        func header(_ json: String) -> String {
            Data(json.utf8).base64EncodedString().replacing("=", with: "").replacing("+", with: "-")
                .replacing("/", with: "_")
        }
        for (json, signature) in [
            (#"{"alg":"none"}"#, ""), (#"{"alg":"HS512"}"#, good[2]), (#"{"alg":"RS256"}"#, good[2]),
        ] {
            let token = [header(json), good[1], signature].joined(separator: ".")
            #expect(await reason(token, policy)?.contains("are not taken here") == true, "\(json)")
        }
        for broken in ["ey..", "eyJ.x.y", "ey" + String(repeating: "a", count: 20_000) + ".b.c"] {
            #expect(await reason(broken, policy) == "The token can't be read")
        }
    }

    @Test func aShortSecretIsRefused() async {
        await #expect(throws: AccessError.self) {
            try await TokenVerifier(.init(issuer: "a", audience: "b", secret: Data("short".utf8)))
        }
    }

    private func es256(_ id: String) throws -> (keys: JWTKeyCollection, jwk: String, key: ES256PrivateKey) {
        let key = ES256PrivateKey()
        let parameters = try #require(key.parameters)
        let url = { (text: String) in
            text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        let jwk = #"{"kty":"EC","crv":"P-256","kid":"\#(id)","x":"\#(url(parameters.x))","y":"\#(url(parameters.y))"}"#
        return (JWTKeyCollection(), jwk, key)
    }

    /// The issuer turns to a new key: tokens of both are taken, until the old one is withdrawn.
    @Test func keySetsRotate() async throws {
        let folder = try TestFolder()
        let file = folder.url.appending(path: "jwks.json")
        func write(_ keys: String...) throws {
            // Others' keys in the set don't matter.
            let all = keys + [#"{"kty":"oct","kid":"x","k":"AAAA"}"#, #"{"kty":"RSA","use":"enc","kid":"y"}"#]
            try Data(#"{"keys":[\#(all.joined(separator: ","))]}"#.utf8).write(to: file)
        }
        let (old, new) = (try es256("old"), try es256("new"))
        await old.keys.add(ecdsa: old.key, kid: "old")
        await new.keys.add(ecdsa: new.key, kid: "new")
        try write(old.jwk)
        let policy = try await policy(try KeySetSource(file.path, refreshSeconds: 300))
        func sign(_ keys: JWTKeyCollection, _ kid: JWKIdentifier) async throws -> String {
            try await keys.sign(payload { $0.exp? += 3600 }, kid: kid)
        }
        let (first, second) = (try await sign(old.keys, "old"), try await sign(new.keys, "new"))
        #expect(await reason(first, policy) == nil)
        #expect(await reason(second, policy) == "The token is signed with a key that is not known")
        try write(old.jwk, new.jwk)
        // Not read again at each wrong token.
        clock.advance(1)
        #expect(await reason(second, policy) != nil)
        clock.advance(5)
        #expect(await reason(second, policy) == nil)
        #expect(await reason(first, policy) == nil)
        try write(new.jwk)
        #expect(await reason(first, policy) == nil)
        clock.advance(300)
        #expect(await reason(first, policy) == "The token is signed with a key that is not known")
        #expect(await reason(second, policy) == nil)
        // A set that can't be read leaves the keys as they were.
        try FileManager.default.removeItem(at: file)
        clock.advance(300)
        #expect(await reason(second, policy) == nil)
        // The right id, another key.
        await old.keys.add(ecdsa: old.key, kid: "new")
        #expect(await reason(try await sign(old.keys, "new"), policy) == "The token's signature is wrong")
    }

    @Test func withoutKeysNobodyCanBeChecked() async throws {
        let policy = try await policy(try KeySetSource("/nowhere/jwks.json"))
        let key = try es256("a")
        await key.keys.add(ecdsa: key.key, kid: "a")
        let token = try await key.keys.sign(payload(), kid: "a")
        #expect(await reason(token, policy)?.hasPrefix("Tokens can't be checked") == true)
        #expect(await policy.refreshTokenKeys() != nil)
    }

    @Test func keySetsComeSafely() throws {
        for good in ["/etc/jwks.json", "https://issuer.example/jwks", "http://127.0.0.1:8080/jwks"] {
            _ = try KeySetSource(good)
        }
        for wrong in ["http://issuer.example/jwks", "ftp://issuer.example/jwks", "https://"] {
            #expect(throws: AccessError.self) { try KeySetSource(wrong) }
        }
    }
}
