import Foundation
import Hummingbird
import SpeechEngine
import Synchronization

/// How much memory the process has, and what to do about it.
struct MemoryRoutes: Sendable {
    let service: SpeechService
    let rules: SpeechParameters.Rules
    private let thresholds = Thresholds()

    init(service: SpeechService, rules: SpeechParameters.Rules) { (self.service, self.rules) = (service, rules) }

    private final class Thresholds: Sendable {
        let cpuMemoryPercent = Mutex(85.0)
        /// Kept and told, though there is no such memory here.
        let gpuMemoryMb = Mutex(8192)

        var json: JSONValue {
            [
                "cpu_memory_percent": .number(cpuMemoryPercent.withLock { $0 }),
                "gpu_memory_mb": .count(gpuMemoryMb.withLock { $0 }),
            ]
        }
    }

    private static let cleanup = FlagField("cleanup", default: false, "Gives free memory back to the system first")
    private static let cuda = FlagField("force_cuda_clear", default: false, "Without effect: there is no CUDA here")
    private static let alerts = FlagField("include_alerts", default: true, "Adds alerts")
    private static let cpuPercent = NumberField(
        "cpu_memory_percent", 50...95, default: 85, "Share of the machine's memory that is worth an alert")
    private static let gpuMb = IntegerField("gpu_memory_mb", 1024...32768, default: 8192, "Kept, without effect")
    private static let info = Schema.object(["cpu_memory_mb": .number, "cpu_memory_percent": .number])

    var routes: [Route] {
        [
            Route(
                method: .get, path: "/memory", tag: .status, summary: "How much memory the server has",
                query: [Self.cleanup.property, Self.cuda.property, Self.alerts.property],
                answers: [
                    .json(
                        .object([
                            "memory_info": Self.info, "request_counter": .integer, "cleanup_performed": .boolean,
                            "cuda_cache_cleared": .boolean,
                        ]))
                ]
            ) { call in try memory(call) },
            Route(
                method: .get, path: "/memory/config", tag: .status, summary: "Settings of the memory's watch",
                answers: [.json(.object(["config": .map(.any), "alert_thresholds": .map(.number)]))]
            ) { _ in
                try Response.json(
                    [
                        "config": [
                            "memory_cleanup_interval": 0, "cuda_cache_clear_interval": 0,
                            "enable_memory_monitoring": true, "max_chunk_length": 280,
                            "max_total_length": .count(rules.inputLengths.upperBound),
                        ],
                        "alert_thresholds": thresholds.json,
                        "device_info": ["cuda_available": false, "cuda_device_count": 0, "current_device": .null],
                    ] as JSONValue)
            },
            Route(
                method: .post, path: "/memory/config", tag: .status, summary: "Sets what is worth an alert",
                query: [Self.cpuPercent.property, Self.gpuMb.property],
                answers: [
                    .json(
                        .object([
                            "status": .string, "message": .string, "old_thresholds": .map(.number),
                            "new_thresholds": .map(.number),
                        ]))
                ]
            ) { call in try configure(call) },
            Route(
                method: .post, path: "/memory/reset", tag: .status,
                summary: "Counts requests anew and gives free memory back",
                query: [FlagField("confirm", default: false, "Has to be true for anything to happen").property],
                answers: [.json(.partial(["message": .string, "status": .string]))]
            ) { call in
                guard try StatusRoutes.isConfirmed(call) else {
                    return try Response.json(
                        StatusRoutes.unconfirmed("Memory reset", "This also forgets the counts of requests."))
                }
                let counter = service.log.resetStatistics()
                SpeechEngine.giveBackMemory()
                return try Response.json(
                    [
                        "status": "success", "previous_request_counter": .count(counter), "collected_objects": 0,
                        "memory_info": StatusRoutes.memory(), "cuda_stats_reset": false,
                    ] as JSONValue)
            },
            Route(
                method: .get, path: "/memory/recommendations", tag: .status, summary: "What would save memory",
                answers: [
                    .json(
                        .object([
                            "memory_info": Self.info, "request_counter": .integer,
                            "recommendations": .list(
                                .object([
                                    "type": .string, "priority": .string, "title": .string, "description": .string,
                                    "actions": .list(.string),
                                ])), "recommendation_count": .integer, "has_critical_issues": .boolean,
                        ]))
                ]
            ) { _ in try Response.json(recommendations()) },
        ]
    }

    private func memory(_ call: Call) throws -> Response {
        var query = call.query
        let (cleanup, _, wantsAlerts) = (query(Self.cleanup), query(Self.cuda), query(Self.alerts))
        _ = try query.finish(known: ["cleanup", "force_cuda_clear", "include_alerts"])
        var answer: [String: JSONValue] = [
            "memory_info": StatusRoutes.memory(), "request_counter": .count(service.log.statistics.total),
            "cleanup_performed": .bool(cleanup), "cuda_cache_cleared": false,
        ]
        if wantsAlerts {
            let alerts = alerts()
            answer["alerts"] = [
                "has_alerts": .bool(!alerts.isEmpty), "alert_count": .count(alerts.count), "alerts": .array(alerts),
            ]
        }
        if cleanup {
            SpeechEngine.giveBackMemory()
            answer["memory_info_after_cleanup"] = StatusRoutes.memory()
        }
        return try Response.json(JSONValue.object(answer))
    }

    private func alerts() -> [JSONValue] {
        let percent = Health.Memory.current().cpuMemoryPercent
        let threshold = thresholds.cpuMemoryPercent.withLock { $0 }
        guard percent > threshold else { return [] }
        return [
            [
                "type": "cpu_memory_high", "level": .string(percent > 95 ? "error" : "warning"),
                "message": .string("The server has \(percent) % of the machine's memory"),
                "threshold": .number(threshold), "current": .number(percent),
                "suggestion": "Unload models with --idle-unload or bound them with --memory-budget",
            ]
        ]
    }

    private func configure(_ call: Call) throws -> Response {
        var query = call.query
        let percent = query.has("cpu_memory_percent") ? query(Self.cpuPercent) : nil
        let megabytes = query.has("gpu_memory_mb") ? query(Self.gpuMb) : nil
        _ = try query.finish(known: ["cpu_memory_percent", "gpu_memory_mb"])
        let old = thresholds.json
        if let percent { thresholds.cpuMemoryPercent.withLock { $0 = percent } }
        if let megabytes { thresholds.gpuMemoryMb.withLock { $0 = megabytes } }
        return try Response.json(
            [
                "status": "success", "message": "Memory alert thresholds updated", "old_thresholds": old,
                "new_thresholds": thresholds.json, "note": "They hold until the server stops",
            ] as JSONValue)
    }

    private func recommendations() -> JSONValue {
        let memory = Health.Memory.current()
        var list: [JSONValue] = []
        if memory.cpuMemoryPercent > 50 {
            list.append([
                "type": "cpu_memory", "priority": .string(memory.cpuMemoryPercent > 85 ? "high" : "medium"),
                "title": "The server has much of the machine's memory",
                "description": .string("\(memory.cpuMemoryMb) MB, \(memory.cpuMemoryPercent) %"),
                "actions": [
                    "Serve fewer models, or bound them with --memory-budget",
                    "Let idle models go sooner with --idle-unload", "Ask GET /memory?cleanup=true",
                ],
            ])
        }
        let loaded = service.engine.models.filter { $0.state == .loaded && !$0.isDefault && $0.activeRequests == 0 }
        if !loaded.isEmpty {
            list.append([
                "type": "idle_models", "priority": "low", "title": "Models are loaded that nobody uses now",
                "description": .string(loaded.map(\.name).joined(separator: ", ")),
                "actions": ["They go by themselves after --idle-unload seconds"],
            ])
        }
        return [
            "memory_info": StatusRoutes.memory(), "request_counter": .count(service.log.statistics.total),
            "recommendations": .array(list), "recommendation_count": .count(list.count),
            "has_critical_issues": .bool(memory.cpuMemoryPercent > 85),
        ]
    }
}
