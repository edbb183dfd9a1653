/// Pages of which origins may use the server.
public struct OriginPolicy: Sendable, Equatable {
    /// nil is all.
    public let allowed: [String]?

    public static let all = OriginPolicy(allowed: nil)

    private init(allowed: [String]?) { self.allowed = allowed }

    /// - Parameter text: `*`, or origins such as `https://example.org` with commas or white space between; none is none.
    /// - Throws: `AccessError.invalid`.
    public init(parsing text: String) throws(AccessError) {
        let words = text.split(whereSeparator: { $0 == "," || $0.isWhitespace }).map(String.init)
        if words == ["*"] {
            allowed = nil
            return
        }
        for word in words {
            let parts = word.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0].hasSuffix(":"), parts[0].count > 1, parts[1].isEmpty, !parts[2].isEmpty
            else {
                throw .invalid(
                    field: "CORS_ORIGINS", value: word,
                    allowed: "*, or origins such as https://example.org, without a path")
            }
        }
        allowed = words.map { $0.lowercased() }
    }

    /// - Parameters:
    ///   - origin: as the browser sends it; a client that sends none is no page.
    ///   - host: the request's own: the server's own page may always.
    public func allows(_ origin: String?, host: String?) -> Bool {
        guard let allowed, let origin = origin?.lowercased() else { return true }
        if allowed.contains(origin) { return true }
        guard let host, let start = origin.firstRange(of: "://")?.upperBound else { return false }
        return origin[start...] == host.lowercased()
    }
}
