import NIOCore
import NIOWebSocket

/// What comes from a client, once frames are dealt with.
package enum ClientFrame: Sendable, Equatable {
    case text(String)
    case binary(ByteBuffer)
    /// The connection is on its way down, for this reason or normally: stop what is going on, expect nothing more.
    case closing(ServerError?)
    /// Close for this reason as soon as nothing is being spoken.
    case due(ServerError)
}

/// What goes to a client.
package enum ServerFrame: Sendable, Equatable {
    case text(ByteBuffer)
    case binary(ByteBuffer)
    /// Close for this reason, or normally.
    case close(ServerError?)
}

/// Turns frames into messages and owns the connection's manners: UTF-8, ping and pong, the close handshake, and the
/// end of peers that are dead, silent or old. Control frames are answered here, so no speech can delay them.
package final class WebSocketMessageHandler: ChannelDuplexHandler, NIOScheduledCallbackHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias InboundOut = ClientFrame
    package typealias OutboundIn = ServerFrame
    package typealias OutboundOut = WebSocketFrame

    private enum State {
        case open, closeSent, closed
    }

    private let limits: ServerLimits
    private var state = State.open
    private var isAlive = true
    private var pingOutstanding = false
    /// Payload of the last ping, while its answer can't be sent.
    private var owedPong: ByteBuffer?
    /// The next time to look at the clock: one for all deadlines, as there are many connections.
    private var timer: NIOScheduledCallback?
    private var context: ChannelHandlerContext?
    private var nextPing = NIODeadline.distantFuture
    private var lastMessage = NIODeadline.distantFuture
    private var endOfLife = NIODeadline.distantFuture
    private var endOfDrain = NIODeadline.distantFuture

    package init(limits: ServerLimits) {
        self.limits = limits
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lastMessage = context.eventLoop.now
        nextPing = lastMessage + TimeAmount(limits.pingInterval)
        if let lifetime = limits.connectionLifetime { endOfLife = lastMessage + TimeAmount(lifetime) }
        schedule(context)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        self.context = nil
    }

    package func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        timer?.cancel()
        context.fireChannelInactive()
    }

    // MARK: From the client

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        isAlive = true
        if frame.opcode == .connectionClose {
            answerClose(frame.unmaskedData, context)
            return
        }
        guard state == .open else { return }
        if frame.opcode == .text || frame.opcode == .binary { lastMessage = context.eventLoop.now }
        switch frame.opcode {
        case .text:
            let payload = frame.unmaskedData
            guard let text = String(validating: payload.readableBytesView, as: UTF8.self) else {
                close(context, .invalidUTF8)
                return
            }
            context.fireChannelRead(wrapInboundOut(.text(text)))
        case .binary:
            context.fireChannelRead(wrapInboundOut(.binary(frame.unmaskedData)))
        case .ping:
            owedPong = frame.unmaskedData
            sendPong(context)
        default:
            break  // A pong has shown what it is there to show.
        }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as ServerError:
            close(context, error)
        case NIOWebSocketFrameAggregator.Error.accumulatedFrameSizeIsTooLarge,
            NIOWebSocketFrameAggregator.Error.tooManyFragments:
            close(context, .messageTooLarge(limit: limits.maxMessageBytes))
        case NIOWebSocketFrameAggregator.Error.didReceiveFragmentBeforeReceivingTextOrBinaryFrame:
            close(context, .protocolViolation(reason: "a continuation came without a first fragment"))
        case NIOWebSocketFrameAggregator.Error.receivedNewFrameWithoutFinishingPrevious:
            close(context, .protocolViolation(reason: "a new message came before the last fragment of the one before"))
        default:
            // The socket itself failed: there is no one left to tell.
            context.close(promise: nil)
        }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        sendPong(context)
        context.fireChannelWritabilityChanged()
    }

    /// Answers the last ping only, if its sender doesn't read: pings must not fill our memory (RFC 6455, 5.5.3).
    private func sendPong(_ context: ChannelHandlerContext) {
        guard state == .open, context.channel.isWritable, let payload = owedPong else { return }
        owedPong = nil
        context.writeAndFlush(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: payload)), promise: nil)
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            guard state == .open, endOfDrain == .distantFuture else { return }
            endOfDrain = context.eventLoop.now + TimeAmount(limits.drainTimeout)
            schedule(context)
            deliver(.due(.shuttingDown), context)
        case ChannelEvent.inputClosed:
            // A WebSocket has no use for a half-open connection.
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: To the client

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state == .open else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .text(let payload):
            writeMessage(WebSocketFrame(fin: true, opcode: .text, data: payload), context, promise)
        case .binary(let payload):
            writeMessage(WebSocketFrame(fin: true, opcode: .binary, data: payload), context, promise)
        case .close(let error):
            close(context, error)
            promise?.succeed()
        }
    }

    /// Counts a write that gets through after waiting as a sign of life: a slow reader is not a dead one.
    private func writeMessage(
        _ frame: WebSocketFrame, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
    ) {
        let promise = promise ?? context.eventLoop.makePromise()
        promise.futureResult.assumeIsolated().whenComplete { result in
            if case .success = result, self.pingOutstanding { self.isAlive = true }
        }
        lastMessage = context.eventLoop.now
        context.write(wrapOutboundOut(frame), promise: promise)
    }

    // MARK: Closing

    /// Sends a close frame, tells the session, and cuts the connection if the peer does not answer in time.
    private func close(_ context: ChannelHandlerContext, _ error: ServerError?) {
        guard state == .open else { return }
        state = .closeSent
        var payload = ByteBuffer()
        payload.writeInteger(error?.closeCode ?? 1000)
        if let error { payload.writeString(error.closeReason) }
        let sent = context.writeAndFlush(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: payload)))
        if error?.endsReading == true {
            // No answer can be understood: nothing more is sent, and what comes is dropped until the peer closes too.
            // To close at once, with data unread, would reset the connection and lose our close frame.
            sent.assumeIsolated().whenComplete { _ in context.close(mode: .output, promise: nil) }
        }
        deliver(.closing(error), context)
        schedule(context, at: context.eventLoop.now + TimeAmount(limits.closeTimeout))
    }

    private func answerClose(_ payload: ByteBuffer, _ context: ChannelHandlerContext) {
        guard state == .open else {
            context.close(promise: nil)
            return
        }
        if let error = Self.violation(inClose: payload) {
            close(context, error)
            return
        }
        state = .closeSent
        let code = payload.getInteger(at: payload.readerIndex, as: UInt16.self)
        var answer = ByteBuffer()
        if let code { answer.writeInteger(code) }
        deliver(.closing(nil), context)
        context.writeAndFlush(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: answer))
        ).assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    }

    /// Passes on what did not come out of a read, so that it is not held back until the next one ends.
    private func deliver(_ frame: ClientFrame, _ context: ChannelHandlerContext) {
        context.fireChannelRead(wrapInboundOut(frame))
        context.fireChannelReadComplete()
    }

    private static func violation(inClose payload: ByteBuffer) -> ServerError? {
        var payload = payload
        if payload.readableBytes == 0 { return nil }
        guard let code = payload.readInteger(as: UInt16.self) else {
            return .protocolViolation(reason: "a close frame with one byte")
        }
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: return .protocolViolation(reason: "close code \(code) is not allowed")
        }
        guard String(validating: payload.readableBytesView, as: UTF8.self) != nil else { return .invalidUTF8 }
        return nil
    }

    // MARK: Deadlines

    private func schedule(_ context: ChannelHandlerContext) {
        schedule(
            context, at: min(nextPing, lastMessage + TimeAmount(limits.connectionTimeout), endOfLife, endOfDrain))
    }

    private func schedule(_ context: ChannelHandlerContext, at deadline: NIODeadline) {
        timer?.cancel()
        // It fails only when the event loop has stopped.
        timer = try? context.eventLoop.assumeIsolated().scheduleCallback(at: deadline, handler: self)
    }

    package func handleScheduledCallback(eventLoop: some EventLoop) {
        guard let context, state != .closed else { return }
        // The peer hasn't answered our close frame in time.
        guard state == .open else { return context.close(promise: nil) }
        let now = eventLoop.now
        if now >= endOfDrain { return close(context, .shuttingDown) }
        if now >= nextPing {
            // No answer to a ping and nothing else: dead, or not reading for a whole interval.
            if pingOutstanding && !isAlive { return context.close(promise: nil) }
            (isAlive, pingOutstanding) = (false, true)
            nextPing = now + TimeAmount(limits.pingInterval)
            context.writeAndFlush(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer())), promise: nil)
        }
        if now >= lastMessage + TimeAmount(limits.connectionTimeout) {
            // If the session goes on, it will have something to say.
            lastMessage = now
            deliver(.due(.connectionTimeout(limits.connectionTimeout)), context)
        }
        if let lifetime = limits.connectionLifetime, now >= endOfLife {
            endOfLife = .distantFuture
            deliver(.due(.connectionLifetime(lifetime)), context)
        }
        schedule(context)
    }
}

extension ServerError {
    /// Whether frames that follow it have no meaning.
    fileprivate var endsReading: Bool {
        switch self {
        case .protocolViolation, .invalidUTF8, .messageTooLarge: true
        default: false
        }
    }

    /// Reason of a close frame, which holds at most 123 bytes.
    var closeReason: String {
        var reason = message
        while reason.utf8.count > 123 { reason.removeLast() }
        return reason
    }
}
