import AccessControl
import ArgumentParser
import Foundation
import Logging

/// Who may use the server, and how much of it.
struct AccessOptions: ParsableArguments {
    @Flag(
        inversion: .prefixedNo,
        help: """
            Whether clients need a key or a token. [CHATTERBOX_AUTHENTICATION on or off; on if there are keys, or tokens \
            are set up; else only this machine can reach the server, without a key]
            """)
    var authentication: Bool?

    @Option(
        help: ArgumentHelp(
            "The keys that chatterbox key makes. [CHATTERBOX_KEYS; data/keys.sqlite]", valueName: "file"))
    var keys: String?

    @Option(
        help: ArgumentHelp(
            """
            What each key or token may ask for, such as requests_per_minute=60,streams=2: see docs/access.md. \
            [CHATTERBOX_KEY_LIMITS; none]
            """, valueName: "limits"))
    var keyLimits: String?

    @Option(
        help: ArgumentHelp(
            "The same of each address without a key. [CHATTERBOX_ADDRESS_LIMITS; none]", valueName: "limits"))
    var addressLimits: String?

    @Option(
        help: ArgumentHelp(
            "Pages of which origins may use the server over HTTP and WebSockets. [CORS_ORIGINS; *]",
            valueName: "origins"))
    var corsOrigins: String?

    @Option(
        help: ArgumentHelp(
            "Proxies of your own in front of the server, whose header tells a client's address. [CHATTERBOX_TRUSTED_PROXIES; 0]",
            valueName: "number"))
    var trustedProxies: String?

    @Option(
        help: ArgumentHelp(
            "That header: x-forwarded-for or forwarded. [CHATTERBOX_PROXY_HEADER; x-forwarded-for]",
            valueName: "name"))
    var proxyHeader: String?

    @Option(
        help: ArgumentHelp("Who has to have issued tokens, as in their iss. [CHATTERBOX_JWT_ISSUER]", valueName: "name")
    )
    var jwtIssuer: String?

    @Option(
        help: ArgumentHelp("Whom tokens have to be for, as in their aud. [CHATTERBOX_JWT_AUDIENCE]", valueName: "name"))
    var jwtAudience: String?

    @Option(
        help: ArgumentHelp(
            """
            JSON Web Key Set that RS256 and ES256 tokens are checked with. HS256 takes a secret from the environment, \
            CHATTERBOX_JWT_SECRET. [CHATTERBOX_JWT_KEYS]
            """, valueName: "file or URL"))
    var jwtKeys: String?

    @Option(
        help: ArgumentHelp(
            "Read that set again so often; an unknown key has it read at once. [CHATTERBOX_JWT_REFRESH; 300]",
            valueName: "seconds"))
    var jwtRefresh: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether /metrics is for everybody, not for admins and this machine only. [CHATTERBOX_OPEN_METRICS; off]")
    var openMetrics: Bool?

    /// By their keys in ``Settings``.
    var arguments: [String: String?] {
        [
            "chatterbox.authentication": authentication.map { $0 ? "on" : "off" }, "chatterbox.keys": keys,
            "chatterbox.key.limits": keyLimits, "chatterbox.address.limits": addressLimits,
            "cors.origins": corsOrigins, "chatterbox.trusted.proxies": trustedProxies,
            "chatterbox.proxy.header": proxyHeader?.lowercased(), "chatterbox.jwt.issuer": jwtIssuer,
            "chatterbox.jwt.audience": jwtAudience, "chatterbox.jwt.keys": jwtKeys,
            "chatterbox.jwt.refresh": jwtRefresh, "chatterbox.open.metrics": openMetrics.map { $0 ? "on" : "off" },
        ]
    }
}

/// Who is let in, and where the server listens because of it.
struct AccessSetup {
    var policy: AccessPolicy
    var host: String
    /// Tells the operator.
    var notice: String
}

extension Settings {
    static let keysFile = "data/keys.sqlite"

    var keysFile: URL { URL(filePath: string("chatterbox.keys", default: Self.keysFile)) }

    /// What may change while the server runs.
    func accessRules() throws -> AccessPolicy.Rules {
        do throws(AccessError) {
            return AccessPolicy.Rules(
                keyLimits: try ClientLimits(parsing: string("chatterbox.key.limits", default: "")),
                addressLimits: try ClientLimits(parsing: string("chatterbox.address.limits", default: "")),
                origins: try OriginPolicy(parsing: string("cors.origins", default: "*")))
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// nil if nobody said.
    func authentication() throws -> Switch? {
        string("chatterbox.authentication") == nil ? nil : try choice("chatterbox.authentication", default: .off)
    }

    func hasOpenMetrics() throws -> Bool { try choice("chatterbox.open.metrics", default: Switch.off) == .on }

    func proxyTrust() throws -> ProxyTrust {
        ProxyTrust(
            hops: try integer("chatterbox.trusted.proxies", in: 0...16, default: 0),
            header: try choice("chatterbox.proxy.header", default: .xForwardedFor))
    }

    func tokenRefresh() throws -> Int { try integer("chatterbox.jwt.refresh", in: 1...86_400, default: 300) }

    /// Without keys, tokens and a word from the operator, nobody but this machine gets in; asked to listen for others, the
    /// server doesn't start, as nobody could tell whether that was meant.
    func access() async throws -> AccessSetup {
        do {
            let tokens = try await tokenVerifier()
            let asked = try authentication()
            var isRequired = asked == .on
            var keys: KeyStore?
            // A server that nobody wants keys of makes no file for them.
            if asked != .off, isRequired || FileManager.default.fileExists(atPath: keysFile.path) {
                keys = try KeyStore(file: keysFile)
            }
            if asked == nil { isRequired = try tokens != nil || keys?.hasActiveKeys() == true }
            if isRequired, keys == nil { keys = try KeyStore(file: keysFile) }

            let isDecided = asked != nil || isRequired
            let host = string("host", default: isDecided ? "0.0.0.0" : "127.0.0.1")
            guard isDecided || Self.isLoopback(host) else {
                throw ValidationError(
                    """
                    On \(host) others can reach the server, and there are no keys. Make one with "chatterbox key create \
                    --name me", or say --no-authentication if everybody may use it, or listen on 127.0.0.1.
                    """)
            }
            let policy = AccessPolicy(
                isRequired: isRequired, hasOpenMetrics: try hasOpenMetrics(), proxies: try proxyTrust(), keys: keys,
                tokens: tokens, rules: try accessRules())
            return AccessSetup(policy: policy, host: host, notice: try Self.notice(isRequired, host, keys, tokens))
        } catch let error as AccessError {
            throw ValidationError("\(error)")
        }
    }

    private static func notice(
        _ isRequired: Bool, _ host: String, _ keys: KeyStore?, _ tokens: TokenVerifier?
    ) throws -> String {
        guard isRequired else {
            return isLoopback(host)
                ? "this machine only, without a key; to let others in: chatterbox key create"
                : "everybody who can reach it, without a key (--no-authentication)"
        }
        let ways = (try keys?.hasActiveKeys() == true ? ["a key"] : []) + (tokens == nil ? [] : ["a token"])
        return ways.isEmpty
            ? "nobody yet: there are no keys; chatterbox key create makes one, which counts at once"
            : "whoever has \(ways.joined(separator: " or "))"
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || ProxyTrust.isLoopback(host)
    }

    private func tokenVerifier() async throws -> TokenVerifier? {
        let secret = string("chatterbox.jwt.secret").map { Data($0.utf8) }
        let refresh = try tokenRefresh()
        let keySet = try string("chatterbox.jwt.keys").map { try KeySetSource($0, refreshSeconds: Double(refresh)) }
        let (issuer, audience) = (string("chatterbox.jwt.issuer"), string("chatterbox.jwt.audience"))
        if secret == nil, keySet == nil {
            guard issuer == nil, audience == nil else {
                throw ValidationError("Tokens need keys to check them with: --jwt-keys, or CHATTERBOX_JWT_SECRET.")
            }
            return nil
        }
        // A token that was issued for another service must not open this one.
        guard let issuer, let audience else {
            throw ValidationError("Tokens need --jwt-issuer and --jwt-audience, which theirs are compared with.")
        }
        return try await TokenVerifier(
            .init(issuer: issuer, audience: audience, secret: secret, keySet: keySet))
    }
}
