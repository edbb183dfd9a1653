/// Why somebody isn't let in, or not now.
public enum AccessRefusal: Error, Sendable, Equatable {
    case noCredentials
    /// Wrong, expired or revoked; `reason` is for the client and has nothing of the key.
    case invalidCredentials(reason: String)
    case missingScope(needed: Set<Scope>)
    case originNotAllowed(String)
    case limitReached(ClientLimits.Name, allowed: Int, wait: Double?)
    /// Nobody can be checked at the moment.
    case unavailable(reason: String)

    public var code: String {
        switch self {
        case .noCredentials: "missing_api_key"
        case .invalidCredentials: "invalid_api_key"
        case .missingScope: "insufficient_scope"
        case .originNotAllowed: "origin_not_allowed"
        case .limitReached(.requestsPerMinute, _, _): "rate_limit_exceeded"
        case .limitReached(.connections, _, _): "too_many_connections"
        case .limitReached(.streams, _, _): "too_many_streams"
        case .limitReached(.audioSecondsPerRequest, _, _): "audio_too_long"
        case .limitReached(.audioSecondsPerDay, _, _): "audio_quota_exceeded"
        case .limitReached(.textLength, _, _), .limitReached(.jobTextLength, _, _): "text_too_long"
        case .limitReached(.uploadBytes, _, _), .limitReached(.uploadSeconds, _, _): "upload_too_large"
        case .unavailable: "authentication_unavailable"
        }
    }

    public var message: String {
        switch self {
        case .noCredentials:
            "This needs a key: send it as \"Authorization: Bearer KEY\" or \"X-API-Key: KEY\"; a WebSocket takes the subprotocol chatterbox.key.KEY or ?api_key=KEY as well"
        case .invalidCredentials(let reason): reason
        case .missingScope(let needed):
            "The key lacks the scope for this: \(needed.union([.admin]).text.replacing(",", with: " or "))"
        case .originNotAllowed(let origin):
            "Pages of \(origin.prefix(100)) may not use this server; its operator can name them in CORS_ORIGINS"
        case .limitReached(let name, let allowed, let wait):
            Self.excess(name, allowed) + (wait.map { "; try again in \(Self.seconds($0)) s" } ?? "")
        case .unavailable(let reason): reason
        }
    }

    /// The part of the request at fault.
    public var field: String? {
        switch self {
        case .limitReached(.textLength, _, _), .limitReached(.jobTextLength, _, _): "input"
        default: nil
        }
    }

    public var httpStatus: Int {
        switch self {
        case .noCredentials, .invalidCredentials: 401
        case .missingScope, .originNotAllowed: 403
        case .limitReached(.textLength, _, _), .limitReached(.jobTextLength, _, _): 422
        case .limitReached(.uploadBytes, _, _), .limitReached(.uploadSeconds, _, _): 413
        case .limitReached: 429
        case .unavailable: 503
        }
    }

    /// Seconds until it may be tried again.
    public var retryAfter: Double? {
        switch self {
        case .limitReached(_, _, let wait): wait
        case .unavailable: 5
        default: nil
        }
    }

    /// Headers of an HTTP answer that tells this.
    public var headers: [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        switch self {
        case .noCredentials: headers.append(("WWW-Authenticate", "Bearer realm=\"chatterbox\""))
        case .invalidCredentials:
            headers.append(("WWW-Authenticate", "Bearer realm=\"chatterbox\", error=\"invalid_token\""))
        case .missingScope(let needed):
            headers.append(
                (
                    "WWW-Authenticate",
                    "Bearer realm=\"chatterbox\", error=\"insufficient_scope\", scope=\"\(needed.text.replacing(",", with: " "))\""
                ))
        case .limitReached(.requestsPerMinute, let allowed, let wait):
            headers += RateStatus(allowed: allowed, remaining: 0, resetSeconds: wait ?? 60).headers
        default: break
        }
        if let retryAfter { headers.append(("Retry-After", String(Self.seconds(retryAfter)))) }
        return headers
    }

    private static func seconds(_ wait: Double) -> Int { max(1, Int(wait.rounded(.up))) }

    private static func excess(_ name: ClientLimits.Name, _ allowed: Int) -> String {
        switch name {
        case .requestsPerMinute: "Too many requests: \(allowed) a minute are allowed"
        case .connections: "Too many connections: \(allowed) at once are allowed"
        case .streams: "Too much at once: \(allowed) requests may be spoken or wait at the same time"
        case .audioSecondsPerRequest: "The speech is longer than the \(allowed) s that a request may have"
        case .audioSecondsPerDay: "The \(allowed) s of speech of this day are used up"
        case .textLength: "input is longer than the \(allowed) characters that are allowed"
        case .jobTextLength: "input is longer than the \(allowed) characters that a job is allowed"
        case .uploadBytes: "The recording is larger than the \(allowed) bytes that are allowed"
        case .uploadSeconds: "The recording is longer than the \(allowed) s that are allowed"
        }
    }
}

/// How a client stands with its requests per minute.
public struct RateStatus: Sendable, Equatable {
    public var allowed: Int
    public var remaining: Int
    /// Until all are there again.
    public var resetSeconds: Double

    public init(allowed: Int, remaining: Int, resetSeconds: Double) {
        (self.allowed, self.remaining, self.resetSeconds) = (allowed, remaining, resetSeconds)
    }

    /// As the IETF's draft names them, and as OpenAI's clients do.
    public var headers: [(name: String, value: String)] {
        let reset = String(max(0, Int(resetSeconds.rounded(.up))))
        return [
            ("RateLimit-Limit", String(allowed)), ("RateLimit-Remaining", String(remaining)),
            ("RateLimit-Reset", reset), ("X-RateLimit-Limit-Requests", String(allowed)),
            ("X-RateLimit-Remaining-Requests", String(remaining)), ("X-RateLimit-Reset-Requests", reset + "s"),
        ]
    }
}
