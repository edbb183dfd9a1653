import AccessControl
import Foundation
import Testing

struct LimitTests {
    let clock = TestClock()

    private func client(
        _ policy: AccessPolicy, _ address: String = "1.2.3.4", key: String? = nil
    ) async throws -> AccessClient { try await policy.client(presenting: key, from: address) }

    private func open(_ limits: String) throws -> AccessPolicy {
        AccessPolicy(rules: .init(addressLimits: try ClientLimits(parsing: limits)), now: clock.read)
    }

    @Test func requestsFillAgainEvenly() async throws {
        let client = try await client(try open("requests_per_minute=3"))
        for remaining in [2, 1, 0] {
            let rate = try #require(try client.countRequest())
            #expect(rate.allowed == 3 && rate.remaining == remaining)
        }
        // One comes back in 20 s.
        #expect(throws: AccessRefusal.limitReached(.requestsPerMinute, allowed: 3, wait: 20)) {
            try client.countRequest()
        }
        clock.advance(15)
        #expect(throws: AccessRefusal.limitReached(.requestsPerMinute, allowed: 3, wait: 5)) {
            try client.countRequest()
        }
        clock.advance(5)
        #expect(try client.countRequest()?.remaining == 0)
        clock.advance(3600)
        #expect(try client.countRequest()?.remaining == 2)
    }

    @Test func aClockSetBackGivesNothing() async throws {
        let client = try await client(try open("requests_per_minute=1"))
        try client.countRequest()
        clock.advance(-86400)
        #expect(throws: AccessRefusal.self) { try client.countRequest() }
    }

    @Test func placesComeBack() async throws {
        let client = try await client(try open("connections=1,streams=2"))
        let connection = try client.openConnection()
        #expect(throws: AccessRefusal.limitReached(.connections, allowed: 1, wait: 1)) { try client.openConnection() }
        connection.close()
        connection.close()
        _ = try client.openConnection()
        var streams: [SpeechAllowance] = [try client.openStream(), try client.openStream()]
        #expect(throws: AccessRefusal.limitReached(.streams, allowed: 2, wait: 1)) { try client.openStream() }
        streams.removeLast()
        _ = try client.openStream()
        withExtendedLifetime(streams) {}
    }

    @Test func addressesAreCountedApart() async throws {
        let policy = try open("requests_per_minute=1")
        try await client(policy, "1.1.1.1").countRequest()
        try await client(policy, "2.2.2.2").countRequest()
        let again = try await client(policy, "1.1.1.1")
        #expect(throws: AccessRefusal.self) { try again.countRequest() }
    }

    @Test func speechOfARequestAndOfADay() async throws {
        let client = try await client(try open("audio_seconds_per_request=10,audio_seconds_per_day=12"))
        let first = try client.openStream()
        try first.add(audioSeconds: 6)
        #expect(throws: AccessRefusal.limitReached(.audioSecondsPerRequest, allowed: 10, wait: nil)) {
            try first.add(audioSeconds: 4.5)
        }
        // What begins on the day's last seconds is spoken to its end.
        let second = try client.openStream()
        try second.add(audioSeconds: 5)
        // The clock stands at noon.
        #expect(throws: AccessRefusal.limitReached(.audioSecondsPerDay, allowed: 12, wait: 43200)) {
            try client.openStream()
        }
        #expect(throws: AccessRefusal.self) { try client.charge(audioSeconds: 1) }
        clock.advance(43200)
        _ = try client.openStream()
    }

    /// A restart gives nobody a second day.
    @Test func aDaysSpeechIsKept() async throws {
        let folder = try TestFolder()
        let store = try KeyStore(file: folder.keysFile, now: clock.read)
        let secret = try store.create(name: "a", scopes: [.speak]).secret.text
        let rules = AccessPolicy.Rules(keyLimits: try ClientLimits(parsing: "audio_seconds_per_day=10"))
        func policy() -> AccessPolicy { AccessPolicy(isRequired: true, keys: store, rules: rules, now: clock.read) }
        let before = try await client(policy(), key: secret)
        var stream: SpeechAllowance? = try before.openStream()
        try stream?.add(audioSeconds: 11)
        stream = nil
        var isKept = false
        // It is written beside the answer.
        for _ in 0..<1000 where !isKept {
            let after = try await client(policy(), key: secret)
            isKept = (try? after.openStream()) == nil
            if !isKept { try await Task.sleep(for: .milliseconds(10)) }
        }
        #expect(isKept)
        #expect(throws: Never.self) { try before.check(.textLength, 5000) }
    }

    @Test func wrongKeysCountForTheirAddress() async throws {
        let folder = try TestFolder()
        let store = try KeyStore(file: folder.keysFile, now: clock.read)
        let secret = try store.create(name: "a", scopes: [.speak]).secret.text
        let policy = AccessPolicy(
            isRequired: true, keys: store,
            rules: .init(addressLimits: try ClientLimits(parsing: "requests_per_minute=2")), now: clock.read)
        var codes: [String] = []
        for _ in 0..<3 {
            codes.append(
                await refusal { () async throws(AccessRefusal) in
                    _ = try await policy.client(presenting: "cbx_wrong", from: "1.2.3.4")
                }?.code ?? "none")
        }
        #expect(codes == ["invalid_api_key", "invalid_api_key", "rate_limit_exceeded"])
        // A good key from the same address is not held up.
        _ = try await client(policy, key: secret)
    }

    @Test func limitsChangeForThoseWhoAreIn() async throws {
        let policy = try open("")
        let client = try await client(policy)
        #expect(try client.countRequest() == nil)
        policy.rules.addressLimits = try ClientLimits(parsing: "requests_per_minute=0, text_length=10")
        #expect(throws: AccessRefusal.limitReached(.requestsPerMinute, allowed: 0, wait: nil)) {
            try client.countRequest()
        }
        #expect(throws: AccessRefusal.limitReached(.textLength, allowed: 10, wait: nil)) {
            try client.check(.textLength, 11)
        }
    }

    @Test(arguments: [
        ("streams", "limits"), ("streams=", "streams"), ("streams=-1", "streams"), ("streams=1.5", "streams"),
        ("streams=1,streams=2", "streams"), ("speed=1", "limits"), ("=1", "limits"), ("streams=99999999999", "streams"),
    ])
    func badLimitsAreNamed(text: String, field: String) {
        guard
            case .invalid(let named, _, _) = #expect(
                throws: AccessError.self,
                performing: {
                    try ClientLimits(parsing: text)
                })
        else { return }
        #expect(named == field)
    }

    @Test func limitsReadWhatTheyWrite() throws {
        let limits = try ClientLimits(parsing: " requests-per-minute=60\tstreams=NONE , upload_seconds=30")
        #expect(limits.text == "requests_per_minute=60,streams=none,upload_seconds=30")
        #expect(try ClientLimits(parsing: limits.text) == limits)
    }

    /// Whatever is refused has a code, a status and a message with the limit; what passes by itself says when.
    @Test(arguments: ClientLimits.Name.allCases)
    func everyExcessIsTold(name: ClientLimits.Name) {
        let refusal = AccessRefusal.limitReached(name, allowed: 7, wait: 3.2)
        #expect(refusal.message.contains("7") && refusal.message.hasSuffix("try again in 4 s"))
        #expect([413, 422, 429].contains(refusal.httpStatus))
        #expect(refusal.headers.contains { $0.name == "Retry-After" && $0.value == "4" })
    }
}
