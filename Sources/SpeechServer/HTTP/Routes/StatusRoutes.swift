import Foundation
import Hummingbird

/// What is being spoken, what was, and how it went.
struct StatusRoutes: Sendable {
    let service: SpeechService
    private var log: RequestLog { service.log }

    private static let flags = (
        memory: FlagField("include_memory", default: false, "Adds memory_info"),
        history: FlagField("include_history", default: false, "Adds request_history"),
        stats: FlagField("include_stats", default: false, "Adds statistics"),
        historyLimit: IntegerField("history_limit", 1...20, default: 5, "Requests of request_history"),
        limit: IntegerField("limit", 1...100, default: 10, "Requests at most"),
        confirm: FlagField("confirm", default: false, "Has to be true for anything to happen")
    )

    static let progress = Schema.nullable(
        .object([
            "current_chunk": .integer, "total_chunks": .integer, "current_step": .string,
            "progress_percentage": .number, "estimated_completion": .nullable(.number),
        ]))
    static let record = Schema.object([
        "request_id": .string, "status": .string, "start_time": .number, "end_time": .nullable(.number),
        "duration_seconds": .number, "text_length": .integer, "text_preview": .string, "voice_source": .string,
        "parameters": .map(.any), "progress": progress, "error_message": .nullable(.string),
        "memory_usage": .nullable(.map(.number)),
    ])
    static let status = Schema.object([
        "status": .string, "is_processing": .boolean, "request_id": .nullable(.string),
        "start_time": .nullable(.number), "duration_seconds": .nullable(.number), "text_length": .nullable(.integer),
        "text_preview": .nullable(.string), "voice_source": .nullable(.string), "parameters": .nullable(.map(.any)),
        "progress": progress, "error_message": .nullable(.string), "memory_usage": .nullable(.map(.number)),
        "total_requests": .integer, "message": .nullable(.string), "active_requests": .integer,
    ])
    static let statistics = Schema.object([
        "total_requests": .integer, "completed_requests": .integer, "error_requests": .integer,
        "success_rate": .number, "average_duration_seconds": .number, "average_text_length": .number,
        "is_processing": .boolean,
    ])

    var routes: [Route] {
        [
            Route(
                method: .get, path: "/status", aliases: ["/processing", "/processing/status"], tag: .status,
                summary: "What is being spoken",
                query: [
                    Self.flags.memory.property, Self.flags.history.property, Self.flags.stats.property,
                    Self.flags.historyLimit.property,
                ],
                answers: [.json(Self.status)]
            ) { call in try status(call) },
            Route(
                method: .get, path: "/status/progress", aliases: ["/progress"], tag: .status,
                summary: "How far the request is that has run longest",
                answers: [.json(.object(["is_processing": .boolean, "status": .string]))]
            ) { _ in try Response.json(progress()) },
            Route(
                method: .get, path: "/status/history", aliases: ["/history"], tag: .status,
                summary: "The last requests, the newest first", query: [Self.flags.limit.property],
                answers: [
                    .json(
                        .object(["request_history": .list(Self.record), "total_records": .integer, "limit": .integer]))
                ]
            ) { call in
                var query = call.query
                let limit = query(Self.flags.limit)
                _ = try query.finish(known: ["limit"])
                let history = log.history
                return try Response.json(
                    JSONValue.object([
                        "request_history": .array(history.prefix(limit).map { $0.json(at: Date()) }),
                        "total_records": .count(history.count), "limit": .count(limit),
                    ]))
            },
            Route(
                method: .post, path: "/status/history/clear", tag: .status, summary: "Forgets the last requests",
                query: [Self.flags.confirm.property], answers: [.json(.object(["message": .string]))]
            ) { call in
                guard try Self.isConfirmed(call) else {
                    return try Response.json(Self.unconfirmed("History clear", "This removes the history of requests."))
                }
                log.clearHistory()
                return try Response.json(
                    ["success": true, "message": "TTS request history cleared successfully"] as JSONValue)
            },
            Route(
                method: .get, path: "/status/statistics", aliases: ["/stats"], tag: .status,
                summary: "How many requests there were, and how they ended", query: [Self.flags.memory.property],
                answers: [.json(Self.statistics)]
            ) { call in
                var query = call.query
                let memory = query(Self.flags.memory)
                _ = try query.finish(known: ["include_memory"])
                var answer = statistics()
                if memory { answer["current_memory"] = Self.memory() }
                return try Response.json(JSONValue.object(answer))
            },
        ]
    }

    static func isConfirmed(_ call: Call) throws -> Bool {
        var query = call.query
        let confirm = query(flags.confirm)
        _ = try query.finish(known: ["confirm"])
        return confirm
    }

    static func unconfirmed(_ what: String, _ warning: String) -> JSONValue {
        [
            "message": .string("\(what) requires confirmation. Set confirm=true to proceed."),
            "warning": .string(warning),
        ]
    }

    static func memory() -> JSONValue {
        let memory = Health.Memory.current()
        return ["cpu_memory_mb": .number(memory.cpuMemoryMb), "cpu_memory_percent": .number(memory.cpuMemoryPercent)]
    }

    private func status(_ call: Call) throws -> Response {
        var query = call.query
        let (memory, history, stats) = (query(Self.flags.memory), query(Self.flags.history), query(Self.flags.stats))
        let limit = query(Self.flags.historyLimit)
        _ = try query.finish(known: ["include_memory", "include_history", "include_stats", "history_limit"])
        var answer = current()
        if memory { answer["memory_info"] = Self.memory() }
        if history {
            answer["request_history"] = .array(log.history.prefix(limit).map { $0.json(at: Date()) })
        }
        if stats { answer["statistics"] = .object(statistics()) }
        return try Response.json(JSONValue.object(answer))
    }

    /// Of the request that has run longest.
    func current() -> [String: JSONValue] {
        let running = log.running
        var answer: [String: JSONValue] = [
            "total_requests": .count(log.statistics.total), "active_requests": .count(running.count),
            "is_processing": .bool(!running.isEmpty), "memory_usage": Self.memory(),
        ]
        if let first = running.first, case .object(let record) = first.json(at: Date()) {
            answer.merge(record) { own, _ in own }
            answer["end_time"] = nil
            answer["message"] = .string("Speaking")
        } else {
            for name in [
                "request_id", "start_time", "duration_seconds", "text_length", "text_preview", "voice_source",
                "parameters", "progress", "error_message",
            ] { answer[name] = .null }
            answer["status"] = "idle"
            answer["message"] = "No active requests"
        }
        return answer
    }

    private func progress() -> JSONValue {
        guard let record = log.running.first else {
            return ["is_processing": false, "status": "idle", "message": "No active TTS requests"]
        }
        let now = Date()
        guard case .object(var progress) = record.progressJSON(at: now) else { return .null }
        progress["is_processing"] = true
        progress["status"] = .string(record.state.rawValue)
        progress["duration_seconds"] = .number(record.duration(at: now).rounded(decimals: 3))
        progress["text_preview"] = .string(record.textPreview)
        return .object(progress)
    }

    func statistics() -> [String: JSONValue] {
        let statistics = log.statistics
        let ended = statistics.completed + statistics.failed
        let completed = Double(max(1, statistics.completed))
        return [
            "total_requests": .count(statistics.total), "completed_requests": .count(statistics.completed),
            "error_requests": .count(statistics.failed),
            "success_rate": .number(
                ended == 0 ? 0 : (Double(statistics.completed) / Double(ended) * 100).rounded(decimals: 2)),
            "average_duration_seconds": .number((statistics.duration / completed).rounded(decimals: 3)),
            "average_text_length": .number((Double(statistics.textLength) / completed).rounded(decimals: 1)),
            "is_processing": .bool(!log.running.isEmpty),
        ]
    }
}

extension RequestLog.Record {
    func progressJSON(at now: Date) -> JSONValue {
        let perChunk = currentChunk > 0 ? audioDuration / Double(currentChunk) : 1
        return [
            "current_chunk": .count(currentChunk),
            "total_chunks": .count(max(currentChunk, Int((expectedDuration / perChunk).rounded(.up)))),
            "current_step": .string(currentChunk == 0 ? "Reading the text" : "Generating audio"),
            "progress_percentage": .number((end == nil ? progress : 100).rounded(decimals: 1)),
            "estimated_completion": .optional(
                estimatedCompletion(at: now).map { $0.timeIntervalSince1970.rounded(decimals: 3) }),
        ]
    }

    func json(at now: Date) -> JSONValue {
        [
            "request_id": .string(id), "status": .string(state.rawValue),
            "start_time": .number(start.timeIntervalSince1970.rounded(decimals: 3)),
            "end_time": .optional(end.map { $0.timeIntervalSince1970.rounded(decimals: 3) }),
            "duration_seconds": .number(duration(at: now).rounded(decimals: 3)), "text_length": .count(textLength),
            "text_preview": .string(textPreview), "voice_source": .string(voiceSource),
            "parameters": .object(parameters), "progress": progressJSON(at: now),
            "error_message": .optional(errorMessage),
            "memory_usage": memoryMb.map { ["cpu_memory_mb": .number($0)] } ?? .null,
        ]
    }
}
