import Hummingbird

/// Whether new requests should be sent here, for those who choose between servers. `/health` says whether this one lives.
struct ReadyRoute: Sendable {
    let service: SpeechService
    let registry: ConnectionRegistry

    var route: Route {
        let schema = Schema.object(["status": .choice(["ready", "loading", "draining"]), "models": .list(.string)])
        return Route(
            method: .get, path: "/ready", tag: .server, summary: "Whether the server takes requests",
            answers: [.json(schema), .json(schema, status: 503, "Not yet, or not any more")], hasVersion: false,
            access: .open
        ) { _ in
            let status = registry.isDraining ? "draining" : service.engine.isReady ? "ready" : "loading"
            let models = service.engine.models.filter { $0.state == .loaded }.map(\.name)
            return try Response.json(
                ["status": .string(status), "models": .strings(models)] as JSONValue,
                status: status == "ready" ? .ok : .serviceUnavailable)
        }
    }
}

/// Refuses, while the server is about to stop, what would make something.
struct DrainGate: RouterMiddleware {
    typealias Context = BasicRequestContext

    let registry: ConnectionRegistry

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if registry.isDraining, ![.get, .head, .options].contains(request.method) { throw ServerError.shuttingDown }
        return try await next(request, context)
    }
}
