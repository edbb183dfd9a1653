import NIOCore

/// Checks the header of each frame as soon as it is there, before its payload is waited for and before fragments are
/// joined, where mask and reserved bits get lost. Stands in front of the decoder and passes bytes on as they are.
package final class FrameRules: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    private let maxFrameBytes: Int
    /// What there is of the header of a frame, without its mask.
    private var header: [UInt8] = []
    /// Bytes of mask and payload that are still to come of the frame.
    private var rest = 0
    private var isBroken = false

    package init(maxFrameBytes: Int) {
        self.maxFrameBytes = maxFrameBytes
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What follows a broken frame is read, but nobody looks at it.
        guard !isBroken else { return }
        let buffer = unwrapInboundIn(data)
        let bytes = buffer.readableBytesView
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if rest > 0 {
                let step = min(rest, bytes.endIndex - index)
                index += step
                rest -= step
                continue
            }
            header.append(bytes[index])
            if let error = violation() {
                isBroken = true
                context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes[..<index])))
                context.fireErrorCaught(error)
                return
            }
            index += 1
            if header.count > 1, header.count == 2 + lengthBytes {
                rest = 4 + length
                header.removeAll(keepingCapacity: true)
            }
        }
        context.fireChannelRead(data)
    }

    /// Bytes of the long form of the length.
    private var lengthBytes: Int {
        switch header[1] & 0x7F {
        case 126: 2
        case 127: 8
        default: 0
        }
    }

    /// Of a whole header.
    private var length: Int {
        guard lengthBytes > 0 else { return Int(header[1] & 0x7F) }
        let length = header.dropFirst(2).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int(clamping: length)
    }

    /// What is wrong with the header as far as it is there.
    private func violation() -> ServerError? {
        let opcode = header[0] & 0x0F
        let isControl = opcode & 0x08 != 0
        switch header.count {
        case 1:
            if header[0] & 0x70 != 0 {
                return .protocolViolation(reason: "reserved bits are set but no extension was agreed on")
            }
            if ![0x0, 0x1, 0x2, 0x8, 0x9, 0xA].contains(opcode) {
                return .protocolViolation(reason: "unknown opcode \(opcode)")
            }
            if isControl, header[0] & 0x80 == 0 {
                return .protocolViolation(reason: "control frames must not be fragmented")
            }
            return nil
        case 2:
            if header[1] & 0x80 == 0 { return .protocolViolation(reason: "frames from a client must be masked") }
            if isControl, header[1] & 0x7F > 125 {
                return .protocolViolation(reason: "control frames hold at most 125 bytes")
            }
        default: break
        }
        guard header.count == 2 + lengthBytes else { return nil }
        if lengthBytes == 8, header[2] & 0x80 != 0 {
            return .protocolViolation(reason: "the highest bit of a length must be 0")
        }
        if lengthBytes > 0, length < (lengthBytes == 2 ? 126 : 65536) {
            return .protocolViolation(reason: "a length must be written in as few bytes as it takes")
        }
        return length > maxFrameBytes ? .messageTooLarge(limit: maxFrameBytes) : nil
    }
}
