import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// One accepted connection: HTTP/1.1 as Hummingbird serves it, which becomes a WebSocket if the client asks for one
/// at the right path.
struct UpgradableHTTPChannel: ServerChildChannel, HTTPChannelHandler {
    typealias MessageChannel = NIOAsyncChannel<ClientFrame, ServerFrame>

    enum Negotiated: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case webSocket(MessageChannel)
    }

    struct Value: ServerChildChannelValue {
        let negotiated: EventLoopFuture<Negotiated>
        let channel: any Channel
    }

    let responder: Responder
    let path: String
    let limits: ServerLimits
    let registry: ConnectionRegistry
    let metrics: ServerMetrics
    let serve: @Sendable (MessageChannel, Logger) async -> Void

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Negotiated>(
                upgraders: [upgrader()],
                notUpgradingCompletionHandler: { channel in
                    channel.eventLoop.makeCompletedFuture { try Self.addHTTPHandlers(to: channel, logger: logger) }
                })
            var pipeline = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrade)
            // NIOAsyncChannel and Hummingbird keep requests in order and headers valid already.
            pipeline.enablePipelining = false
            pipeline.enableResponseHeaderValidation = false
            let negotiated = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                configuration: pipeline)
            let upgradeHandler = try channel.pipeline.syncOperations.handler(
                type: NIOTypedHTTPServerUpgradeHandler<Negotiated>.self)
            try channel.pipeline.syncOperations.addHandler(
                UpgradeGate(path: path, registry: registry), position: .before(upgradeHandler))
            try closeIfSilent(channel, until: negotiated)
            return Value(negotiated: negotiated, channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            // On cancellation the channel has to go, or the future below might never come.
            let negotiated = try await withTaskCancellationHandler {
                try await value.negotiated.get()
            } onCancel: {
                value.channel.close(promise: nil)
            }
            await ConnectionID.$current.withValue(ConnectionRegistry.makeConnectionID()) {
                switch negotiated {
                case .http(let http):
                    await metrics.connection(.http) { await handleHTTP(asyncChannel: http, logger: logger) }
                case .webSocket(let messages):
                    await metrics.connection(.websocket) { await serve(messages, logger) }
                }
            }
        } catch {
            logger.debug("connection failed before a request", metadata: ["error": "\(error)"])
            try? await value.channel.close()
        }
    }

    private func upgrader() -> NIOTypedWebSocketServerUpgrader<Negotiated> {
        NIOTypedWebSocketServerUpgrader(
            maxFrameSize: limits.maxMessageBytes,
            enableAutomaticErrorHandling: false,
            // The gate in front has let only right requests ask.
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { [limits] channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        FrameRules(),
                        NIOWebSocketFrameAggregator(
                            minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1024,
                            maxAccumulatedFrameSize: limits.maxMessageBytes),
                        WebSocketMessageHandler(limits: limits),
                    ])
                    return .webSocket(try MessageChannel(wrappingChannelSynchronously: channel))
                }
            })
    }

    private static func addHTTPHandlers(to channel: any Channel, logger: Logger) throws -> Negotiated {
        try channel.pipeline.syncOperations.addHandlers([
            HTTP1ToHTTPServerCodec(secure: false),
            HTTPConnectionStateHandler(idleTimeout: .seconds(60), logger: logger),
            HeadWithBody(),
        ])
        return .http(
            try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
    }

    /// Closes a connection that sends no request in time, or has sent none when the server stops.
    private func closeIfSilent(_ channel: any Channel, until negotiated: EventLoopFuture<Negotiated>) throws {
        let guardian = SilenceGuard(timeout: limits.firstRequestTimeout)
        try channel.pipeline.syncOperations.addHandler(guardian)
        let pipeline = channel.pipeline.syncOperations
        negotiated.assumeIsolated().whenComplete { _ in pipeline.removeHandler(guardian, promise: nil) }
    }
}

/// Decides on the first request whether it may become a WebSocket, and takes a place for it.
///
/// A request that may not is passed on as plain HTTP, without its upgrade header: NIO's upgrade handler would lose the
/// head of a request that it refuses.
private final class UpgradeGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let path: String
    private let registry: ConnectionRegistry

    init(path: String, registry: ConnectionRegistry) {
        self.path = path
        self.registry = registry
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(var head) = unwrapInboundIn(data), !head.headers["upgrade"].isEmpty {
            if isProper(head), registry.reserve() {
                context.channel.closeFuture.whenComplete { [registry] _ in registry.release() }
                context.fireChannelRead(data)
            } else {
                head.headers.remove(name: "upgrade")
                context.fireChannelRead(wrapInboundOut(.head(head)))
            }
        } else {
            context.fireChannelRead(data)
        }
        // What follows an upgrade is no HTTP, and a later request can't upgrade any more.
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func isProper(_ head: HTTPRequestHead) -> Bool {
        head.method == .GET
            && head.uri.split(separator: "?", maxSplits: 1).first.map(String.init) == path
            && head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
            && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
            && head.headers["sec-websocket-key"].count == 1
            && head.headers["sec-websocket-version"] == ["13"]
    }
}

/// Stands in a pipeline until it is known what the connection is for.
private final class SilenceGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private let timeout: Duration
    private var timer: Scheduled<Void>?

    init(timeout: Duration) {
        self.timeout = timeout
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(timeout)) {
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What came is no HTTP: that has been answered with 400, and there is nothing to wait for.
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
