import AccessControl
import HTTPTypes
import Hummingbird

/// Stands before each route: who asks, whether he may, whether it isn't too often.
struct AccessGate: Sendable {
    let policy: AccessPolicy

    /// A request and an answer, if it is let in.
    /// - Throws: `ServerError.refused`.
    func admit(
        _ request: Request, to route: Route, _ handle: (AccessClient?) async throws -> Response
    ) async throws -> Response {
        let credentials = Credentials(request, proxies: policy.proxies)
        if route.path == ServerRoutes.streamPath { try check(origin: credentials) }
        guard let needed = needed(by: route, from: credentials) else { return try await handle(nil) }
        do {
            let client = try await policy.client(presenting: credentials.presented, from: credentials.address)
            try client.require(needed)
            // What asks here was not let in as a WebSocket, maybe for want of a place.
            if route.path == ServerRoutes.streamPath { try client.openConnection().close() }
            let rate = try client.countRequest()
            var response = try await handle(client)
            for (name, value) in rate?.headers ?? [] {
                if let name = HTTPField.Name(name) { response.headers[name] = value }
            }
            return response
        } catch let refusal as AccessRefusal {
            throw ServerError.refused(refusal)
        }
    }

    /// Scopes of which one is needed; nil lets everybody in.
    private func needed(by route: Route, from credentials: Credentials) -> Set<Scope>? {
        switch route.requirement {
        case .open: nil
        case .anyOf(let scopes): scopes
        case .monitoring: policy.hasOpenMetrics || credentials.isLocal ? nil : [.admin]
        }
    }

    /// - Throws: `ServerError.refused` for a page of a foreign origin.
    private func check(origin credentials: Credentials) throws {
        guard policy.rules.origins.allows(credentials.origin, host: credentials.host) else {
            throw ServerError.refused(.originNotAllowed(credentials.origin ?? ""))
        }
    }

    /// Lets a WebSocket in.
    /// - Returns: who it is, and its place, which is to be given back when it closes.
    /// - Throws: `AccessRefusal`, `ServerError.refused`.
    func admit(webSocket credentials: Credentials) async throws -> (client: AccessClient, place: AccessPlace) {
        try check(origin: credentials)
        let client = try await policy.client(presenting: credentials.presented, from: credentials.address)
        try client.require(Route.Requirement.webSocket)
        let place = try client.openConnection()
        try client.countRequest()
        return (client, place)
    }
}

extension Route {
    /// What somebody has to have for a route.
    enum Requirement: Sendable, Equatable {
        /// Nothing.
        case open
        /// One of these scopes.
        case anyOf(Set<Scope>)
        /// `admin`, but for this machine itself, or if the operator opens it.
        case monitoring

        static let webSocket: Set<Scope> = [.speak]
    }

    /// As the route says, else by what it is about: to look at voices is part of speaking, to change them isn't; what others
    /// do is the operator's business.
    var requirement: Requirement {
        if let access { return access }
        switch tag {
        case .speech, .jobs: return .anyOf([.speak])
        case .voices: return .anyOf(method == .get ? [.speak, .voices] : [.voices])
        case .status: return .anyOf([.admin])
        case .server: return .anyOf(.all)
        }
    }
}
