import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

/// A WebSocket to the server.
enum Connection {
    typealias Socket = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    private static let path = "/ws/stream/audio"
    private static let maxMessageBytes = 1 << 24

    /// - Parameter key: for servers that want one.
    /// - Throws: `ChatterboxClientError.server` if the server doesn't let us in, `.noServer` if nobody there speaks the
    ///   protocol, `.notSecure` or `.unusableAuthorities` if there is no trust.
    static func open(host: String, port: Int, key: String?, security: Security) async throws -> Socket {
        let tls = try security.context()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let refusal = loop.makePromise(of: ChatterboxClientError.self)
        let upgraded: EventLoopFuture<Socket?> = try await ClientBootstrap(group: loop)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        // Names go into the handshake, addresses must not.
                        let isAddress = (try? SocketAddress(ipAddress: host, port: port)) != nil
                        try channel.pipeline.syncOperations.addHandler(
                            try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : host))
                    }
                    let upgrader = NIOTypedWebSocketClientUpgrader<Socket?>(
                        maxFrameSize: maxMessageBytes,
                        upgradePipelineHandler: { channel, _ in
                            channel.eventLoop.makeCompletedFuture {
                                try channel.pipeline.syncOperations.addHandler(
                                    NIOWebSocketFrameAggregator(
                                        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1024,
                                        maxAccumulatedFrameSize: maxMessageBytes))
                                return try Socket(wrappingChannelSynchronously: channel)
                            }
                        })
                    var head = HTTPRequestHead(
                        version: .http1_1, method: .GET, uri: path,
                        headers: ["Host": "\(host):\(port)", "Content-Length": "0"])
                    if let key { head.headers.add(name: "Authorization", value: "Bearer \(key)") }
                    return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                        configuration: .init(
                            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration(
                                upgradeRequestHead: head, upgraders: [upgrader],
                                notUpgradingCompletionHandler: { channel in
                                    channel.eventLoop.makeCompletedFuture {
                                        let reader = RefusalReader(.noServer(host: host, port: port), refusal)
                                        try channel.pipeline.syncOperations.addHandler(reader)
                                        return nil
                                    }
                                })))
                }
            }
        do {
            guard let socket = try await upgraded.get() else { throw try await refusal.futureResult.get() }
            refusal.succeed(.closed)
            return socket
        } catch  where error is NIOSSLError || error is NIOSSLExtraError {
            refusal.succeed(.closed)
            let text = "\(error)"
            let reason =
                text.contains("CERTIFICATE_VERIFY_FAILED") ? "no trusted authority vouches for its certificate" : text
            throw ChatterboxClientError.notSecure(host: host, port: port, reason: reason)
        } catch {
            refusal.succeed(.closed)
            throw error
        }
    }

    static func text(_ buffer: ByteBuffer) -> WebSocketFrame { frame(.text, buffer) }
    static func pong(_ buffer: ByteBuffer) -> WebSocketFrame { frame(.pong, buffer) }
    static func close() -> WebSocketFrame { frame(.connectionClose, ByteBuffer(integer: UInt16(1000))) }

    /// Clients have to mask what they send.
    private static func frame(_ opcode: WebSocketOpcode, _ buffer: ByteBuffer) -> WebSocketFrame {
        WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: buffer)
    }
}
