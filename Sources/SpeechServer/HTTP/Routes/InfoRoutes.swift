import Foundation
import Hummingbird
import SpeechEngine

/// What the server is, and how it is set up.
struct InfoRoutes: Sendable {
    let service: SpeechService
    let rules: SpeechParameters.Rules
    let limits: ServerLimits
    let registry: ConnectionRegistry
    let address: (host: String, port: Int)
    /// All routes, these ones too.
    let all: @Sendable () -> [Route]

    private static let model = Schema.object([
        "id": .string, "object": .string, "created": .integer, "owned_by": .string, "is_default": .boolean,
        "state": .string, "memory_mb": .number, "languages": .list(.string), "voices": .list(.string),
        "voice_cloning": .boolean, "active_requests": .integer, "error": .nullable(.string),
    ])
    private static let health = Schema.object([
        "status": .choice(["healthy", "initializing", "error", "starting"]), "model_loaded": .boolean,
        "device": .string, "config": .map(.any), "models": .list(model), "memory_info": .map(.number),
        "initialization_state": .string, "initialization_progress": .string,
        "initialization_error": .nullable(.string),
    ])

    var routes: [Route] {
        [
            get("/health", "Whether the server is well", [.json(Self.health)], access: .open) { health() },
            get(
                "/ping", "Whether the server is there", [.json(.object(["status": .string, "message": .string]))],
                access: .open
            ) {
                ["status": "ok", "message": "Server is running"] as JSONValue
            },
            get(
                "/models", aliases: ["/audio/models"], "The models, as OpenAI lists them",
                [.json(.object(["object": .string, "data": .list(Self.model)]))]
            ) { ModelList(service.engine.models) },
            Route(
                method: .get, path: "/models/{model}", tag: .server, summary: "One model", answers: [.json(Self.model)],
                failures: [404]
            ) { call in
                let list = ModelList(service.engine.models).data
                let name = call.path("model")
                let isDefault = ModelField.tolerated.contains(name)
                guard let model = list.first(where: { $0.id == name || isDefault && $0.isDefault }) else {
                    throw ServerError.noSuch(kind: "model", name: name)
                }
                return try Response.json(model)
            },
            get(
                "/languages", "Languages that can be spoken",
                [
                    .json(
                        .object([
                            "languages": .list(.object(["code": .string, "name": .string])), "count": .integer,
                            "model_type": .string,
                        ]))
                ]
            ) { languages() },
            get(
                "/config", "How the server is set up",
                [
                    .json(
                        .object([
                            "api_info": .map(.any), "server": .map(.any), "model": .map(.any), "defaults": .map(.any),
                            "memory_management": .map(.any),
                        ]))
                ]
            ) { config() },
            get(
                "/endpoints", aliases: ["/routes"], "Every path, with its aliases",
                [
                    .json(
                        .object([
                            "total_endpoints": .integer, "total_aliases": .integer, "mappings": .map(.any),
                            "description": .string, "usage": .map(.any),
                        ]))
                ]
            ) { endpoints() },
            get(
                "/info", aliases: ["/api/info"], "State, statistics and the last requests in one",
                [
                    .json(
                        .object([
                            "api_name": .string, "version": .string, "status": .string,
                            "tts_status": StatusRoutes.status, "statistics": StatusRoutes.statistics,
                            "memory_info": .map(.number), "recent_requests": .list(StatusRoutes.record),
                            "uptime_info": .map(.any), "error": .nullable(.string),
                        ]))
                ], access: .anyOf([.admin])
            ) { info() },
        ]
    }

    private func get(
        _ path: String, aliases: [String] = [], _ summary: String, _ answers: [Route.Answer],
        access: Route.Requirement? = nil, _ body: @escaping @Sendable () -> any Encodable
    ) -> Route {
        Route(
            method: .get, path: path, aliases: aliases, tag: .server, summary: summary, answers: answers, access: access
        ) { _ in try Response.json(body()) }
    }

    private func health() -> Health {
        let engine = service.engine
        let isReady = engine.isReady
        return Health(
            status: isReady ? "healthy" : "initializing", modelLoaded: isReady,
            config: .init(
                model: engine.modelName, voices: engine.voices, defaultVoice: engine.defaultVoice,
                sampleRate: engine.sampleRateHz, maxTextLength: rules.inputLengths.upperBound,
                maxTotalLength: rules.inputLengths.upperBound, defaultExaggeration: rules.defaults.exaggeration,
                defaultCfgWeight: rules.defaults.cfgWeight, defaultTemperature: rules.defaults.temperature,
                maxConnections: limits.maxConnections, maxQueuedRequests: limits.maxQueuedRequests,
                connectionTimeoutSeconds: limits.connectionTimeout.components.seconds),
            models: ModelList(engine.models).data, memoryInfo: .current(),
            initializationState: isReady ? "ready" : "initializing",
            initializationProgress: isReady ? "Model ready" : "Loading model")
    }

    private func languages() -> JSONValue {
        var codes: [String] = []
        for model in service.engine.models {
            for code in model.languages where !codes.contains(code) { codes.append(code) }
        }
        if codes.isEmpty { codes = ["en"] }
        let english = Locale(identifier: "en")
        let languages = codes.sorted().map { code -> JSONValue in
            ["code": .string(code), "name": .string(english.localizedString(forLanguageCode: code) ?? code)]
        }
        return [
            "languages": .array(languages), "count": .count(languages.count),
            "model_type": .string(codes.count > 1 ? "multilingual" : "standard"),
        ]
    }

    private func config() -> JSONValue {
        [
            "api_info": [
                "name": "swift-chatterbox", "version": .string(ServerVersion.current), "api_version": "v1",
                "description": "Text to speech that leaves while it is made", "license": "MIT",
                "author": "swift-chatterbox",
                "platform": .string(ProcessInfo.processInfo.operatingSystemVersionString),
            ],
            "server": ["host": .string(address.host), "port": .count(address.port)],
            "model": [
                "device": "cpu", "name": .string(service.engine.modelName),
                "default_voice": .string(service.engine.defaultVoice),
            ],
            "defaults": [
                "exaggeration": .number(rules.defaults.exaggeration), "cfg_weight": .number(rules.defaults.cfgWeight),
                "temperature": .number(rules.defaults.temperature), "max_chunk_length": 280,
                "max_total_length": .count(rules.inputLengths.upperBound),
            ],
            "memory_management": [
                "memory_cleanup_interval": 0, "cuda_cache_clear_interval": 0, "enable_memory_monitoring": true,
            ],
        ]
    }

    private func endpoints() -> JSONValue {
        var mappings: [String: JSONValue] = [:]
        var aliasCount = 0
        for route in all() where mappings[route.path] == nil {
            let aliases = Array(route.paths.dropFirst())
            aliasCount += aliases.count
            mappings[route.path] = [
                "primary": .string(route.path), "aliases": .strings(aliases), "total_paths": .count(aliases.count + 1),
            ]
        }
        return [
            "total_endpoints": .count(mappings.count), "total_aliases": .count(aliasCount),
            "mappings": .object(mappings), "description": "Every path the server answers; /openapi.json says with what",
            "usage": [
                "primary_endpoints": "Short paths", "v1_aliases": "The same under /v1, for OpenAI's clients",
                "example": [
                    "primary": "/audio/speech", "aliases": ["/tts", "/v1/audio/speech"], "note": "All are the same",
                ],
            ],
        ]
    }

    private func info() -> JSONValue {
        let status = StatusRoutes(service: service)
        let statistics = status.statistics()
        return [
            "api_name": "swift-chatterbox", "version": .string(ServerVersion.current), "status": "operational",
            "tts_status": .object(status.current()), "statistics": .object(statistics),
            "memory_info": StatusRoutes.memory(),
            "recent_requests": .array(service.log.history.prefix(3).map { $0.json(at: Date()) }),
            "uptime_info": [
                "total_requests": statistics["total_requests"] ?? 0, "success_rate": statistics["success_rate"] ?? 0,
                "is_processing": statistics["is_processing"] ?? false,
            ], "error": .null,
        ]
    }
}
