import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import SpeechEngine
import SpeechServer

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Start the server.",
        discussion: """
            Speech over WebSocket at /ws/stream/audio (docs/protocol.md) and over HTTP at /v1/audio/speech, a page to \
            try it at /, every route at /openapi.json (docs/http-api.md).

            More settings by environment only: EXAGGERATION, CFG_WEIGHT and TEMPERATURE are used where a request says \
            nothing; LONG_TEXT_MAX_LENGTH, LONG_TEXT_CHUNK_SIZE, LONG_TEXT_SILENCE_PADDING_MS, \
            LONG_TEXT_JOB_RETENTION_DAYS and LONG_TEXT_MAX_CONCURRENT_JOBS are of long texts.

            Each option says which environment variable stands in for it, and its default.
            """)

    @Option(
        help: """
            The address to listen on. [HOST; 0.0.0.0 if there are keys or with --no-authentication, else 127.0.0.1]
            """)
    var host: String?

    @Option(help: "The port to listen on; 0 takes a free one. [PORT; 8000]")
    var port: String?

    @OptionGroup var model: ModelOptions

    @OptionGroup(title: "Access") var access: AccessOptions

    @Option(
        help: ArgumentHelp(
            """
            Settings as lines of NAME=value, by the names in brackets. Limits and CORS_ORIGINS are heeded when it changes             or on SIGHUP, others at the next start. [CHATTERBOX_CONFIG]
            """, valueName: "file"))
    var config: String?

    @Option(
        help: """
            Requests of a model spoken at the same time, even if that is slower than real time; others wait. \
            [CHATTERBOX_MAX_SESSIONS; as many as stay in real time, by what speech has cost lately]
            """)
    var maxSessions: String?

    @Option(help: "Requests of a model that may wait to be spoken. [CHATTERBOX_MAX_WAITING; 32]")
    var maxWaiting: String?

    @OptionGroup var transport: TransportOptions

    @Option(
        help: ArgumentHelp(
            """
            What all loaded models may take together, by the size of their files; idle ones make room. The first is \
            always loaded. 0 is no limit. [CHATTERBOX_MEMORY_BUDGET; three quarters of the machine's]
            """, valueName: "MiB"))
    var memoryBudget: String?

    @Option(
        help: ArgumentHelp(
            "Unload a model other than the first after so long without requests; 0 is never. [CHATTERBOX_IDLE_UNLOAD; 600]",
            valueName: "seconds"))
    var idleUnload: String?

    @Flag(help: "Load every model at the start, not when it is first asked for.")
    var preload = false

    @Option(
        help: ArgumentHelp("The folder of the voice library. [VOICE_LIBRARY_DIR; voices]", valueName: "folder"))
    var voices: String?

    @Option(
        help: ArgumentHelp(
            "The folder of long texts that are spoken in the background. [LONG_TEXT_DATA_DIR; data/long_text]",
            valueName: "folder"))
    var jobs: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. [LOG_LEVEL; info]")
    var logLevel: String?

    @Option(help: "text, or json: one object a line. [LOG_FORMAT; text]")
    var logFormat: String?

    @Option(
        help: ArgumentHelp(
            "Log a warning of a request that took longer to its first audio, or its answer; 0 is none. [CHATTERBOX_SLOW_REQUEST; 0]",
            valueName: "seconds"))
    var slowRequest: String?

    @Option(help: "Whether there is /metrics for Prometheus: on or off. [CHATTERBOX_METRICS; on]")
    var metrics: String?

    /// By their keys in ``Settings``, also those not given.
    private var arguments: [String: String?] {
        let own: [String: String?] = [
            "host": host, "port": port, "chatterbox.max.sessions": maxSessions, "chatterbox.max.waiting": maxWaiting,
            "chatterbox.memory.budget": memoryBudget, "chatterbox.idle.unload": idleUnload,
            "voice.library.dir": voices, "long.text.data.dir": jobs, "log.level": logLevel?.lowercased(),
            "log.format": logFormat?.lowercased(), "chatterbox.slow.request": slowRequest,
            "chatterbox.metrics": metrics,
        ]
        return own.merging(model.arguments) { $1 }.merging(transport.arguments) { $1 }
            .merging(access.arguments) { $1 }
    }

    func run() async throws {
        let names = Settings.names(arguments.keys)
        let file = try await ConfigurationFile.named(config, names: names)
        let settings = Settings(arguments: arguments, file: file)

        try settings.startLogging()
        let exporter = try settings.startMetrics()
        let logger = Logger(label: "chatterbox")

        let access = try await settings.access()
        let host = access.host
        let port = try settings.port()
        FileLimit.raise()
        SpeechEngine.boundMemory()
        let limits = try settings.limits()
        let tls = try settings.tls(logger)
        let models = try settings.makeRegistry()
        let server = try ChatterboxServer(
            engine: models,
            configuration: .init(
                host: host, port: port, limits: limits, tls: tls, defaults: try settings.speechDefaults(),
                access: access.policy,
                pages: ProjectFiles.pages(), voices: try settings.voiceStore(logger), jobs: try settings.jobs(logger),
                exporter: exporter, slowRequest: try settings.slowRequest()),
            logger: logger,
            onRunning: { port in
                Self.greet(host: host, port: port, isSecure: tls != nil, access: access.notice)
            })
        // Services stop in reverse order: the server drains, then the engine goes.
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    EngineService(models: models, preload: preload, logger: logger),
                    AccessReload(policy: access.policy, settings: settings, file: file, names: names, logger: logger),
                ] + (file.map { [$0] } ?? []) + [server],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch let error as EngineService.LoadFailure {
            throw ValidationError("The model can't be loaded: \(error.cause)")
        } catch {
            throw ValidationError(
                "Can't listen on \(host):\(port): \(error). Choose another port with --port, or an address with --host."
            )
        }
    }

    private static func greet(host: String, port: Int, isSecure: Bool, access: String) {
        let (http, ws) = isSecure ? ("https", "wss") : ("http", "ws")
        let reachable = host == "0.0.0.0" || host == "::" ? "localhost" : host
        let name = CommandLine.arguments.first ?? "chatterbox"
        print(
            """

            Listening on \(http)://\(reachable):\(port)/
            Open to \(access).

              Hear it in a browser:   \(http)://\(reachable):\(port)/
              Make a file right now:  \(name) say "Hello! This is Chatterbox." -o hello.wav
              From Python:            python3 Examples/websocket_client_python.py --url \(ws)://\(reachable):\(port)
              Stop:                   Ctrl-C

            """)
        fflush(nil)
    }
}

/// Loads the default model while the server answers already, unloads idle ones, and stops all after the server.
struct EngineService: Service {
    struct LoadFailure: Error {
        let cause: any Error
    }

    let models: ModelRegistry<SpeechEngine>
    /// Whether the others are loaded too; one that can't be is logged and told to those who ask for it.
    let preload: Bool
    let logger: Logger

    func run() async throws {
        do {
            try await load(nil)
        } catch {
            throw LoadFailure(cause: error)
        }
        let others = preload ? models.models.filter { !$0.isDefault }.map(\.name) : []
        await cancelWhenGracefulShutdown {
            for name in others {
                do {
                    try await load(name)
                } catch {
                    logger.warning("not loaded", metadata: ["model": "\(name)", "reason": "\(error)"])
                }
            }
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                for name in models.unloadIdle() { logger.info("unloaded", metadata: ["model": "\(name)"]) }
            }
        }
        await models.shutdown()
    }

    private func load(_ name: String?) async throws {
        let start = ContinuousClock.now
        try await models.load(name)
        logger.info(
            "ready", metadata: ["model": "\(name ?? models.modelName)", "seconds": "\(ContinuousClock.now - start)"])
    }
}
