import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Bodies must come in time: a request that trickles in holds memory and a place. It has a while for the first bytes, and
/// longer the more there are.
final class BodyDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// What a slow uplink manages.
    static let bytesPerSecond = 1024

    private let timeout: Duration
    private var start = NIODeadline.now()
    private var received = 0
    private var timer: Scheduled<Void>?
    private var isAnswered = false

    init(timeout: Duration) {
        self.timeout = timeout
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            (start, received, isAnswered) = (.now(), 0, false)
            schedule(context, at: start + TimeAmount(timeout))
        case .body(let bytes): received += bytes.readableBytes
        case .end: cancel()
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .head = unwrapOutboundIn(data) { isAnswered = true }
        context.write(data, promise: promise)
    }

    func channelInactive(context: ChannelHandlerContext) {
        cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { cancel() }

    private func cancel() {
        timer?.cancel()
        timer = nil
    }

    private func schedule(_ context: ChannelHandlerContext, at deadline: NIODeadline) {
        cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.check(context) }
    }

    private func check(_ context: ChannelHandlerContext) {
        let allowed = TimeAmount(timeout) + .seconds(Int64(received / Self.bytesPerSecond))
        guard NIODeadline.now() >= start + allowed else { return schedule(context, at: start + allowed) }
        guard !isAnswered else { return context.close(promise: nil) }
        let error = ServerError.bodyTimeout(timeout, bytesPerSecond: Self.bytesPerSecond)
        let body = ErrorBody.bytes(error)
        let head = HTTPResponse(
            status: .init(code: error.httpStatus),
            headerFields: [
                .connection: "close", .contentType: "application/json; charset=utf-8",
                .contentLength: String(body.readableBytes),
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }
}
