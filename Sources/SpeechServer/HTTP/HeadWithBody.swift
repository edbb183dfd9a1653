import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Keeps an answer's head back until the first of its body comes, for half a millisecond at most. They leave together then,
/// and the reader is woken once: where all cores compute, each waking costs the first sound a millisecond.
package final class HeadWithBody: ChannelOutboundHandler, RemovableChannelHandler {
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPResponsePart

    private static let patience = TimeAmount.microseconds(500)
    private var isHeadAlone = false
    private var timer: Scheduled<Void>?

    package init() {}

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .head(let head) = unwrapOutboundIn(data), head.status.kind != .informational {
            isHeadAlone = true
        } else {
            isHeadAlone = false
        }
        context.write(data, promise: promise)
    }

    package func flush(context: ChannelHandlerContext) {
        guard isHeadAlone else { return release(context) }
        guard timer == nil else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.patience) { self.release(context) }
    }

    private func release(_ context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        isHeadAlone = false
        context.flush()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }
}
