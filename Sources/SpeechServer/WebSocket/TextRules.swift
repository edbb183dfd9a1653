import NIOCore
import NIOWebSocket

/// Checks text that comes in fragments as they come, so that a message which can't be UTF-8 any more is not waited for.
/// A message in one frame is checked when it is read.
package final class TextRules: ChannelInboundHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias InboundOut = WebSocketFrame

    /// Of the text message that has begun.
    private var check: UTF8Check?
    private var isBroken = false

    package init() {}

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isBroken else { return }
        let frame = unwrapInboundIn(data)
        if frame.opcode == .text, !frame.fin { check = UTF8Check() }
        if frame.opcode == .text || frame.opcode == .continuation, check != nil {
            guard check?.accepts(frame.unmaskedData.readableBytesView) == true,
                !frame.fin || check?.isComplete == true
            else {
                isBroken = true
                context.fireErrorCaught(ServerError.invalidUTF8)
                return
            }
            if frame.fin { check = nil }
        }
        context.fireChannelRead(data)
    }
}

/// Whether bytes are the beginning of UTF-8, byte after byte. Source: the UTF-8 decoder of https://encoding.spec.whatwg.org
struct UTF8Check {
    private var needed = 0
    private var allowed: ClosedRange<UInt8> = 0x80...0xBF

    /// Whether the last character is whole.
    var isComplete: Bool { needed == 0 }

    mutating func accepts(_ bytes: some Sequence<UInt8>) -> Bool {
        for byte in bytes {
            if needed > 0 {
                guard allowed.contains(byte) else { return false }
                allowed = 0x80...0xBF
                needed -= 1
                continue
            }
            switch byte {
            case 0x00...0x7F: break
            case 0xC2...0xDF: needed = 1
            case 0xE0...0xEF:
                needed = 2
                // Neither longer than it takes, nor half of a surrogate pair.
                if byte == 0xE0 { allowed = 0xA0...0xBF }
                if byte == 0xED { allowed = 0x80...0x9F }
            case 0xF0...0xF4:
                needed = 3
                if byte == 0xF0 { allowed = 0x90...0xBF }
                if byte == 0xF4 { allowed = 0x80...0x8F }
            default: return false
            }
        }
        return true
    }
}
