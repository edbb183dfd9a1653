import HTTPTypes
import Hummingbird
import Logging

extension HTTPField.Name {
    static let xRequestID = HTTPField.Name("X-Request-ID")!
}

/// Names every HTTP request, and tells of it in metrics and log: its path, never its query, headers or body.
struct RequestObserver: RouterMiddleware {
    typealias Context = BasicRequestContext

    let metrics: ServerMetrics
    /// Asked so often, by machines, that their requests are no news.
    private static let watched = ["/health", "/ping", "/ready", "/metrics", "/ws/stream/status"]

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var context = context
        // The client's own name for it is kept, so that it can be followed through proxies.
        let id = RequestID.taken(from: request.headers[.xRequestID]) ?? RequestID.make()
        context.logger[metadataKey: "hb.request.id"] = "\(id)"
        var response = try await next(request, context)
        response.headers[.xRequestID] = id
        tell(request, context, status: response.status.code, after: start.duration(to: .now))
        return response
    }

    private func tell(_ request: Request, _ context: Context, status: Int, after duration: Duration) {
        let route = context.endpointPath ?? "unknown"
        let method = context.endpointPath == nil ? "unknown" : request.method.rawValue
        metrics.answered(method: method, route: route, status: status, after: duration)
        let facts: Logger.Metadata = [
            "method": "\(request.method.rawValue)", "path": "\(request.uri.path)", "status": .stringConvertible(status),
            "seconds": .seconds(duration.inSeconds),
        ]
        let logger = context.requestLogger
        if metrics.isSlow(duration, .http) {
            logger.warning("slow request", metadata: facts)
        } else {
            logger.log(level: Self.watched.contains(request.uri.path) ? .debug : .info, "request", metadata: facts)
        }
    }
}

extension RequestContext {
    /// Names the request and its connection as logs do everywhere.
    var requestLogger: Logger {
        var logger = logger
        logger[metadataKey: "hb.request.id"] = nil
        logger[metadataKey: "request"] = "\(id)"
        if let connection = ConnectionID.current { logger[metadataKey: "connection"] = "\(connection)" }
        return logger
    }
}
