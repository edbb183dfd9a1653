import NIOCore
import Synchronization

/// Every open connection, against the limits, and what has to end before the server may.
final class ConnectionRegistry: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var webSockets: Set<ObjectIdentifier> = []
        /// HTTP requests being answered that make something.
        var requests = 0
        var isDraining = false
    }

    /// WebSockets open at once.
    let limit: Int
    /// Connections of any kind open at once.
    let openLimit: Int
    private let state = Mutex(State())

    init(limit: Int, openLimit: Int) {
        (self.limit, self.openLimit) = (limit, openLimit)
    }

    /// Open WebSockets.
    var count: Int { state.withLock { $0.webSockets.count } }
    var openCount: Int { state.withLock { $0.channels.count } }
    var isFull: Bool { state.withLock { $0.webSockets.count >= limit } }
    /// Whether the server is about to stop, and takes nothing new.
    var isDraining: Bool { state.withLock { $0.isDraining } }
    /// Whether nothing is left that a stop would cut off.
    var isIdle: Bool { state.withLock { $0.webSockets.isEmpty && $0.requests == 0 } }

    /// Takes a place for a connection until it closes; false if all are taken.
    func admit(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let isAdmitted = state.withLock { state in
            guard state.channels.count < openLimit else { return false }
            state.channels[id] = channel
            return true
        }
        if isAdmitted { channel.closeFuture.whenComplete { _ in self.forget(id) } }
        return isAdmitted
    }

    /// Takes a place for a WebSocket until its connection closes; false if all are taken or the server is about to stop.
    func reserve(_ channel: any Channel) -> Bool {
        state.withLock { state in
            guard state.webSockets.count < limit, !state.isDraining else { return false }
            state.webSockets.insert(ObjectIdentifier(channel))
            return true
        }
    }

    private func forget(_ id: ObjectIdentifier) {
        state.withLock { state in
            state.channels[id] = nil
            state.webSockets.remove(id)
        }
    }

    func requestBegan() { state.withLock { $0.requests += 1 } }
    func requestEnded() { state.withLock { $0.requests -= 1 } }

    /// From now on nothing new is taken; WebSockets are told to end what they are at.
    func drain() {
        let channels = state.withLock { state in
            state.isDraining = true
            return state.webSockets.compactMap { state.channels[$0] }
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }

    /// Cuts off what is still open.
    func closeAll() {
        let channels = state.withLock { Array($0.channels.values) }
        for channel in channels { channel.close(promise: nil) }
    }
}
