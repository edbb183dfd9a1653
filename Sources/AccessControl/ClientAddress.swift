import NIOCore

/// Whose address a request is from, if proxies are in between.
public struct ProxyTrust: Sendable, Equatable {
    public enum Header: String, Sendable, CaseIterable {
        case xForwardedFor = "x-forwarded-for"
        case forwarded
    }

    /// Proxies of the operator's own in front of the server. What stands further in front in the header, anybody may have
    /// written.
    public var hops: Int
    public var header: Header

    public init(hops: Int = 0, header: Header = .xForwardedFor) { (self.hops, self.header) = (hops, header) }

    /// - Parameters:
    ///   - peer: the address of the socket's other end.
    ///   - values: of the header, in the order in which they came.
    /// - Returns: the address as an account is kept for it: of IPv6 the network of 64 bits, as one client has so many.
    public func address(peer: String?, values: [String]) -> String {
        var chain = values.flatMap { $0.split(separator: ",", omittingEmptySubsequences: true) }.map { part in
            header == .xForwardedFor ? Self.bare(part) : Self.forwardedFor(part)
        }
        chain.append(peer.flatMap { Self.bare($0[...]) })
        // The last hop is the socket's peer; each trusted one tells of the one before it.
        let place = max(0, chain.count - 1 - hops)
        // What a trusted proxy wrote and is no address (`unknown`, `_hidden`) hides behind the proxy.
        return Self.account(chain[place...].lazy.compactMap { $0 }.first ?? "unknown")
    }

    /// Of `for=1.2.3.4;proto=https`.
    private static func forwardedFor(_ element: Substring) -> String? {
        for pair in element.split(separator: ";") {
            let halves = pair.split(separator: "=", maxSplits: 1)
            if halves.count == 2, trimmed(halves[0]).lowercased() == "for" { return bare(halves[1]) }
        }
        return nil
    }

    /// Without quotes, brackets and port; nil if it is no address.
    private static func bare(_ text: Substring) -> String? {
        var text = trimmed(text)
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            text = text[text.index(after: text.startIndex)..<end]
        } else if text.count(where: { $0 == ":" }) == 1 {
            text = text[..<(text.firstIndex(of: ":") ?? text.endIndex)]
        }
        // Link-local addresses come with the name of an interface.
        let plain = String(text.prefix { $0 != "%" })
        return (try? SocketAddress(ipAddress: plain, port: 0))?.ipAddress
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isFringe = { (character: Character) in character.isWhitespace || character == "\"" }
        var text = text.drop(while: isFringe)
        while let last = text.last, isFringe(last) { text.removeLast() }
        return text
    }

    private static func account(_ address: String) -> String {
        guard address.contains(":") else { return address }
        // IPv4 in IPv6's clothes.
        if address.hasPrefix("::ffff:"), address.contains(".") { return String(address.dropFirst(7)) }
        guard case .v6(let socket)? = try? SocketAddress(ipAddress: address, port: 0) else { return address }
        return withUnsafeBytes(of: socket.address.sin6_addr) { bytes in
            let isLoopback = bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
            if isLoopback { return "::1" }
            return stride(from: 0, to: 8, by: 2).map { index in
                String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
            }.joined(separator: ":") + "::/64"
        }
    }

    /// Whether an address is this machine's own.
    public static func isLoopback(_ address: String) -> Bool { address.hasPrefix("127.") || address == "::1" }
}
