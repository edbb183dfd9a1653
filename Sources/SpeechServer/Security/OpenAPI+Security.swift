import AccessControl

extension OpenAPI {
    /// The ways in which a key can be sent.
    static let schemes: JSONValue = [
        "bearer": ["type": "http", "scheme": "bearer", "description": "A key, or a JSON Web Token"],
        "api_key": ["type": "apiKey", "in": "header", "name": "X-API-Key"],
        "xi_api_key": ["type": "apiKey", "in": "header", "name": "xi-api-key"],
        "url": [
            "type": "apiKey", "in": "query", "name": .string(Credentials.parameter),
            "description": "For links, event sources and WebSockets of browsers, which can't send headers: GET only",
        ],
    ]

    /// What an operation asks for: one of the ways, with one of the scopes.
    func security(_ route: Route) -> JSONValue {
        guard needsKeys else { return [] }
        let scopes: Set<Scope>
        switch route.requirement {
        case .open: return []
        case .anyOf(let some): scopes = some
        case .monitoring: scopes = [.admin]
        }
        let names = JSONValue.strings(Scope.allCases.filter(scopes.contains).map(\.rawValue))
        let ways = ["bearer", "api_key", "xi_api_key"] + (route.method == .get ? ["url"] : [])
        return .array(ways.map { .object([$0: names]) })
    }
}
