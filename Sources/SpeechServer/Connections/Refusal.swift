import NIOCore

/// Tells a connection too many that it is one, instead of leaving it to wait.
final class Refusal: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let error: ServerError
    private let timeout: TimeAmount
    private var isAnswered = false

    init(_ error: ServerError, timeout: Duration) {
        (self.error, self.timeout) = (error, TimeAmount(timeout))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { context.close(promise: nil) }
    }

    /// Answers the first bytes, whatever they ask, and reads the rest away: to close with data unread would reset the
    /// connection, and lose the answer.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswered else { return }
        isAnswered = true
        let body = ErrorBody.bytes(error)
        var answer = ByteBuffer(
            string: """
                HTTP/1.1 503 Service Unavailable\r
                Content-Type: application/json; charset=utf-8\r
                Content-Length: \(body.readableBytes)\r
                Retry-After: 10\r
                Connection: close\r
                \r

                """)
        answer.writeImmutableBuffer(body)
        context.writeAndFlush(wrapOutboundOut(answer)).assumeIsolated().whenComplete { _ in
            context.close(mode: .output, promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed, is ChannelShouldQuiesceEvent: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
