import AudioDSP
import Foundation
import HTTPTypes
import Hummingbird
import SpeechEngine
import VoiceLibrary

/// Long texts: jobs made, watched, paused, tried again, fetched and forgotten.
struct JobRoutes: Sendable {
    let store: JobStore
    let service: SpeechService
    let rules: SpeechParameters.Rules
    let settings: JobRunner.Settings

    static let path = "/audio/speech/long"
    static let one = path + "/{job_id}"

    private static let limit = IntegerField("limit", 1...100, default: 20, "Jobs at most")
    private static let offset = IntegerField("offset", 0...1_000_000_000, default: 0, "Jobs to leave out in front")
    private static let session = StringField("session_id", "Only jobs of this session")
    private static let status = OptionalChoiceField("status", JobState.self, "Only jobs in this state")
    private enum Ending: String, Sendable, CaseIterable { case cancel, delete }
    private static let action = ChoiceField(
        "action", default: Ending.cancel, "cancel stops it, delete removes it with its files")
    private static let message = Schema.object(["message": .string, "status": .string])

    var routes: [Route] {
        [create, list] + JobHistoryRoutes(store: store).routes
            + ([single, change, remove] + control + results).map(forOwners)
    }

    /// The same route, to which others' jobs are unknown.
    private func forOwners(_ route: Route) -> Route {
        var route = route
        let handle = route.handle
        route.handle = { call in
            try await store.requireJob(call.path("job_id"), of: call.onlyOwner)
            return try await handle(call)
        }
        return route
    }

    private var create: Route {
        Route(
            method: .post, path: Self.path, tag: .jobs, summary: "Has a long text spoken in the background",
            body: .init(kind: .json, fields: LongTextRequest.properties(rules), limit: 32 << 20),
            answers: [.json(JobBodies.created, "The job waits")], failures: [404, 413, 415, 503]
        ) { call in try await create(call) }
    }

    private var list: Route {
        Route(
            method: .get, path: Self.path, tag: .jobs, summary: "Jobs, the newest first",
            query: [
                Self.session.property, Self.status.property, Self.limit.property, Self.offset.property,
            ], answers: [.json(JobBodies.list)]
        ) { call in
            var query = call.query
            var filter = JobFilter()
            filter.sessionID = query(Self.session)
            filter.state = query(Self.status)
            filter.limit = query(Self.limit)
            filter.offset = query(Self.offset)
            filter.owner = call.onlyOwner
            _ = try query.finish(known: ["session_id", "status", "limit", "offset"])
            return try Response.json(JobBodies.json(try await store.list(filter)))
        }
    }

    private var single: Route {
        Route(
            method: .get, path: Self.one, tag: .jobs, summary: "A job and how far it is",
            answers: [.json(JobBodies.job)], failures: [404]
        ) { call in
            let id = call.path("job_id")
            try await store.touch(id)
            return try Response.json(JobBodies.json(try await store.job(id), chunks: try await store.chunks(of: id)))
        }
    }

    private static let changes = (
        name: StringField("display_name", lengths: 0...200, "What to call it in lists"),
        archived: FlagField("is_archived", default: false, "Whether lists leave it out"),
        tags: StringListField("tags", maxCount: 20, lengths: 1...50, "Words to find it by")
    )

    private var change: Route {
        Route(
            method: .patch, path: Self.one, tag: .jobs, summary: "Names, archives or tags a job",
            body: .init(
                kind: .json,
                fields: [Self.changes.name.property, Self.changes.archived.property, Self.changes.tags.property]),
            answers: [.json(.object(["success": .boolean, "message": .string, "status": .string]))],
            failures: [404, 413, 415]
        ) { call in
            var reader = call.reader(try await call.fields())
            let name = reader(Self.changes.name)
            let archived = reader.has("is_archived") ? reader(Self.changes.archived) : nil
            let tags = reader(Self.changes.tags)
            _ = try reader.finish(known: ["display_name", "is_archived", "tags"])
            let job = try await store.update(
                call.path("job_id"), displayName: name, isArchived: archived, tags: tags)
            return try Response.json(
                [
                    "success": true, "message": "Job metadata updated successfully",
                    "status": .string(job.state.rawValue),
                ] as JSONValue)
        }
    }

    private var remove: Route {
        Route(
            method: .delete, path: Self.one, tag: .jobs, summary: "Stops a job, or removes it",
            query: [Self.action.property], answers: [.json(.object(["message": .string]))], failures: [404, 409]
        ) { call in
            var query = call.query
            let action = query(Self.action)
            _ = try query.finish(known: ["action"])
            let id = call.path("job_id")
            switch action {
            case .cancel: _ = try await store.cancel(id)
            case .delete: try await store.delete(id)
            }
            let done = action == .cancel ? "cancelled" : "deleted"
            return try Response.json(["message": .string("Job \(id) \(done) successfully")] as JSONValue)
        }
    }

    private static let retry = (
        preserve: FlagField("preserve_chunks", default: true, "Whether to keep what was spoken"),
        parameters: ObjectField("new_parameters", "Parameters to change, such as temperature")
    )

    private var control: [Route] {
        [
            stateRoute("pause", "paused") { try await store.pause($0) },
            stateRoute("resume", "resumed") { try await store.resume($0) },
            Route(
                method: .post, path: Self.one + "/retry", tag: .jobs, summary: "Tries a failed or cancelled job again",
                body: .init(
                    kind: .json, fields: [Self.retry.preserve.property, Self.retry.parameters.property]),
                answers: [.json(JobBodies.created, "The new job waits")], failures: [404, 409, 413, 415]
            ) { call in try await retry(call) },
        ]
    }

    private func stateRoute(
        _ verb: String, _ done: String, _ action: @escaping @Sendable (String) async throws -> Job
    ) -> Route {
        Route(
            method: .put, path: Self.one + "/\(verb)", tag: .jobs, summary: "Has a job \(done)",
            answers: [.json(Self.message)], failures: [404, 409]
        ) { call in
            let id = call.path("job_id")
            let job = try await action(id)
            return try Response.json(
                [
                    "message": .string("Job \(id) \(done) successfully"), "status": .string(job.state.rawValue),
                ] as JSONValue)
        }
    }

    private var results: [Route] {
        [
            Route(
                method: .get, path: Self.one + "/download", tag: .jobs, summary: "A finished job's audio",
                answers: [
                    .init(
                        status: 200, about: "The file",
                        content: Dictionary(
                            uniqueKeysWithValues: Set(AudioFormat.allCases.map(\.contentType)).map { ($0, [:]) }))
                ], failures: [404, 409]
            ) { call in try await download(call) },
            Route(
                method: .get, path: Self.one + "/details", tag: .jobs, summary: "All there is to know of a job",
                answers: [
                    .json(
                        .object([
                            "metadata": JobBodies.metadata, "chunks": .list(JobBodies.chunk), "input_text": .string,
                            "error_log": .list(.string), "performance_metrics": .map(.any),
                        ]))
                ], failures: [404]
            ) { call in try Response.json(try await details(call.path("job_id"))) },
            Route(
                method: .get, path: Self.one + "/sse", tag: .jobs, summary: "A job's progress as server-sent events",
                answers: [.init(status: 200, about: "Events", content: ["text/event-stream": [:]])], failures: [404]
            ) { call in try await JobEvents(store: store).response(call.path("job_id")) },
        ]
    }

    private func create(_ call: Call) async throws -> Response {
        var rules = rules
        rules.models = service.models
        let request = try LongTextRequest(try await call.fields(), rules: rules)
        var job = NewJob(text: request.parts.speech.input)
        try call.check(.jobTextLength, of: job.text)
        // Said now, not after an hour in the queue.
        try await service.checkSpeaker(of: request.parts)
        if let recording = request.parts.speech.voiceAudio {
            try await service.of(call.client).check(recording: recording)
            job.recording = .init(bytes: recording, fileExtension: "bin")
        } else if let voice = request.parts.voice {
            job.voice = voice
            // The job keeps a copy: the voice may be renamed or gone when its turn comes.
            if let found = try await service.libraryVoice(voice, of: request.parts.model) {
                job.recording = .init(bytes: found, fileExtension: "bin")
            }
        }
        let parts = TextBlocks.split(job.text, size: settings.chunkSize, by: .paragraph)
        job.chunks = parts.map { NewChunk(text: $0.text, pauseAfterMs: $0.endsParagraph ? settings.paddingMs : 0) }
        job.responseFormat = request.format.rawValue
        job.parameters = String(buffer: try JSONText.encode(JSONValue.object(request.parameters)))
        job.sessionID = request.sessionID
        job.displayName = request.displayName
        job.owner = call.client?.owner
        try call.charge(textLength: job.text.unicodeScalars.count)
        return try created(try await store.create(job), "Job submitted for processing")
    }

    private func retry(_ call: Call) async throws -> Response {
        var reader = call.reader(try await call.fields())
        let preserve = reader(Self.retry.preserve)
        let parameters = reader(Self.retry.parameters)
        _ = try reader.finish(known: ["preserve_chunks", "new_parameters"])
        if let parameters {
            // What a job may not be made with, it may not be changed to.
            var rules = rules
            rules.models = service.models
            rules.inputLengths = 1...1
            var values = parameters.filter { $0.value != .null }
            values["input"] = .string("-")
            var reader = FieldReader(values)
            _ = SpeechParameters(&reader, rules: rules)
            _ = try reader.finish(known: SpeechParameters.names.filter { !["voice", "voice_audio"].contains($0) })
        }
        let id = call.path("job_id")
        try call.charge(textLength: try await store.job(id).textLength)
        let job = try await store.retry(
            id, preserveChunks: preserve,
            newParameters: try parameters.map { String(buffer: try JSONText.encode(JSONValue.object($0))) })
        return try created(job, "Retry job created successfully (retry #\(job.retryCount))")
    }

    private func created(_ job: Job, _ message: String) throws -> Response {
        // People speak some 15 characters a second.
        let estimate = service.log.pace.map { Int((Double(job.textLength) / 15 * $0).rounded(.up)) }
        return try Response.json(
            [
                "job_id": .string(job.id), "status": .string(job.state.rawValue), "message": .string(message),
                "estimated_processing_time_seconds": .optional(estimate),
                "total_chunks": .count(max(1, job.progress.totalChunks)),
                "status_url": .string("\(Self.path)/\(job.id)"), "sse_url": .string("\(Self.path)/\(job.id)/sse"),
            ] as JSONValue)
    }

    private func download(_ call: Call) async throws -> Response {
        let id = call.path("job_id")
        let job = try await store.job(id)
        guard job.state == .completed else {
            throw ServerError.conflict(reason: "Job is not completed (status: \(job.state.rawValue))", field: nil)
        }
        let url = try await store.output(of: id)
        try await store.touch(id)
        let format = AudioFormat(rawValue: job.responseFormat) ?? .wav
        let file = try FileHandle(forReadingFrom: url)
        let size = job.outputSizeBytes ?? 0
        return Response(
            status: .ok,
            headers: [
                .contentType: format.contentType,
                .contentDisposition: "attachment; filename=long_text_\(id).\(format.fileExtension)",
            ],
            body: ResponseBody(contentLength: size) { writer in
                defer { try? file.close() }
                while let piece = try file.read(upToCount: 256 << 10), !piece.isEmpty {
                    try await writer.write(ByteBuffer(bytes: piece))
                }
                try await writer.finish(nil)
            })
    }

    private func details(_ id: String) async throws -> JSONValue {
        let job = try await store.job(id)
        let chunks = try await store.chunks(of: id)
        let done = chunks.filter { $0.state == .completed }
        let times = done.compactMap(\.seconds)
        return [
            "metadata": JobBodies.metadata(job, chunks), "chunks": .array(chunks.map(JobBodies.json)),
            "input_text": .string(try await store.text(of: id)),
            "error_log": .strings(([job.error] + chunks.map(\.error)).compactMap { $0 }),
            "performance_metrics": [
                "total_processing_time_ms": .count(Int((job.processingSeconds * 1000).rounded())),
                "avg_chunk_time_ms": .number(
                    times.isEmpty ? 0 : (times.reduce(0, +) / Double(times.count) * 1000).rounded(decimals: 1)),
                "success_rate": .number(
                    chunks.isEmpty ? 0 : (Double(done.count) / Double(chunks.count)).rounded(decimals: 4)),
            ],
        ]
    }
}
