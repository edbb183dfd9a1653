import Logging

/// Where a request for speech came from.
package struct SpeechOrigin: Sendable {
    package enum Transport: String, Sendable, CaseIterable {
        case http, websocket, job
    }

    package var transport: Transport
    /// What the request is called.
    package var id: String
    /// Names the request and its connection.
    package var logger: Logger
    /// Whether the log tells each chunk.
    package var printsMetrics = false
    /// When the request came.
    package var arrival = ContinuousClock.now

    package init(_ transport: Transport, id: String? = nil, logger: Logger) {
        self.transport = transport
        self.id = RequestID.taken(from: id) ?? RequestID.make()
        self.logger = logger
        self.logger[metadataKey: "request"] = "\(self.id)"
    }
}

extension StreamRequest {
    func origin(_ id: String?, _ logger: Logger) -> SpeechOrigin {
        var origin = SpeechOrigin(.websocket, id: id, logger: logger)
        origin.printsMetrics = printMetrics
        return origin
    }
}
