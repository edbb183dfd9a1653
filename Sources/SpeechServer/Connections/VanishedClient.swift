import Hummingbird
import HummingbirdCore
import NIOCore
import Synchronization

/// Whether the client of a connection still waits for its answer.
final class ClientPresence: Sendable {
    private struct State {
        var hasLeft = false
        var onLeaving: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    func leave() {
        let body = state.withLock { state in
            state.hasLeft = true
            return state.onLeaving.take()
        }
        body?()
    }

    /// Calls `body`, and only this one, when the client leaves; at once if it has left already.
    func onLeaving(_ body: (@Sendable () -> Void)?) {
        let hasLeft = state.withLock { state in
            if !state.hasLeft { state.onLeaving = body }
            return state.hasLeft
        }
        if hasLeft { body?() }
    }
}

/// Notices that a client of HTTP/1.1 has gone, or has closed its side.
final class VanishedClientWatch: ChannelInboundHandler {
    typealias InboundIn = Any
    typealias InboundOut = Any

    /// A client may close its side behind its request and still want the answer; if that is short, it gets it.
    private static let patience = TimeAmount.milliseconds(500)

    private let presence: ClientPresence

    init(_ presence: ClientPresence) {
        self.presence = presence
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            context.eventLoop.assumeIsolated().scheduleTask(in: Self.patience) { self.presence.leave() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        presence.leave()
        context.fireChannelInactive()
    }
}

// All it holds is NIO's `NIOAsyncChannelOutboundWriter`, which is Sendable; only the declaration is missing.
extension ResponseWriter: @retroactive @unchecked Sendable {}

extension ConnectionRegistry {
    /// Answers requests in tasks that are cancelled once nobody waits for the answer, and counts those that make something.
    /// - Parameter presence: of the connection's client; nil looks at the request's own channel, a stream of HTTP/2.
    func watching(
        _ responder: @escaping HTTPChannelHandler.Responder, _ presence: ClientPresence?
    ) -> HTTPChannelHandler.Responder {
        { request, writer, channel in
            let isWork = ![.get, .head, .options].contains(request.method)
            if isWork { self.requestBegan() }
            defer { if isWork { self.requestEnded() } }
            // A writer can't be captured and used up at once.
            let writer = Mutex<ResponseWriter?>(writer)
            let answer = Task {
                guard let writer = writer.withLock({ $0.take() }) else { return }
                try await responder(request, writer, channel)
            }
            let client = presence ?? ClientPresence()
            if presence == nil { channel.closeFuture.whenComplete { _ in client.leave() } }
            client.onLeaving { answer.cancel() }
            defer { client.onLeaving(nil) }
            try await withTaskCancellationHandler {
                try await answer.value
            } onCancel: {
                answer.cancel()
            }
        }
    }
}
