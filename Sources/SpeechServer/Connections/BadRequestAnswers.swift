import NIOCore
import NIOHTTP1

/// Answers what is no HTTP, or has too large a head, and closes. Stands right behind the decoder.
final class BadRequestAnswers: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let maxHeaderBytes: Int
    private let timeout: TimeAmount
    private var isAnswering = false
    /// An answer has been given, and what comes now is read away.
    private var isBroken = false

    /// - Parameter timeout: how long the client may take to read the answer and close.
    init(maxHeaderBytes: Int, timeout: Duration) {
        (self.maxHeaderBytes, self.timeout) = (maxHeaderBytes, TimeAmount(timeout))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if isBroken { return }
        guard let error = error as? HTTPParserError, !isAnswering else { return context.fireErrorCaught(error) }
        isBroken = true
        answer(error, context)
        // To close both directions with data unread would reset the connection, and lose the answer.
        context.close(mode: .output, promise: nil)
        context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { context.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isBroken, case ChannelEvent.inputClosed = event { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    private func answer(_ error: HTTPParserError, _ context: ChannelHandlerContext) {
        let told =
            error == .headerOverflow
            ? ServerError.headersTooLarge(limit: maxHeaderBytes) : .badRequest(reason: String(describing: error))
        let body = ErrorBody.bytes(told)
        let head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: told.httpStatus),
            headers: [
                "Connection": "close", "Content-Type": "application/json; charset=utf-8",
                "Content-Length": String(body.readableBytes),
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // It has been answered already.
        guard !isBroken else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(let head): isAnswering = head.status.code >= 200
        case .body: break
        case .end: isAnswering = false
        }
        context.write(data, promise: promise)
    }
}
