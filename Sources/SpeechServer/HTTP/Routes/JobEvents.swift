import Foundation
import HTTPTypes
import Hummingbird
import ServiceLifecycle
import VoiceLibrary

/// A job's progress as server-sent events.
struct JobEvents: Sendable {
    let store: JobStore

    /// Proxies and clients give up on a stream that says nothing for long.
    private static let heartbeat = Duration.seconds(15)

    /// - Throws: `LibraryError.unknownJob`, before anything is sent.
    func response(_ id: String) async throws -> Response {
        _ = try await store.job(id)
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache",
                HTTPField.Name("X-Accel-Buffering")!: "no",
            ],
            body: ResponseBody { writer in
                var last: JSONValue?
                for await news in news(of: id) {
                    switch news {
                    case .job(let job):
                        let progress = Self.progress(job)
                        if progress != last { try await writer.write(Self.event("progress", progress)) }
                        last = progress
                        if job.state.isFinal { try await writer.write(Self.ending(job)) }
                    case .silence: try await writer.write(ByteBuffer(string: ": still here\n\n"))
                    case .failure(let error):
                        try await writer.write(
                            Self.event("error", ["status": "failed", "message": .string(error.message)]))
                    }
                }
                try await writer.finish(nil)
            })
    }

    private enum News: Sendable {
        case job(Job)
        case silence
        case failure(ServerError)
    }

    /// What happens to the job, and heartbeats, until it has ended or nobody listens.
    private func news(of id: String) -> AsyncStream<News> {
        AsyncStream { continuation in
            let watch = Task {
                do {
                    for try await job in store.updates(of: id) { continuation.yield(.job(job)) }
                } catch {
                    continuation.yield(.failure(ServerError(error)))
                }
                continuation.finish()
            }
            let beat = Task {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.heartbeat)
                    continuation.yield(.silence)
                }
            }
            let stop = Task {
                try? await gracefulShutdown()
                continuation.finish()
            }
            continuation.onTermination = { _ in
                watch.cancel()
                beat.cancel()
                stop.cancel()
            }
        }
    }

    private static func progress(_ job: Job) -> JSONValue {
        [
            "status": .string(job.state.rawValue), "progress": .number(job.progress.percent.rounded(decimals: 1)),
            "current_chunk": .optional(job.progress.currentChunk), "total_chunks": .count(job.progress.totalChunks),
            "estimated_remaining_seconds": JobBodies.remaining(job),
        ]
    }

    private static func ending(_ job: Job) throws -> ByteBuffer {
        job.state == .completed
            ? try event("completed", ["status": "completed", "message": "Job completed successfully"])
            : try event("error", ["status": .string(job.state.rawValue), "message": .optional(job.error)])
    }

    private static func event(_ name: String, _ data: JSONValue) throws -> ByteBuffer {
        var buffer = ByteBuffer(string: "event: \(name)\n")
        var json = try SpeechAnswer.event(data)
        buffer.writeBuffer(&json)
        return buffer
    }
}
