import Foundation
import Hummingbird
import VoiceLibrary

/// Many jobs at once: history, statistics, bulk actions.
struct JobHistoryRoutes: Sendable {
    let store: JobStore

    private static let path = "/audio/speech/long-history"
    private static let session = StringField("session_id", "Only jobs of this session")
    private static let status = OptionalChoiceField("status", JobState.self, "Only jobs in this state")
    private static let start = DateField("start_date", "Only jobs that ended, or else began, no sooner")
    private static let end = DateField("end_date", "Only jobs that ended, or else began, no later")
    private static let search = StringField("search", "Only jobs with this in their text or name")
    private static let archived = FlagField("is_archived", default: false, "Only jobs that are archived, or are not")
    private static let sort = ChoiceField("sort", default: JobFilter.Sort.completedDesc, "The order")
    private static let limit = IntegerField("limit", 1...100, default: 50, "Jobs at most")
    private static let offset = IntegerField("offset", 0...1_000_000_000, default: 0, "Jobs to leave out in front")
    private static let confirm = FlagField("confirm", default: false, "Has to be true for anything to happen")
    private static let ids = StringListField("job_ids", maxCount: 100, lengths: 1...100, isRequired: true, "The jobs")
    private static let action = OptionalChoiceField("action", JobStore.BulkAction.self, "What to do with them")

    var routes: [Route] {
        [
            Route(
                method: .get, path: Self.path, aliases: ["/audio/speech/long/history"], tag: .jobs,
                summary: "Jobs by state, date, words and order",
                query: [
                    Self.session.property, Self.status.property, Self.start.property, Self.end.property,
                    Self.search.property, Self.archived.property, Self.sort.property, Self.limit.property,
                    Self.offset.property,
                ], answers: [.json(JobBodies.list)]
            ) { call in
                var filter = try filter(call)
                filter.owner = call.onlyOwner
                return try Response.json(JobBodies.json(try await store.list(filter)))
            },
            Route(
                method: .get, path: Self.path + "/stats", aliases: ["/audio/speech/long/history/stats"], tag: .jobs,
                summary: "What the jobs came to", query: [Self.session.property],
                answers: [
                    .json(
                        .object([
                            "total_jobs": .integer, "completed_jobs": .integer, "failed_jobs": .integer,
                            "total_audio_duration_seconds": .number, "total_storage_bytes": .integer,
                            "average_processing_time_seconds": .number, "success_rate_percentage": .number,
                            "most_used_voice": .nullable(.string), "jobs_by_month": .map(.integer),
                        ]))
                ]
            ) { call in try await statistics(call) },
            Route(
                method: .delete, path: Self.path, aliases: ["/audio/speech/long/history"], tag: .jobs,
                summary: "Removes all jobs that have ended", query: [Self.session.property, Self.confirm.property],
                answers: [
                    .json(
                        .object([
                            "message": .string, "cleared_count": .integer, "deleted_count": .integer,
                            "failed_count": .integer,
                        ]))
                ], failures: [400]
            ) { call in
                var query = call.query
                let (session, confirm) = (query(Self.session), query(Self.confirm))
                _ = try query.finish(known: ["session_id", "confirm"])
                guard confirm else { throw ServerError.unconfirmed(action: "clearing the history") }
                let gone = try await store.clearHistory(sessionID: session, owner: call.onlyOwner)
                return try Response.json(
                    [
                        "message": .string("Cleared \(gone.count) jobs from history"),
                        "cleared_count": .count(gone.count), "deleted_count": .count(gone.count), "failed_count": 0,
                    ] as JSONValue)
            },
            Route(
                method: .post, path: "/audio/speech/long/bulk", tag: .jobs, summary: "Does the same to several jobs",
                body: .init(
                    kind: .json, fields: [Self.ids.property, Self.action.property, Self.confirm.property]),
                answers: [
                    .json(
                        .object([
                            "success_count": .integer, "failed_count": .integer, "total_count": .integer,
                            "failed_jobs": .list(.string), "message": .string,
                        ]))
                ], failures: [400, 413, 415]
            ) { call in try await bulk(call) },
        ]
    }

    private func filter(_ call: Call) throws -> JobFilter {
        var query = call.query
        var filter = JobFilter()
        filter.sessionID = query(Self.session)
        filter.state = query(Self.status)
        filter.start = query(Self.start)
        filter.end = query(Self.end)
        filter.search = query(Self.search)
        filter.isArchived = query.has("is_archived") ? query(Self.archived) : nil
        filter.sort = query(Self.sort)
        filter.limit = query(Self.limit)
        filter.offset = query(Self.offset)
        _ = try query.finish(known: [
            "session_id", "status", "start_date", "end_date", "search", "is_archived", "sort", "limit", "offset",
        ])
        return filter
    }

    private func statistics(_ call: Call) async throws -> Response {
        var query = call.query
        let session = query(Self.session)
        _ = try query.finish(known: ["session_id"])
        let statistics = try await store.statistics(sessionID: session, owner: call.onlyOwner)
        return try Response.json(
            [
                "total_jobs": .count(statistics.totalJobs), "completed_jobs": .count(statistics.completedJobs),
                "failed_jobs": .count(statistics.failedJobs),
                "total_audio_duration_seconds": .number(statistics.totalAudioSeconds.rounded(decimals: 3)),
                "total_storage_bytes": .count(statistics.totalStorageBytes),
                "average_processing_time_seconds": .number(
                    statistics.averageProcessingSeconds.rounded(decimals: 3)),
                "success_rate_percentage": .number(statistics.successRatePercent.rounded(decimals: 2)),
                "most_used_voice": .optional(statistics.mostUsedVoice),
                "jobs_by_month": .object(statistics.jobsByMonth.mapValues(JSONValue.count)),
            ] as JSONValue)
    }

    private func bulk(_ call: Call) async throws -> Response {
        var reader = call.reader(try await call.fields())
        let ids = reader(Self.ids) ?? []
        if !reader.has("action") { reader.refuse(.missingField("action")) }
        let action = reader(Self.action)
        let confirm = reader(Self.confirm)
        _ = try reader.finish(known: ["job_ids", "action", "confirm"])
        guard let action else { throw ServerError.missingField("action") }
        guard confirm else { throw ServerError.unconfirmed(action: "a bulk action") }
        if action == .retry {
            for id in ids {
                guard let job = try? await store.job(id), [nil, job.owner].contains(call.onlyOwner) else { continue }
                try call.charge(textLength: job.textLength)
            }
        }
        let result = try await store.perform(action, onAll: ids, of: call.onlyOwner)
        return try Response.json(
            [
                "success_count": .count(result.succeeded.count), "failed_count": .count(result.failed.count),
                "total_count": .count(ids.count), "failed_jobs": .strings(result.failed.map(\.id)),
                "failures": .object(
                    Dictionary(result.failed.map { ($0.id, .string($0.error.description)) }, uniquingKeysWith: { $1 })),
                "new_jobs": .strings(result.newJobs.map(\.id)),
                "message": .string(
                    "Bulk \(action.rawValue): \(result.succeeded.count)/\(ids.count) successful"),
            ] as JSONValue)
    }
}
