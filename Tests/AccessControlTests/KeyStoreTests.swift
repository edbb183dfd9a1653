import AccessControl
import Foundation
import Testing

struct KeyStoreTests {
    let folder: TestFolder
    let clock = TestClock()
    let store: KeyStore

    init() throws {
        folder = try TestFolder()
        store = try KeyStore(file: folder.keysFile, now: clock.read)
    }

    private func policy() -> AccessPolicy { AccessPolicy(isRequired: true, keys: store, now: clock.read) }

    private func refused(_ secret: String) async -> AccessRefusal? {
        await refusal { () async throws(AccessRefusal) in
            _ = try await policy().client(presenting: secret, from: "1.2.3.4")
        }
    }

    @Test func aKeyLetsInWithItsScopes() async throws {
        let made = try store.create(name: "laptop", scopes: [.speak, .voices])
        let client = try await policy().client(presenting: made.secret.text, from: "1.2.3.4")
        #expect(client.scopes == [.speak, .voices])
        #expect(client.name == "key \(made.key.id) laptop")
        #expect(try store.list().first?.lastUsed == clock.now)
    }

    /// The file has a hash: whoever reads it can't come in.
    @Test func theSecretIsNotKept() throws {
        let made = try store.create(name: "laptop", scopes: [.speak])
        let secret = try #require(made.secret.text.split(separator: "_").last)
        var bytes = Data()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.url.path) {
            let file = folder.url.appending(path: name)
            bytes += try Data(contentsOf: file)
            let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(name)")
        }
        #expect(bytes.range(of: Data(made.key.id.utf8)) != nil)
        #expect(bytes.range(of: Data(secret.utf8)) == nil)
    }

    @Test func wrongKeysAreRefused() async throws {
        let made = try store.create(name: "laptop", scopes: [.speak])
        var other = made.secret.text
        other.removeLast()
        other.append(made.secret.text.hasSuffix("0") ? "1" : "0")
        for wrong in [other, made.key.id, "", "cbx_\(made.key.id)_", "cbx__", String(repeating: "a", count: 5000)] {
            guard case .invalidCredentials = await refused(wrong) else {
                Issue.record("\(wrong.prefix(20)) was let in")
                continue
            }
        }
        #expect(
            await refusal { () async throws(AccessRefusal) in
                _ = try await policy().client(presenting: nil, from: "1.2.3.4")
            } == .noCredentials)
    }

    @Test func revokedAndExpiredKeysAreRefused() async throws {
        let brief = try store.create(name: "brief", scopes: [.speak], expires: clock.now.addingTimeInterval(60))
        let long = try store.create(name: "long", scopes: [.speak])
        #expect(await refused(brief.secret.text) == nil)
        clock.advance(60)
        #expect(await refused(brief.secret.text) == .invalidCredentials(reason: "This key has expired"))
        try store.revoke("long")
        #expect(await refused(long.secret.text) == .invalidCredentials(reason: "This key was revoked"))
        #expect(try store.list().map { $0.state(at: clock.now) } == [.expired, .revoked])
        #expect(try !store.hasActiveKeys())
    }

    @Test func rotationChangesTheSecretOnly() async throws {
        let first = try store.create(name: "laptop", scopes: [.admin])
        let second = try store.rotate("laptop", grace: 100)
        #expect(second.key.id == first.key.id && second.key.scopes == [.admin])
        #expect(await refused(first.secret.text) == nil)
        #expect(await refused(second.secret.text) == nil)
        clock.advance(100)
        #expect(await refused(first.secret.text) == .invalidCredentials(reason: "This key is not known"))
        let third = try store.rotate(first.key.id)
        #expect(await refused(second.secret.text) == .invalidCredentials(reason: "This key is not known"))
        #expect(await refused(third.secret.text) == nil)
    }

    /// A revoked key's old secret is revoked too, and it can't be rotated back to life.
    @Test func revocationEndsBothSecrets() async throws {
        let first = try store.create(name: "laptop", scopes: [.speak])
        _ = try store.rotate("laptop", grace: 100)
        try store.revoke("laptop")
        guard case .invalidCredentials = await refused(first.secret.text) else {
            Issue.record("let in")
            return
        }
        #expect(throws: AccessError.revoked("laptop")) { try store.rotate("laptop") }
    }

    @Test func namesAreUniqueAmongThoseInUse() throws {
        let first = try store.create(name: "laptop", scopes: [.speak])
        #expect(throws: AccessError.nameTaken("laptop")) { try store.create(name: "laptop", scopes: [.speak]) }
        try store.revoke("laptop")
        let second = try store.create(name: "laptop", scopes: [.speak])
        #expect(try store.revoke("laptop").id == second.key.id)
        #expect(throws: AccessError.unknownKey("nobody")) { try store.revoke("nobody") }
        #expect(first.key.id != second.key.id)
    }

    @Test func badValuesAreNamed() {
        #expect(throws: AccessError.self) { try store.create(name: "", scopes: [.speak]) }
        #expect(throws: AccessError.self) { try store.create(name: "two\nlines", scopes: [.speak]) }
        #expect(throws: AccessError.self) { try store.create(name: "late", scopes: [.speak], expires: clock.now) }
    }

    /// Another process's change counts at once.
    @Test func storesShareTheFile() async throws {
        let other = try KeyStore(file: folder.keysFile, now: clock.read)
        let made = try other.create(name: "laptop", scopes: [.speak])
        #expect(await refused(made.secret.text) == nil)
        try other.revoke("laptop")
        #expect(await refused(made.secret.text) != nil)
    }

    @Test func aFileOfANewerVersionIsLeftAlone() throws {
        try Data("no database".utf8).write(to: folder.url.appending(path: "broken"))
        #expect(throws: AccessError.self) { try KeyStore(file: folder.url.appending(path: "broken")) }
    }

    @Test func ownLimitsGoBeforeThoseOfAll() async throws {
        let own = try ClientLimits(parsing: "streams=5,requests_per_minute=none")
        let made = try store.create(name: "laptop", scopes: [.speak], limits: own)
        let policy = policy()
        policy.rules.keyLimits = try ClientLimits(parsing: "streams=1,requests_per_minute=1,connections=2")
        let client = try await policy.client(presenting: made.secret.text, from: "1.2.3.4")
        #expect(client.limits[.streams] == 5)
        #expect(client.limits[.requestsPerMinute] == nil)
        #expect(client.limits[.connections] == 2)
    }
}
