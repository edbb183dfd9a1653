import AccessControl
import Hummingbird
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOSSL
import NIOTLS
import NIOWebSocket

/// One accepted connection: HTTP/1.1 as Hummingbird serves it, which becomes a WebSocket if the client asks for one
/// at the right path; with TLS also HTTP/2, if the client chooses that.
struct UpgradableHTTPChannel: ServerChildChannel, HTTPChannelHandler {
    typealias MessageChannel = NIOAsyncChannel<ClientFrame, ServerFrame>

    enum Negotiated: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, ClientPresence)
        case http2(HTTP2Channel.Value)
        case webSocket(MessageChannel, AccessClient?)
    }

    struct Value: ServerChildChannelValue {
        let negotiated: EventLoopFuture<Negotiated>
        let channel: any Channel
    }

    private struct Refused: Error {}

    /// What is the same for all connections: each keeps a copy of the structure, and there are many.
    private final class Shared: Sendable {
        let gate: AccessGate
        let path: String
        let limits: ServerLimits
        let registry: ConnectionRegistry
        let tls: TLSIdentity?
        let metrics: ServerMetrics
        let http2: HTTP2Channel
        let serve: @Sendable (MessageChannel, AccessClient?, Logger) async -> Void

        init(
            gate: AccessGate, path: String, limits: ServerLimits, registry: ConnectionRegistry, tls: TLSIdentity?,
            metrics: ServerMetrics, http2: HTTP2Channel,
            serve: @escaping @Sendable (MessageChannel, AccessClient?, Logger) async -> Void
        ) {
            (self.gate, self.path, self.limits, self.registry) = (gate, path, limits, registry)
            (self.tls, self.metrics, self.http2, self.serve) = (tls, metrics, http2, serve)
        }
    }

    private(set) var responder: Responder
    private let shared: Shared

    /// - Parameter serve: holds the conversation of a WebSocket.
    init(
        responder: @escaping Responder, gate: AccessGate, path: String, limits: ServerLimits,
        registry: ConnectionRegistry, tls: TLSIdentity?, metrics: ServerMetrics,
        serve: @escaping @Sendable (MessageChannel, AccessClient?, Logger) async -> Void
    ) {
        self.responder = responder
        let http2 = HTTP2Channel(
            responder: registry.watching(responder, nil),
            configuration: .init(
                idleTimeout: limits.keepAliveTimeout, gracefulCloseTimeout: limits.drainTimeout,
                streamConfiguration: .init(additionalChannelHandlers: Self.guards(limits))))
        shared = Shared(
            gate: gate, path: path, limits: limits, registry: registry, tls: tls, metrics: metrics, http2: http2,
            serve: serve)
    }

    /// What stands in every pipeline of HTTP, behind the codec.
    private static func guards(_ limits: ServerLimits) -> [any RemovableChannelHandler] {
        [StalledReaderGuard(timeout: limits.sendTimeout), BodyDeadline(timeout: limits.bodyTimeout)]
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            // Buffers stay with their connection: idle ones should be small. They grow with what comes.
            try channel.syncOptions?.setOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 512, maximum: 65536))
            if let tls = shared.tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.context)) }
            guard shared.registry.admit(channel) else {
                try pipeline.addHandler(
                    Refusal(.tooManyConnections(limit: shared.registry.openLimit), timeout: shared.limits.closeTimeout))
                return Value(
                    negotiated: channel.closeFuture.flatMapThrowing { throw Refused() }, channel: channel)
            }
            guard shared.tls != nil else {
                return Value(negotiated: try setUpHTTP1(channel, logger), channel: channel)
            }
            let choice = NIOTypedApplicationProtocolNegotiationHandler<EventLoopFuture<Negotiated>> { result, channel in
                if case .negotiated("h2") = result {
                    let isSetUp = shared.http2.setup(channel: channel, logger: logger).map { Negotiated.http2($0) }
                    return isSetUp.map { _ in isSetUp }
                }
                return channel.eventLoop.makeCompletedFuture { try setUpHTTP1(channel, logger) }
            }
            try pipeline.addHandler(choice)
            try closeIfSilent(channel, until: choice.protocolNegotiationResult)
            return Value(negotiated: choice.protocolNegotiationResult.flatMap { $0 }, channel: channel)
        }
    }

    private func setUpHTTP1(_ channel: any Channel, _ logger: Logger) throws -> EventLoopFuture<Negotiated> {
        let (limits, path, registry) = (shared.limits, shared.path, shared.registry)
        let admitted = UpgradeAccess.Admitted()
        let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Negotiated>(
            upgraders: [upgrader(admitted)],
            notUpgradingCompletionHandler: { channel in
                channel.eventLoop.makeCompletedFuture { try addHTTPHandlers(to: channel, logger: logger) }
            })
        var configuration = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrade)
        // NIOAsyncChannel and Hummingbird keep requests in order and headers valid already; errors are answered below.
        configuration.enablePipelining = false
        configuration.enableResponseHeaderValidation = false
        configuration.enableErrorHandling = false
        configuration.decoderConfiguration.maxHeaderFieldSize = limits.maxHeaderBytes
        configuration.decoderConfiguration.maxHeaderListSize = limits.maxHeaderBytes
        let pipeline = channel.pipeline.syncOperations
        let negotiated = try pipeline.configureUpgradableHTTPServerPipeline(configuration: configuration)
        let upgradeHandler = try pipeline.handler(type: NIOTypedHTTPServerUpgradeHandler<Negotiated>.self)
        let badRequests = BadRequestAnswers(maxHeaderBytes: limits.maxHeaderBytes, timeout: limits.closeTimeout)
        try pipeline.addHandler(badRequests, position: .before(upgradeHandler))
        try pipeline.addHandler(
            UpgradeAccess(path: path, gate: shared.gate, admitted: admitted), position: .before(upgradeHandler))
        try pipeline.addHandler(
            UpgradeGate(path: path, registry: registry, besides: badRequests), position: .before(upgradeHandler))
        try closeIfSilent(channel, until: negotiated)
        return negotiated
    }

    func handle(value: Value, logger: Logger) async {
        guard let negotiated = await negotiated(value, logger) else { return }
        switch negotiated {
        case .http(let http, let presence):
            await handle(http, presence, logger)
        case .http2(let connection):
            await handle(connection, logger)
        case .webSocket(let messages, let client):
            await shared.metrics.counting(.websocket) { await shared.serve(messages, client, logger) }
        }
    }

    /// - Returns: nil if the connection failed before a request.
    private func negotiated(_ value: Value, _ logger: Logger) async -> Negotiated? {
        do {
            // On cancellation the channel has to go, or the future below might never come.
            return try await withTaskCancellationHandler {
                try await value.negotiated.get()
            } onCancel: {
                value.channel.close(promise: nil)
            }
        } catch {
            logger.debug("connection failed before a request", metadata: ["error": "\(error)"])
            try? await value.channel.close()
            return nil
        }
    }

    private func handle(
        _ http: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, _ presence: ClientPresence, _ logger: Logger
    ) async {
        var watching = self
        watching.responder = shared.registry.watching(responder, presence)
        await shared.metrics.counting(.http) { [watching] in
            await ConnectionID.$current.withValue(ConnectionID.make()) {
                await watching.handleHTTP(asyncChannel: http, logger: logger)
            }
        }
    }

    private func handle(_ http2: HTTP2Channel.Value, _ logger: Logger) async {
        await shared.metrics.counting(.http) {
            await ConnectionID.$current.withValue(ConnectionID.make()) {
                await shared.http2.handle(value: http2, logger: logger)
            }
        }
    }

    private func upgrader(_ admitted: UpgradeAccess.Admitted) -> NIOTypedWebSocketServerUpgrader<Negotiated> {
        NIOTypedWebSocketServerUpgrader(
            // `FrameRules` keep to the limit.
            maxFrameSize: Int(UInt32.max),
            enableAutomaticErrorHandling: false,
            // The gate in front has let only right requests ask.
            shouldUpgrade: { channel, head in
                let offered = Credentials.offered(head.headers["sec-websocket-protocol"])
                let isOurs = offered.contains(Credentials.subprotocol)
                return channel.eventLoop.makeSucceededFuture(
                    isOurs ? ["Sec-WebSocket-Protocol": Credentials.subprotocol] : HTTPHeaders())
            },
            upgradePipelineHandler: { [limits = shared.limits] channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = try channel.pipeline.syncOperations.handler(
                        type: ByteToMessageHandler<WebSocketFrameDecoder>.self)
                    try channel.pipeline.syncOperations.addHandler(
                        FrameRules(maxFrameBytes: limits.maxFrameBytes), position: .before(decoder))
                    try channel.pipeline.syncOperations.addHandlers([
                        TextRules(),
                        NIOWebSocketFrameAggregator(
                            minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1024,
                            maxAccumulatedFrameSize: limits.maxMessageBytes),
                        WebSocketMessageHandler(limits: limits),
                        StalledReaderGuard(timeout: limits.sendTimeout),
                    ])
                    return .webSocket(
                        try MessageChannel(wrappingChannelSynchronously: channel), admitted.client)
                }
            })
    }

    private func addHTTPHandlers(to channel: any Channel, logger: Logger) throws -> Negotiated {
        let presence = ClientPresence()
        try channel.pipeline.syncOperations.addHandlers(
            [HTTP1ToHTTPServerCodec(secure: shared.tls != nil)] as [any ChannelHandler] + Self.guards(shared.limits) + [
                VanishedClientWatch(presence),
                HTTPConnectionStateHandler(idleTimeout: shared.limits.keepAliveTimeout, logger: logger),
                HeadWithBody(),
            ])
        return .http(
            try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)),
            presence)
    }

    /// Closes a connection that sends no request in time, or has sent none when the server stops.
    private func closeIfSilent<Result>(_ channel: any Channel, until negotiated: EventLoopFuture<Result>) throws {
        let guardian = SilenceGuard(timeout: shared.limits.headerTimeout)
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
    /// Has no business in a WebSocket's pipeline.
    private let badRequests: BadRequestAnswers

    init(path: String, registry: ConnectionRegistry, besides badRequests: BadRequestAnswers) {
        (self.path, self.registry, self.badRequests) = (path, registry, badRequests)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(var head) = unwrapInboundIn(data), !head.headers["upgrade"].isEmpty {
            if Handshake.isProper(head, path: path), registry.reserve(context.channel) {
                context.pipeline.syncOperations.removeHandler(badRequests, promise: nil)
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
