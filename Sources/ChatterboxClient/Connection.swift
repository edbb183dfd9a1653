import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// A WebSocket to the server.
enum Connection {
    typealias Socket = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    private static let path = "/ws/stream/audio"
    private static let maxMessageBytes = 1 << 24

    /// - Parameter key: for servers that want one.
    /// - Throws: `ChatterboxClientError.server` if the server doesn't let us in, `.noServer` if nobody there speaks the
    ///   protocol.
    static func open(host: String, port: Int, key: String?) async throws -> Socket {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let refusal = loop.makePromise(of: ChatterboxClientError.self)
        let upgraded: EventLoopFuture<Socket?> = try await ClientBootstrap(group: loop)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
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
