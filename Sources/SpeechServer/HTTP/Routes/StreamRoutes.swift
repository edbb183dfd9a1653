import Foundation
import Hummingbird

/// What there is to know of the WebSocket over plain HTTP.
struct StreamRoutes: Sendable {
    let service: SpeechService
    let registry: ConnectionRegistry

    var routes: [Route] {
        [
            Route(
                method: .get, path: "/ws/stream/status", tag: .server, summary: "Whether the WebSocket can be used",
                answers: [.json(.object(["available": .boolean, "ready": .boolean]))], failures: [],
                hasVersion: false, access: .open
            ) { _ in try status() },
            Route(
                method: .get, path: "/ws/stream/connections", tag: .server, summary: "How many WebSockets are open",
                answers: [.json(.object(["total_connections": .integer, "timestamp": .number]))], hasVersion: false,
                access: .anyOf([.admin])
            ) { _ in
                try Response.json(
                    ConnectionCount(totalConnections: registry.count, timestamp: Date().timeIntervalSince1970))
            },
            // Only what was not upgraded gets here.
            Route(
                method: .get, path: ServerRoutes.streamPath, tag: .server,
                summary: "The WebSocket, see docs/protocol.md",
                answers: [.init(status: 101, about: "The WebSocket is open")], failures: [400, 426, 503],
                hasVersion: false, access: .anyOf(Route.Requirement.webSocket)
            ) { call in
                try Handshake.check(call.request.head)
                if registry.isDraining { throw ServerError.shuttingDown }
                throw registry.isFull ? ServerError.tooManyConnections(limit: registry.limit) : .upgradeRequired
            },
        ]
    }

    private func status() throws -> Response {
        let engine = service.engine
        guard engine.isReady else {
            return try Response.json(
                StreamUnavailable(error: "Streaming model not initialized"), status: .serviceUnavailable)
        }
        return try Response.json(
            StreamStatus(
                available: true, ready: true, sampleRate: engine.sampleRateHz,
                features: .init(
                    alignmentMonitoring: !engine.ignoredParameters.contains("enable_alignment_monitoring"),
                    voiceCloning: engine.canClone),
                model: engine.modelName, models: ModelList(engine.models).data, voices: engine.voices,
                defaultVoice: engine.defaultVoice, ignoredParameters: engine.ignoredParameters))
    }
}
