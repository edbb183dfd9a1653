import AccessControl
import NIOCore
import NIOHTTP1
import Synchronization

/// Holds back a request that wants to become a WebSocket until it is known whether it may. One that may not is passed on as
/// plain HTTP: the route of the same path then says why.
final class UpgradeAccess: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = NIOAny
    typealias OutboundOut = NIOAny

    /// Who was let in on a connection.
    final class Admitted: Sendable {
        private let held = Mutex<AccessClient?>(nil)

        var client: AccessClient? {
            get { held.withLock { $0 } }
            set { held.withLock { $0 = newValue } }
        }
    }

    private let path: String
    private let gate: AccessGate
    private let admitted: Admitted
    private var held: [NIOAny] = []
    private var isWaiting = false
    private var wantsRead = false

    init(path: String, gate: AccessGate, admitted: Admitted) {
        (self.path, self.gate, self.admitted) = (path, gate, admitted)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isWaiting {
            held.append(data)
        } else if case .head(let head) = unwrapInboundIn(data), !head.headers["upgrade"].isEmpty,
            head.uri.prefix(while: { $0 != "?" }) == path
        {
            wait(for: head, context)
        } else {
            context.fireChannelRead(data)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }

    /// What follows the head stays in the socket.
    func read(context: ChannelHandlerContext) {
        if isWaiting { wantsRead = true } else { context.read() }
    }

    private func wait(for head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        isWaiting = true
        let credentials = Credentials(head, peer: context.remoteAddress, proxies: gate.policy.proxies)
        let promise = context.eventLoop.makePromise(of: (client: AccessClient, place: AccessPlace).self)
        promise.completeWithTask { [gate] in try await gate.admit(webSocket: credentials) }
        promise.futureResult.assumeIsolated().whenComplete { result in
            var head = head
            if case .success(let (client, place)) = result {
                self.admitted.client = client
                context.channel.closeFuture.whenComplete { _ in place.close() }
            } else {
                head.headers.remove(name: "upgrade")
            }
            self.isWaiting = false
            context.fireChannelRead(self.wrapInboundOut(.head(head)))
            for data in self.held { context.fireChannelRead(data) }
            self.held = []
            context.fireChannelReadComplete()
            if self.wantsRead { context.read() }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }
}
