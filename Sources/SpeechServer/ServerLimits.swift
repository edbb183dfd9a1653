/// What one client, and all of them together, may ask of the server.
public struct ServerLimits: Sendable, Equatable {
    /// WebSocket connections open at once; one more is refused with HTTP 503.
    public var maxConnections: Int
    /// Requests a connection may have waiting behind the one being spoken.
    public var maxQueuedRequests: Int
    /// Bytes of one message, after fragments are joined. 3000 characters fit, even if each is JSON-escaped.
    public var maxMessageBytes: Int
    /// A connection is closed after this long without a message from the client and without speech.
    public var connectionTimeout: Duration
    /// A WebSocket ping goes out this often; two intervals without any sign of life end the connection.
    public var pingInterval: Duration
    /// On shutdown, how long speech under way may go on before its connection is closed.
    public var drainTimeout: Duration
    /// How long the peer has to answer a close frame, and a new connection to send its first request line.
    public var closeTimeout: Duration
    public var firstRequestTimeout: Duration

    public init(
        maxConnections: Int = 256,
        maxQueuedRequests: Int = 8,
        maxMessageBytes: Int = 4 << 20,
        connectionTimeout: Duration = .seconds(30 * 60),
        pingInterval: Duration = .seconds(20),
        drainTimeout: Duration = .seconds(10),
        closeTimeout: Duration = .seconds(2),
        firstRequestTimeout: Duration = .seconds(30)
    ) {
        self.maxConnections = maxConnections
        self.maxQueuedRequests = maxQueuedRequests
        self.maxMessageBytes = maxMessageBytes
        self.connectionTimeout = connectionTimeout
        self.pingInterval = pingInterval
        self.drainTimeout = drainTimeout
        self.closeTimeout = closeTimeout
        self.firstRequestTimeout = firstRequestTimeout
    }
}
