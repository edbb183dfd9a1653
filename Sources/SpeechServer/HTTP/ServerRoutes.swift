import AccessControl
import Foundation
import HTTPTypes
import Hummingbird
import SpeechEngine

/// Everything the server answers over HTTP.
struct ServerRoutes: Sendable {
    let service: SpeechService
    let settings: ChatterboxServer.Configuration
    let registry: ConnectionRegistry
    let pages: Pages?

    static let streamPath = "/ws/stream/audio"

    var rules: SpeechParameters.Rules {
        .init(defaults: settings.defaults, maxNewTokens: SpeechRequest.Limits.maxNewTokens.upperBound)
    }

    /// The routes, in the order in which the API's description has them.
    var routes: [Route] {
        let info = InfoRoutes(
            service: service, rules: rules, limits: settings.limits, registry: registry,
            address: (settings.host, settings.port), all: { self.routes })
        return SpeechRoutes(service: service, rules: rules).routes
            + StatusRoutes(service: service).routes + MemoryRoutes(service: service, rules: rules).routes
            + voices + jobs + info.routes
            + StreamRoutes(service: service, registry: registry).routes
            + metrics + [ReadyRoute(service: service, registry: registry).route, description]
    }

    /// Rules for texts of jobs.
    var jobRules: SpeechParameters.Rules {
        var rules = rules
        if let jobs = settings.jobs { rules.inputLengths = 1...jobs.maxLength }
        return rules
    }

    private var voices: [Route] {
        settings.voices.map { VoiceRoutes(store: $0, service: service, rules: rules).routes } ?? []
    }

    private var jobs: [Route] {
        guard let jobs = settings.jobs else { return [] }
        var rules = jobRules
        rules.inputLengths = SpeechRequest.Limits.inputLength.upperBound + 1...jobs.maxLength
        return JobRoutes(store: jobs.store, service: service, rules: rules, settings: .init(jobs)).routes
    }

    private var metrics: [Route] {
        settings.exporter.map {
            [MetricsRoute(exporter: $0, service: service, registry: registry, jobs: settings.jobs?.store).route]
        } ?? []
    }

    private var description: Route {
        Route(
            method: .get, path: "/openapi.json", tag: .server, summary: "This description, OpenAPI 3.1",
            answers: [.json(.map(.any))], hasVersion: false, access: .open
        ) { _ in try Response.json(OpenAPI(routes: self.routes, needsKeys: settings.access.isRequired).document) }
    }

    func makeRouter() -> Router<BasicRequestContext> {
        let router = Router(options: [.autoGenerateHeadEndpoints])
        let routes = routes
        router.add(middleware: RequestObserver(metrics: service.metrics))
        router.add(middleware: ConfiguredCORS(policy: settings.access))
        let paths = pages?.paths ?? ["/"]
        router.add(middleware: ErrorAnswers(routes: routes, pages: paths, metrics: service.metrics))
        router.add(middleware: DrainGate(registry: registry))
        routes.register(on: router, behind: AccessGate(policy: settings.access))
        for path in paths {
            router.get(RouterPath(path)) { _, _ in
                guard let page = pages?.response(for: path) else {
                    return try Response.failure(.notFound(path: "\(path) (the page is not installed)"))
                }
                return page
            }
        }
        return router
    }
}

/// Tells every error of routing in the documented shape, and the wrong method apart from the wrong path.
private struct ErrorAnswers: RouterMiddleware {
    typealias Context = BasicRequestContext

    let routes: [Route]
    let pages: [String]
    let metrics: ServerMetrics

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            let path = request.uri.path
            var methods = routes.methods(of: path)
            if pages.contains(path) { methods.append(.get) }
            guard !methods.isEmpty else { return try answer(.notFound(path: path)) }
            if methods.contains(.get) { methods.append(.head) }
            return try answer(
                .methodNotAllowed(
                    method: request.method.rawValue, path: path,
                    allowed: (methods.map(\.rawValue) + ["OPTIONS"]).joined(separator: ", ")))
        } catch {
            let told = ServerError(error)
            if told.httpStatus >= 500, told.httpStatus != 503 {
                context.requestLogger.error("request failed", metadata: ["error": "\(error)"])
            } else {
                context.requestLogger.debug(
                    "request refused", metadata: ["code": "\(told.code)", "reason": "\(told.message)"])
            }
            return try answer(told)
        }
    }

    private func answer(_ error: ServerError) throws -> Response {
        metrics.told(error, over: .http)
        return try Response.failure(error)
    }
}
