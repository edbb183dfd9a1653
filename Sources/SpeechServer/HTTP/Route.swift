import AccessControl
import Foundation
import HTTPTypes
import Hummingbird

/// One thing the server can be asked over HTTP: where, what for, what with, what comes back. Routes are data, so that the
/// router, `/endpoints`, the answer "method not allowed" and the API's description all come from the same list.
struct Route: Sendable {
    enum Tag: String, Sendable, CaseIterable {
        case speech, voices, jobs, status, server
    }

    struct Body: Sendable {
        var kind: RequestFields.Kind
        var fields: [FieldProperty]
        /// Names of files of a form.
        var files: [FieldProperty] = []
        /// Bytes at most.
        var limit = 4 << 20
    }

    struct Answer: Sendable {
        var status: Int
        var about: String
        /// By media type; bytes have no schema.
        var content: [String: JSONValue] = [:]

        static func json(_ schema: Schema, status: Int = 200, _ about: String = "Done") -> Answer {
            Answer(status: status, about: about, content: ["application/json": schema.json])
        }
    }

    var method: HTTPRequest.Method
    /// Such as `/voices/{voice_name}`.
    var path: String
    var aliases: [String] = []
    var tag: Tag
    var summary: String
    var query: [FieldProperty] = []
    var body: Body?
    var answers: [Answer]
    /// Statuses of the errors it may answer, beside 422 and 500.
    var failures: [Int] = []
    /// Whether it is under `/v1` as well.
    var hasVersion = true
    /// What somebody has to have for it; nil goes by tag and method.
    var access: Requirement?
    var handle: @Sendable (Call) async throws -> Response

    /// Every path it answers to, the primary one first.
    var paths: [String] {
        let all = [path] + aliases
        return hasVersion ? all + all.map { "/v1" + $0 } : all
    }

    /// Whether a request's path is one of this route's.
    func matches(_ requested: [Substring]) -> Bool {
        paths.contains { path in
            let parts = path.split(separator: "/")
            return parts.count == requested.count
                && zip(parts, requested).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
    }
}

/// A request on its way to a route's handler.
struct Call: Sendable {
    let request: Request
    let context: BasicRequestContext
    let route: Route
    /// Who asks; nil at a route that is open to all.
    let client: AccessClient?

    /// Of a request for speech that the call makes.
    var origin: SpeechOrigin { SpeechOrigin(.http, id: context.id, logger: context.requestLogger) }

    /// A parameter of the path, such as `voice_name`, decoded.
    func path(_ name: String) -> String {
        let text = context.parameters.get(name) ?? ""
        return text.removingPercentEncoding ?? text
    }

    /// The body's fields; those of the query count as well, as the sibling's documentation shows forms.
    func fields() async throws -> RequestFields {
        guard let body = route.body else { return RequestFields(isText: true) }
        return try await RequestFields.read(request, body.kind, limit: bodyLimit(body))
    }

    func reader(_ fields: RequestFields) -> FieldReader { FieldReader(fields.values, isText: fields.isText) }

    /// Parameters of the query.
    var query: FieldReader { FieldReader(queryValues, isText: true) }

    var queryValues: [String: JSONValue] {
        var values: [String: JSONValue] = [:]
        for (name, value) in request.uri.queryParameters where !value.isEmpty && name != Credentials.parameter {
            values[String(name)] = .string(String(value))
        }
        return values
    }
}

extension [Route] {
    func register(on router: Router<BasicRequestContext>, behind gate: AccessGate) {
        for route in self {
            for path in route.paths {
                router.on(RouterPath(path), method: route.method) { request, context in
                    try await gate.admit(request, to: route) { client in
                        try await route.handle(
                            Call(request: request, context: context, route: route, client: client))
                    }
                }
            }
        }
    }

    /// Methods that a path can be asked with; empty if there is no such path.
    func methods(of path: String) -> [HTTPRequest.Method] {
        let parts = path.split(separator: "/")
        var methods: [HTTPRequest.Method] = []
        for route in self where route.matches(parts) && !methods.contains(route.method) { methods.append(route.method) }
        return methods
    }
}
