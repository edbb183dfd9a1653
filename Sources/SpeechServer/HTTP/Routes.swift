import Foundation
import HTTPTypes
import Hummingbird
import SpeechEngine

/// The plain HTTP side: status, health and the page.
struct Routes: Sendable {
    let engine: any SpeechSynthesizing
    let limits: ServerLimits
    let registry: ConnectionRegistry
    /// The web client, nil if it isn't installed.
    let page: String?

    static let streamPath = "/ws/stream/audio"
    private static let paths: Set<String> = [
        "/", "/health", "/models", "/ws/stream/status", "/ws/stream/connections", streamPath,
    ]

    func makeRouter() -> Router<BasicRequestContext> {
        let router = Router(options: [.autoGenerateHeadEndpoints])
        router.add(middleware: CORSMiddleware(allowOrigin: .all, allowMethods: [.get, .head, .options]))
        router.add(middleware: ErrorAnswers(paths: Self.paths))
        router.get("/") { _, _ in try index() }
        router.get("/health") { _, _ in try Response.json(health()) }
        router.get("/models") { _, _ in try Response.json(ModelList(engine.models)) }
        router.get("/ws/stream/status") { _, _ in try streamStatus() }
        router.get("/ws/stream/connections") { _, _ in
            try Response.json(
                ConnectionCount(totalConnections: registry.count, timestamp: Date().timeIntervalSince1970))
        }
        // Only what was not upgraded gets here.
        router.get(RouterPath(Self.streamPath)) { _, _ in
            let isFull = registry.count >= registry.limit
            return try Response.failure(isFull ? .tooManyConnections(limit: registry.limit) : .upgradeRequired)
        }
        return router
    }

    private func index() throws -> Response {
        guard let page else { return try Response.failure(.notFound(path: "/ (the web client is not installed)")) }
        return Response(
            status: .ok, headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-cache"],
            body: .init(byteBuffer: ByteBuffer(string: page)))
    }

    private func streamStatus() throws -> Response {
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

    private func health() -> Health {
        let isReady = engine.isReady
        return Health(
            status: isReady ? "healthy" : "initializing", modelLoaded: isReady,
            config: .init(
                model: engine.modelName, voices: engine.voices, defaultVoice: engine.defaultVoice,
                sampleRate: engine.sampleRateHz, maxTextLength: StreamRequest.maxInputCharacters,
                maxConnections: limits.maxConnections, maxQueuedRequests: limits.maxQueuedRequests,
                connectionTimeoutSeconds: limits.connectionTimeout.components.seconds),
            models: ModelList(engine.models).data, memoryInfo: .current(),
            initializationState: isReady ? "ready" : "initializing",
            initializationProgress: isReady ? "Model ready" : "Loading model")
    }
}

/// Tells every error of routing in the documented shape, and the wrong method apart from the wrong path.
private struct ErrorAnswers: RouterMiddleware {
    typealias Context = BasicRequestContext

    let paths: Set<String>

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            let path = request.uri.path
            guard paths.contains(path) else { return try Response.failure(.notFound(path: path)) }
            return try Response.failure(
                .methodNotAllowed(method: request.method.rawValue, path: path, allowed: "GET, HEAD, OPTIONS"))
        } catch let error as ServerError {
            return try Response.failure(error)
        } catch {
            context.logger.error("request failed", metadata: ["error": "\(error)"])
            return try Response.failure(.internalFailure)
        }
    }
}
