import NIOCore
import NIOWebSocket

/// Checks what RFC 6455 demands of each frame before fragments are joined, where mask and reserved bits get lost.
package final class FrameRules: ChannelInboundHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias InboundOut = WebSocketFrame

    private var isBroken = false

    package init() {}

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isBroken else { return }
        let frame = unwrapInboundIn(data)
        if let reason = Self.violation(in: frame) {
            isBroken = true
            context.fireErrorCaught(ServerError.protocolViolation(reason: reason))
        } else {
            context.fireChannelRead(data)
        }
    }

    static func violation(in frame: WebSocketFrame) -> String? {
        if frame.maskKey == nil { return "frames from a client must be masked" }
        if !frame.reservedBits.isEmpty { return "reserved bits are set but no extension was agreed on" }
        switch frame.opcode {
        case .text, .binary, .continuation, .ping, .pong, .connectionClose: return nil
        default: return "unknown opcode"
        }
    }
}
