import AccessControl
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1

/// What a request brings along to be let in, and from where.
struct Credentials: Sendable, Equatable {
    /// A key or a token.
    var presented: String?
    /// The account's address, behind trusted proxies.
    var address: String
    /// Whether the other end is this machine, with no proxy in between.
    var isLocal: Bool
    var origin: String?
    var host: String?

    /// Name of the parameter of a URL; it is never logged.
    static let parameter = "api_key"
    /// What a WebSocket's subprotocol with a key begins with.
    static let subprotocolPrefix = "chatterbox.key."
    /// The subprotocol that is chosen if it is offered: browsers want one of those they offered.
    static let subprotocol = "chatterbox.v1"

    /// - Parameters:
    ///   - header: values by name.
    ///   - query: decoded; nil where a URL's parameter doesn't count.
    init(peer: String?, proxies: ProxyTrust, query: String?, header: (String) -> [String]) {
        presented =
            Self.bearer(header("authorization")) ?? Self.plain(header("x-api-key")) ?? Self.plain(header("xi-api-key"))
            ?? Self.subprotocol(header("sec-websocket-protocol")) ?? query.flatMap { Self.plain([$0]) }
        address = proxies.address(peer: peer, values: proxies.hops > 0 ? header(proxies.header.rawValue) : [])
        let isForwarded = ["x-forwarded-for", "forwarded", "via"].contains { !header($0).isEmpty }
        isLocal = !isForwarded && ProxyTrust.isLoopback(ProxyTrust().address(peer: peer, values: []))
        (origin, host) = (header("origin").first, header("host").first)
    }

    /// Of a request that has come through to its route.
    init(_ request: Request, proxies: ProxyTrust) {
        // Where a browser can't send a header: links, event sources, WebSockets.
        let query =
            request.method == .get || request.method == .head
            ? request.uri.queryParameters[Self.parameter[...]].map(String.init) : nil
        self.init(peer: PeerAddress.current, proxies: proxies, query: query) { name in
            if name == "host" { return request.head.authority.map { [$0] } ?? [] }
            return HTTPField.Name(name).map { request.headers[values: $0] } ?? []
        }
    }

    /// Of a request that wants to become a WebSocket.
    init(_ head: HTTPRequestHead, peer: SocketAddress?, proxies: ProxyTrust) {
        let query = URI(head.uri).queryParameters[Self.parameter[...]].map(String.init)
        self.init(peer: peer?.ipAddress, proxies: proxies, query: query) { head.headers[$0] }
    }

    /// Subprotocols that a client offers.
    static func offered(_ values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private static func bearer(_ values: [String]) -> String? {
        guard let value = values.first, value.lowercased().hasPrefix("bearer ") else { return nil }
        return plain([String(value.dropFirst(7))])
    }

    private static func subprotocol(_ values: [String]) -> String? {
        let found = offered(values).first { $0.hasPrefix(subprotocolPrefix) }
        return plain(found.map { [String($0.dropFirst(subprotocolPrefix.count))] } ?? [])
    }

    private static func plain(_ values: [String]) -> String? {
        let text = values.first?.trimmingCharacters(in: .whitespaces) ?? ""
        return text.isEmpty ? nil : text
    }
}

/// The address of the other end of the connection that a request came on.
enum PeerAddress {
    @TaskLocal static var current: String?

    /// A responder that tells it to all that it calls.
    static func told(
        to responder: @escaping HTTPChannelHandler.Responder
    ) -> HTTPChannelHandler.Responder {
        { request, writer, channel in
            // A writer can't be captured and used up at once.
            var held: ResponseWriter? = writer
            try await $current.withValue(channel.remoteAddress?.ipAddress) {
                guard let writer = held.take() else { return }
                try await responder(request, writer, channel)
            }
        }
    }
}
