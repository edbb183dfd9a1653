import ArgumentParser
import Logging
import SpeechServer

/// Connections: how many, how large, how long, how secret.
struct TransportOptions: ParsableArguments {
    @Option(help: "WebSocket connections open at the same time. [CHATTERBOX_MAX_CONNECTIONS; 256]")
    var maxConnections: String?

    @Option(
        help: """
            Connections of any kind open at the same time; one more gets a 503. \
            [CHATTERBOX_MAX_OPEN_CONNECTIONS; 256 more than WebSockets]
            """)
    var maxOpenConnections: String?

    @Option(
        help: ArgumentHelp(
            "Close a WebSocket on which nothing was asked for so long. [CHATTERBOX_CONNECTION_TIMEOUT; 1800]",
            valueName: "seconds"))
    var connectionTimeout: String?

    @Option(
        help: ArgumentHelp(
            """
            Close a WebSocket after so long, as soon as nothing is being spoken; 0 is never. \
            [CHATTERBOX_CONNECTION_LIFETIME; 1800]
            """, valueName: "seconds"))
    var connectionLifetime: String?

    @Option(
        help: ArgumentHelp(
            "Ping each WebSocket so often; one that shows no life until the next ping is closed. [CHATTERBOX_PING_INTERVAL; 20]",
            valueName: "seconds"))
    var pingInterval: String?

    @Option(
        help: ArgumentHelp(
            "Close a connection that takes nothing of what waits for it for so long. [CHATTERBOX_SEND_TIMEOUT; 30]",
            valueName: "seconds"))
    var sendTimeout: String?

    @Option(
        help: ArgumentHelp(
            "Close a connection that hasn't sent the head of a request after so long. [CHATTERBOX_HEADER_TIMEOUT; 30]",
            valueName: "seconds"))
    var headerTimeout: String?

    @Option(
        help: ArgumentHelp(
            "Answer 408 to a body that takes longer, beside a second for each KiB. [CHATTERBOX_BODY_TIMEOUT; 30]",
            valueName: "seconds"))
    var bodyTimeout: String?

    @Option(
        help: ArgumentHelp(
            "Close an HTTP connection that is idle between requests for so long. [CHATTERBOX_KEEP_ALIVE_TIMEOUT; 60]",
            valueName: "seconds"))
    var keepAliveTimeout: String?

    @Option(
        help: ArgumentHelp(
            "The largest message of a WebSocket. [CHATTERBOX_MAX_MESSAGE_BYTES; 4194304]", valueName: "bytes"))
    var maxMessageBytes: String?

    @Option(
        help: ArgumentHelp(
            "The largest frame of a WebSocket. [CHATTERBOX_MAX_FRAME_BYTES; as large as a message]", valueName: "bytes")
    )
    var maxFrameBytes: String?

    @Option(
        help: ArgumentHelp(
            "The largest head of an HTTP/1.1 request. [CHATTERBOX_MAX_HEADER_BYTES; 32768]", valueName: "bytes"))
    var maxHeaderBytes: String?

    @Option(
        help: ArgumentHelp(
            "When told to stop, let speech go on for so long. [CHATTERBOX_GRACE; 10]", valueName: "seconds"))
    var grace: String?

    @Option(
        help: ArgumentHelp(
            "PEM file with the certificate chain, for https and wss; read anew when it changes. [CHATTERBOX_TLS_CERTIFICATE]",
            valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("PEM file with the certificate's key. [CHATTERBOX_TLS_KEY]", valueName: "file"))
    var tlsKey: String?

    /// By their keys in ``Settings``.
    var arguments: [String: String?] {
        [
            "chatterbox.max.connections": maxConnections, "chatterbox.max.open.connections": maxOpenConnections,
            "chatterbox.connection.timeout": connectionTimeout, "chatterbox.connection.lifetime": connectionLifetime,
            "chatterbox.ping.interval": pingInterval, "chatterbox.send.timeout": sendTimeout,
            "chatterbox.header.timeout": headerTimeout, "chatterbox.body.timeout": bodyTimeout,
            "chatterbox.keep.alive.timeout": keepAliveTimeout, "chatterbox.max.message.bytes": maxMessageBytes,
            "chatterbox.max.frame.bytes": maxFrameBytes, "chatterbox.max.header.bytes": maxHeaderBytes,
            "chatterbox.grace": grace, "chatterbox.tls.certificate": tlsCertificate, "chatterbox.tls.key": tlsKey,
        ]
    }
}

extension Settings {
    func limits() throws -> ServerLimits {
        func seconds(_ key: String, from least: Int = 1, _ fallback: Duration) throws -> Duration {
            .seconds(try integer(key, in: least...604_800, default: Int(fallback.components.seconds)))
        }
        return try ServerLimits { limits in
            limits.maxConnections = try integer(
                "chatterbox.max.connections", in: 1...100_000, default: limits.maxConnections)
            limits.maxOpenConnections = try integer(
                "chatterbox.max.open.connections", in: 1...200_000, default: limits.maxConnections + 256)
            limits.connectionTimeout = try seconds("chatterbox.connection.timeout", limits.connectionTimeout)
            let lifetime = try seconds("chatterbox.connection.lifetime", from: 0, .seconds(1800))
            limits.connectionLifetime = lifetime == .zero ? nil : lifetime
            limits.pingInterval = try seconds("chatterbox.ping.interval", limits.pingInterval)
            limits.sendTimeout = try seconds("chatterbox.send.timeout", limits.sendTimeout)
            limits.headerTimeout = try seconds("chatterbox.header.timeout", limits.headerTimeout)
            limits.bodyTimeout = try seconds("chatterbox.body.timeout", limits.bodyTimeout)
            limits.keepAliveTimeout = try seconds("chatterbox.keep.alive.timeout", limits.keepAliveTimeout)
            limits.maxMessageBytes = try integer(
                "chatterbox.max.message.bytes", in: 1024...1 << 30, default: limits.maxMessageBytes)
            limits.maxFrameBytes = try integer(
                "chatterbox.max.frame.bytes", in: 125...1 << 30, default: limits.maxMessageBytes)
            limits.maxHeaderBytes = try integer(
                "chatterbox.max.header.bytes", in: 1024...1 << 20, default: limits.maxHeaderBytes)
            limits.drainTimeout = try seconds("chatterbox.grace", from: 0, limits.drainTimeout)
        }
    }

    /// nil if neither file is given.
    func tls(_ logger: Logger) throws -> TLSIdentity? {
        guard let files = try tlsFiles() else { return nil }
        do {
            return try TLSIdentity(certificateFile: files.certificate, keyFile: files.key, logger: logger)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func tlsFiles() throws -> (certificate: String, key: String)? {
        switch (string("chatterbox.tls.certificate"), string("chatterbox.tls.key")) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return (certificate, key)
        default:
            throw ValidationError(
                "--tls-certificate and --tls-key (or CHATTERBOX_TLS_CERTIFICATE and _KEY) go together.")
        }
    }
}
