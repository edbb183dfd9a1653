/// The description of the HTTP API, OpenAPI 3.1, made of the same routes that answer.
struct OpenAPI {
    let routes: [Route]
    /// Whether anybody needs a key.
    var needsKeys = false

    var document: JSONValue {
        var paths: [String: [String: JSONValue]] = [:]
        for route in routes {
            for (index, path) in route.paths.enumerated() {
                paths[path, default: [:]][route.method.rawValue.lowercased()] = operation(
                    route, path: path, isAlias: index > 0)
            }
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "swift-chatterbox", "version": .string(ServerVersion.current),
                "description":
                    "Text to speech that leaves while it is made. Every path also exists under /v1. The WebSocket at /ws/stream/audio is described in docs/protocol.md.",
            ],
            "tags": .array(Route.Tag.allCases.map { ["name": .string($0.rawValue)] }),
            "paths": .object(paths.mapValues(JSONValue.object)),
            "components": ["schemas": ["Error": Self.error.json], "securitySchemes": Self.schemes],
        ]
    }

    static let error = Schema.object([
        "error": .object([
            "message": .string, "type": .string, "param": .nullable(.string), "code": .string,
        ]),
        "detail": .list(.object(["loc": .list(.string), "msg": .string, "type": .string])),
    ])

    private func operation(_ route: Route, path: String, isAlias: Bool) -> JSONValue {
        let id =
            route.method.rawValue.lowercased()
            + path.map { $0.isLetter || $0.isNumber ? String($0) : $0 == "-" ? "__" : "_" }.joined()
        var operation: [String: JSONValue] = [
            "operationId": .string(id), "summary": .string(route.summary), "tags": [.string(route.tag.rawValue)],
        ]
        let access = security(route)
        operation["security"] = access
        if isAlias { operation["description"] = .string("The same as \(route.path).") }
        let parameters = pathParameters(path) + route.query.map { parameter($0, in: "query") }
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = route.body { operation["requestBody"] = requestBody(body) }
        var answers: [String: JSONValue] = [:]
        for answer in route.answers {
            var entry: [String: JSONValue] = ["description": .string(answer.about)]
            if !answer.content.isEmpty {
                entry["content"] = .object(answer.content.mapValues { $0 == [:] ? [:] : ["schema": $0] })
            }
            answers[String(answer.status)] = .object(entry)
        }
        let refusals = access == [] ? [] : [401, 403]
        for status in route.failures + refusals + [422, 429, 500] where answers[String(status)] == nil {
            answers[String(status)] = [
                "description": .string(Self.reasons[status] ?? "Error"),
                "content": ["application/json": ["schema": Schema.named("Error").json]],
            ]
        }
        operation["responses"] = .object(answers)
        return .object(operation)
    }

    private static let reasons = [
        400: "Wrong in the present state", 401: "A key is needed, or this one is of no use",
        403: "The key lacks the scope, or the page's origin isn't allowed", 404: "There is no such thing",
        409: "In conflict with what there is",
        413: "Too large", 415: "A body of another media type is needed", 422: "Fields are wrong: all are named",
        429: "Too many requests", 500: "The server failed", 503: "Not now: loading, busy or shutting down",
    ]

    private func pathParameters(_ path: String) -> [JSONValue] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { part in
            [
                "name": .string(String(part.dropFirst().dropLast())), "in": "path", "required": true,
                "schema": ["type": "string", "minLength": 1],
            ]
        }
    }

    private func parameter(_ field: FieldProperty, in place: JSONValue) -> JSONValue {
        [
            "name": .string(field.name), "in": place, "required": .bool(field.isRequired), "schema": field.schema,
        ]
    }

    private func requestBody(_ body: Route.Body) -> JSONValue {
        func schema(_ fields: [FieldProperty]) -> JSONValue {
            var object: [String: JSONValue] = [
                "type": "object",
                "properties": .object(
                    Dictionary(fields.map { ($0.name, $0.schema) }, uniquingKeysWith: { $1 })),
            ]
            let required = fields.filter(\.isRequired)
            if !required.isEmpty { object["required"] = .array(required.map { .string($0.name) }) }
            return .object(object)
        }
        switch body.kind {
        case .json:
            return [
                "required": .bool(body.fields.contains(where: \.isRequired)),
                "content": ["application/json": ["schema": schema(body.fields)]],
            ]
        case .form:
            return [
                "required": .bool((body.fields + body.files).contains(where: \.isRequired)),
                "content": ["multipart/form-data": ["schema": schema(body.fields + body.files)]],
            ]
        }
    }
}

/// The version the server tells.
enum ServerVersion {
    static let current = "0.4.0"
}
