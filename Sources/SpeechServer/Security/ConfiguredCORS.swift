import AccessControl
import HTTPTypes
import Hummingbird

/// Tells browsers which pages may read the answers, by the rules as they are now.
struct ConfiguredCORS: RouterMiddleware {
    typealias Context = BasicRequestContext

    let policy: AccessPolicy

    private static let exposed = [
        "X-Request-ID", "X-Voice", "X-Sample-Rate", "Content-Disposition", "Retry-After", "RateLimit-Limit",
        "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Limit-Requests", "X-RateLimit-Remaining-Requests",
        "X-RateLimit-Reset-Requests",
    ]
    private static let headers =
        [.accept, .authorization, .contentType, .origin]
        + ["X-API-Key", "XI-API-Key"].compactMap { HTTPField.Name($0) }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let origins = policy.rules.origins
        let origin = request.headers[.origin]
        let allowed: CORSMiddleware<Context>.AllowOriginExtended =
            if origins == .all { .all } else if origins.allows(origin, host: request.head.authority) {
                .originBased
            } else {
                .none
            }
        let answer = try await CORSMiddleware<Context>(
            allowOrigin: allowed, allowHeaders: Self.headers,
            allowMethods: [.get, .head, .options, .post, .put, .patch, .delete], exposedHeaders: Self.exposed
        ).handle(request, context: context, next: next)
        guard origins != .all, origin != nil, answer.headers[.vary] == nil else { return answer }
        // A cache must not show one page's refusal to another.
        var told = answer
        told.headers[.vary] = "Origin"
        return told
    }
}
