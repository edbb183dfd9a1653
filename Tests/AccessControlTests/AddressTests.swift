import AccessControl
import Testing

struct AddressTests {
    @Test(arguments: [
        // Without trust the header says nothing.
        (0, ["9.9.9.9"], "1.2.3.4", "1.2.3.4"),
        // One proxy: its last entry counts; what the client wrote in front doesn't.
        (1, ["6.6.6.6, 9.9.9.9"], "10.0.0.1", "9.9.9.9"),
        (1, ["6.6.6.6", "9.9.9.9"], "10.0.0.1", "9.9.9.9"),
        (2, ["6.6.6.6, 9.9.9.9, 10.0.0.2"], "10.0.0.1", "9.9.9.9"),
        // Fewer entries than hops: the furthest there is.
        (3, ["9.9.9.9"], "10.0.0.1", "9.9.9.9"), (1, [], "10.0.0.1", "10.0.0.1"),
        // No address hides behind the proxy.
        (1, ["unknown"], "10.0.0.1", "10.0.0.1"), (1, ["9.9.9.9:1234"], "10.0.0.1", "9.9.9.9"),
        (1, ["[2001:db8::1]:1234"], "10.0.0.1", "2001:db8:0:0::/64"),
        // One network of IPv6 is one client; IPv4 in IPv6 is IPv4.
        (0, [], "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), (0, [], "::ffff:1.2.3.4", "1.2.3.4"),
        (0, [], "::1", "::1"), (0, [], "fe80::1%eth0", "fe80:0:0:0::/64"),
    ])
    func forwardedFor(hops: Int, values: [String], peer: String, expected: String) {
        #expect(ProxyTrust(hops: hops).address(peer: peer, values: values) == expected)
    }

    @Test(arguments: [
        (["for=9.9.9.9;proto=https"], "9.9.9.9"), (["for=6.6.6.6, For=\"9.9.9.9:80\""], "9.9.9.9"),
        (["for=\"[2001:db8::1]:80\";by=10.0.0.1"], "2001:db8:0:0::/64"), (["for=_hidden"], "10.0.0.1"),
        (["proto=https"], "10.0.0.1"),
    ])
    func forwarded(values: [String], expected: String) {
        #expect(ProxyTrust(hops: 1, header: .forwarded).address(peer: "10.0.0.1", values: values) == expected)
    }

    @Test func origins() throws {
        let some = try OriginPolicy(parsing: "https://example.org, http://localhost:3000")
        #expect(some.allows("https://EXAMPLE.org", host: nil))
        #expect(some.allows("http://localhost:3000", host: nil))
        #expect(!some.allows("http://localhost:3001", host: nil))
        #expect(!some.allows("https://example.org.evil.net", host: "server:8000"))
        #expect(!some.allows("null", host: "server:8000"))
        // The server's own page, and clients that are no pages.
        #expect(some.allows("http://server:8000", host: "server:8000"))
        #expect(some.allows(nil, host: "server:8000"))
        #expect(try OriginPolicy(parsing: "*") == .all)
        #expect(try !OriginPolicy(parsing: "").allows("https://example.org", host: nil))
        for wrong in ["example.org", "https://example.org/", "https://", "*,https://example.org", "://x"] {
            #expect(throws: AccessError.self) { try OriginPolicy(parsing: wrong) }
        }
    }

    @Test func scopes() throws {
        #expect(try Scope.list("speak, VOICES") == [.speak, .voices])
        #expect(throws: AccessError.self) { try Scope.list("speak,root") }
        #expect(throws: AccessError.self) { try Scope.list(" ") }
        #expect(Set<Scope>([.admin]).allow([.speak]))
        #expect(!Set<Scope>([.voices]).allow([.speak]))
        #expect(Set<Scope>([]).allow([]))
    }
}
