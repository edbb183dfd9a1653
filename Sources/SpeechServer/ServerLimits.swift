/// What one client, and all of them together, may ask of the server.
public struct ServerLimits: Sendable, Equatable {
    /// WebSocket connections open at once; one more is refused with HTTP 503.
    public var maxConnections = 256
    /// Connections of any kind open at once; one more is refused with HTTP 503.
    public var maxOpenConnections = 512
    /// Requests a connection may have waiting behind the one being spoken.
    public var maxQueuedRequests = 8
    /// Bytes of one message, after fragments are joined. 3000 characters fit, even if each is JSON-escaped.
    public var maxMessageBytes = 4 << 20
    /// Bytes of one frame, a message or a fragment of one.
    public var maxFrameBytes = 4 << 20
    /// Bytes of the headers of an HTTP request.
    public var maxHeaderBytes = 32 << 10
    /// A WebSocket is closed after this long without a message from the client and without speech.
    public var connectionTimeout = Duration.seconds(30 * 60)
    /// A WebSocket is closed after this long, as soon as nothing is being spoken; nil is never.
    public var connectionLifetime: Duration? = .seconds(30 * 60)
    /// A WebSocket ping goes out this often; two intervals without any sign of life end the connection.
    public var pingInterval = Duration.seconds(20)
    /// How long a client may take nothing of what waits for it.
    public var sendTimeout = Duration.seconds(30)
    /// On shutdown, how long speech under way may go on before its connection is closed.
    public var drainTimeout = Duration.seconds(10)
    /// How long the peer has to answer a close frame.
    public var closeTimeout = Duration.seconds(2)
    /// How long a new connection has for TLS, and then for the head of its first request.
    public var headerTimeout = Duration.seconds(30)
    /// How long a request has for its body, beside a second for each ``BodyDeadline/bytesPerSecond`` bytes.
    public var bodyTimeout = Duration.seconds(30)
    /// How long an HTTP connection may be idle between requests.
    public var keepAliveTimeout = Duration.seconds(60)

    public init() {}

    /// - Parameter change: gets the defaults.
    public init(_ change: (inout ServerLimits) throws -> Void) rethrows { try change(&self) }
}
