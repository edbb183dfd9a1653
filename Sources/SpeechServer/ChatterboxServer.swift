import AccessControl
import CoreMetrics
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import SpeechEngine
import Telemetry
import VoiceLibrary

/// The server: text in and speech out over a WebSocket, status and a page over HTTP.
///
/// Run it in a `ServiceGroup` after the engine, so that on shutdown it drains before the engine stops.
public struct ChatterboxServer: Service {
    public struct Configuration: Sendable {
        public var host: String
        /// 0 takes any free port; `onRunning` tells which.
        public var port: Int
        public var limits: ServerLimits
        /// Connections are encrypted with it; nil is a server in clear text.
        public var tls: TLSIdentity?
        /// What is used where a request says nothing.
        public var defaults: SpeechDefaults
        /// Who may do what.
        public var access: AccessPolicy
        /// The folder of the page served at `/`, read once.
        public var pages: URL?
        /// Voices beyond the models' own; nil is a server without a library.
        public var voices: VoiceStore?
        /// Long texts; nil is a server that takes none.
        public var jobs: Jobs?
        /// What `/metrics` tells; nil is a server without it, which measures for swift-metrics' own system.
        public var exporter: PrometheusFactory?
        /// What takes longer to its first audio, or its answer, is told in the log; nil tells nothing.
        public var slowRequest: Duration?

        /// How long texts are spoken in the background.
        public struct Jobs: Sendable {
            public var store: JobStore
            /// Jobs at the same time.
            public var workers: Int
            /// Characters that a job's text may have.
            public var maxLength: Int
            /// Characters of a chunk.
            public var chunkSize: Int
            /// Silence between the paragraphs of two chunks.
            public var paddingMs: Int
            /// Jobs that have ended are forgotten after so long.
            public var retentionDays: Int

            public init(
                store: JobStore, workers: Int = 3, maxLength: Int = 100_000, chunkSize: Int = 2500,
                paddingMs: Int = 200, retentionDays: Int = 7
            ) {
                (self.store, self.workers, self.maxLength) = (store, workers, maxLength)
                (self.chunkSize, self.paddingMs, self.retentionDays) = (chunkSize, paddingMs, retentionDays)
            }
        }

        public init(
            host: String = "0.0.0.0", port: Int = 8000, limits: ServerLimits = .init(), tls: TLSIdentity? = nil,
            defaults: SpeechDefaults = .init(), access: AccessPolicy = .init(),
            pages: URL? = nil, voices: VoiceStore? = nil, jobs: Jobs? = nil, exporter: PrometheusFactory? = nil,
            slowRequest: Duration? = nil
        ) {
            self.host = host
            self.port = port
            self.limits = limits
            self.tls = tls
            self.defaults = defaults
            self.access = access
            self.pages = pages
            self.voices = voices
            self.jobs = jobs
            self.exporter = exporter
            self.slowRequest = slowRequest
        }
    }

    private let application: Application<RouterResponder<BasicRequestContext>>
    private let jobs: JobRunner?
    private let tls: TLSIdentity?
    private let registry: ConnectionRegistry
    private let limits: ServerLimits

    /// - Parameter onRunning: called once with the port that is listened on.
    /// - Throws: if the page can't be read.
    public init(
        engine: any SpeechSynthesizing, configuration: Configuration, logger: Logger,
        onRunning: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws {
        let limits = configuration.limits
        let registry = ConnectionRegistry(limit: limits.maxConnections, openLimit: limits.maxOpenConnections)
        (self.limits, self.registry, tls) = (limits, registry, configuration.tls)
        let metrics = ServerMetrics(
            factory: configuration.exporter ?? MetricsSystem.factory, slowRequest: configuration.slowRequest)
        let service = SpeechService(engine: engine, voices: configuration.voices, metrics: metrics)
        let routes = ServerRoutes(
            service: service, settings: configuration, registry: registry,
            pages: try configuration.pages.map(Pages.init))
        jobs = configuration.jobs.map { jobs in
            JobRunner(
                store: jobs.store, service: service, rules: routes.jobRules, settings: .init(jobs), logger: logger)
        }
        application = Application(
            router: routes.makeRouter(),
            server: HTTPServerBuilder { responder in
                UpgradableHTTPChannel(
                    responder: PeerAddress.told(to: responder), gate: AccessGate(policy: configuration.access),
                    path: ServerRoutes.streamPath, limits: limits, registry: registry, tls: configuration.tls,
                    metrics: metrics,
                    serve: { [defaults = configuration.defaults] channel, client, logger in
                        await Self.serve(channel, service.of(client), defaults, limits, logger)
                    })
            },
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: "swift-chatterbox",
                backlog: 1024,
                // Room to refuse some; beyond it, connections wait in the backlog.
                availableConnectionsDelegate: .maximum(limits.maxOpenConnections + 64, logger: logger)),
            onServerRunning: { channel in onRunning(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
    }

    public func run() async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await serve() }
            if let jobs { group.addTask { try await jobs.run() } }
            if let tls { group.addTask { try await tls.run() } }
            // Unlike `waitForAll`, this lets the first failure end the others.
            while try await group.next() != nil {}
        }
    }

    /// Listens, and goes on doing so for a while when the server is to stop: those who ask are told that it stops, and what
    /// is being spoken is finished.
    private func serve() async throws {
        let server = ServiceGroup(configuration: .init(services: [application], logger: application.logger))
        // Detached, because a child would hear of the stop at once.
        let serving = Task.detached { try await server.run() }
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await serving.value
            } onGracefulShutdown: {
                Task { await drain(server) }
            }
        } onCancel: {
            serving.cancel()
        }
    }

    private func drain(_ server: ServiceGroup) async {
        let deadline = ContinuousClock.now + limits.drainTimeout
        registry.drain()
        while !registry.isIdle, .now < deadline { try? await Task.sleep(for: .milliseconds(20)) }
        await server.triggerGracefulShutdown()
        // Close frames are answered, and short answers read.
        try? await Task.sleep(for: limits.closeTimeout)
        registry.closeAll()
    }

    /// Holds one WebSocket's conversation from the first message until the connection is down.
    private static func serve(
        _ channel: UpgradableHTTPChannel.MessageChannel, _ service: SpeechService, _ defaults: SpeechDefaults,
        _ limits: ServerLimits, _ logger: Logger
    ) async {
        let connectionID = ConnectionID.make()
        var logger = logger
        logger[metadataKey: "connection"] = "\(connectionID)"
        logger.info(
            "connected",
            metadata: [
                "peer": "\(channel.channel.remoteAddress?.description ?? "unknown")",
                "client": "\(service.client?.name ?? "unknown")",
            ])
        do {
            try await channel.executeThenClose { inbound, outbound in
                let session = StreamingSession(
                    connectionID: connectionID, service: service, defaults: defaults, limits: limits,
                    logger: logger,
                    send: { try await outbound.write($0) })
                await session.run(inbound)
            }
        } catch {
            logger.debug("connection failed", metadata: ["error": "\(error)"])
        }
        logger.info("disconnected")
    }
}
