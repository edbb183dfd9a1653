import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// HTTP with the proxy that each address needs. Redirects are left to the caller, who knows what may be sent where.
struct HubTransport: Sendable {
    struct Answer: Sendable {
        var url: URL
        var status: Int
        var headers: HTTPHeaders
        var body: HTTPClientResponse.Body
    }

    private let settings: HubSettings
    private let clients: [ProxySettings.Proxy?: HTTPClient]

    private init(_ settings: HubSettings) {
        self.settings = settings
        var clients: [ProxySettings.Proxy?: HTTPClient] = [:]
        for proxy in [nil] + settings.proxies.all.map(Optional.some) where clients[proxy] == nil {
            var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
            configuration.timeout = .init(
                connect: .seconds(min(10, settings.stallSeconds)), read: .seconds(settings.stallSeconds))
            configuration.httpVersion = .http1Only
            // the hub's own back-off decides, and says why
            configuration.connectionPool.retryConnectionEstablishment = false
            configuration.proxy = proxy.map { proxy in
                if proxy.isSOCKS { return .socksServer(host: proxy.host, port: proxy.port) }
                return .server(
                    host: proxy.host, port: proxy.port,
                    authorization: proxy.user.map { .basic(username: $0, password: proxy.password ?? "") })
            }
            clients[proxy] = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        }
        self.clients = clients
    }

    /// Runs `body` with a transport, and closes its connections afterwards.
    static func with<Result: Sendable>(
        _ settings: HubSettings, _ body: (HubTransport) async throws -> Result
    ) async throws -> Result {
        let transport = HubTransport(settings)
        do {
            let result = try await body(transport)
            await transport.close()
            return result
        } catch {
            await transport.close()
            throw error
        }
    }

    private func close() async {
        for client in clients.values { try? await client.shutdown() }
    }

    /// One request, one answer, whatever its status.
    func send(_ method: HTTPMethod, _ url: URL, headers: [(String, String)] = []) async throws -> Answer {
        var request = HTTPClientRequest(url: url.absoluteString)
        request.method = method
        request.headers.add(name: "User-Agent", value: "swift-chatterbox")
        // sizes and hashes are those of the file itself
        request.headers.add(name: "Accept-Encoding", value: "identity")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        guard let client = clients[settings.proxies.proxy(for: url)] else {
            preconditionFailure("a proxy without client")
        }
        let response = try await client.execute(request, deadline: .distantFuture)
        return Answer(
            url: url, status: Int(response.status.code), headers: response.headers, body: response.body)
    }

    /// Follows redirects. The token goes to the hub only, never to where it sends us.
    /// - Parameter until: ends at a redirect that already says enough.
    func follow(
        _ method: HTTPMethod, _ start: URL, headers: [(String, String)] = [], until: (Answer) -> Bool = { _ in false }
    ) async throws -> Answer {
        var url = start
        for _ in 0..<10 {
            var sent = headers
            if let token = settings.token, Self.isSameOrigin(url, start) {
                sent.append(("Authorization", "Bearer \(token)"))
            }
            let answer = try await send(method, url, headers: sent)
            guard [301, 302, 303, 307, 308].contains(answer.status), !until(answer) else { return answer }
            guard let location = answer.headers.first(name: "Location"),
                let next = URL(string: location, relativeTo: url)?.absoluteURL, ["http", "https"].contains(next.scheme)
            else { throw HubError.unexpected(url: url.absoluteString, problem: "a redirect to nowhere") }
            if url.scheme == "https", next.scheme != "https" {
                throw HubError.unexpected(url: url.absoluteString, problem: "a redirect away from https, to \(next)")
            }
            url = next
        }
        throw HubError.unexpected(url: start.absoluteString, problem: "more than 10 redirects")
    }

    static func isSameOrigin(_ one: URL, _ other: URL) -> Bool {
        one.scheme == other.scheme && one.host == other.host && one.port == other.port
    }
}
