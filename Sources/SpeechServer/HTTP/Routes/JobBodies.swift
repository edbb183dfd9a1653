import Foundation
import VoiceLibrary

/// Jobs as clients see them.
enum JobBodies {
    static let chunk = Schema.object([
        "index": .integer, "text": .string, "text_preview": .string, "character_count": .integer,
        "audio_file": .nullable(.string), "duration_ms": .nullable(.integer),
        "processing_started_at": .nullable(.string), "processing_completed_at": .nullable(.string),
        "error": .nullable(.string),
    ])
    static let progress = Schema.object([
        "job_id": .string, "overall_progress": .number, "current_chunk": .nullable(chunk),
        "completed_chunks": .list(chunk), "estimated_remaining_seconds": .nullable(.integer), "status": .string,
        "error": .nullable(.string),
    ])
    static let metadata = Schema.map(.any)
    static let job = Schema.object([
        "job_id": .string, "status": .string, "progress": progress, "metadata": metadata, "created_at": .string,
        "updated_at": .string, "download_url": .nullable(.string), "can_pause": .boolean, "can_resume": .boolean,
        "can_cancel": .boolean,
    ])
    static let item = Schema.object([
        "job_id": .string, "status": .string, "text_preview": .string, "text_length": .integer,
        "progress_percentage": .number, "created_at": .string, "completed_at": .nullable(.string),
        "download_url": .nullable(.string), "can_resume": .boolean, "voice": .nullable(.string),
        "estimated_remaining_seconds": .nullable(.integer), "total_duration_seconds": .nullable(.number),
        "audio_file_size": .nullable(.integer), "retry_count": .integer, "is_archived": .boolean,
        "display_name": .nullable(.string), "tags": .list(.string), "last_accessed": .nullable(.string),
        "parameters": .map(.any),
    ])
    static let list = Schema.object([
        "jobs": .list(item), "total_jobs": .integer, "active_jobs": .integer, "completed_jobs": .integer,
    ])
    static let created = Schema.object([
        "job_id": .string, "status": .string, "message": .string,
        "estimated_processing_time_seconds": .nullable(.integer), "total_chunks": .integer, "status_url": .string,
        "sse_url": .string,
    ])

    static func json(_ chunk: JobChunk) -> JSONValue {
        let preview = chunk.text.count > 50 ? chunk.text.prefix(50) + "..." : chunk.text
        return [
            "index": .count(chunk.index), "text": .string(chunk.text), "text_preview": .string(String(preview)),
            "character_count": .count(chunk.text.unicodeScalars.count),
            "audio_file": .optional(chunk.audioURL?.lastPathComponent),
            "duration_ms": .optional(chunk.seconds.map { Int(($0 * 1000).rounded()) }),
            "processing_started_at": .optional(chunk.startedAt),
            "processing_completed_at": .optional(chunk.completedAt), "error": .optional(chunk.error),
        ]
    }

    static func parameters(_ job: Job) -> [String: JSONValue] {
        guard case .object(var parameters)? = try? JSONValue(parsing: job.parameters) else { return [:] }
        parameters["output_format"] = .string(job.responseFormat)
        return parameters
    }

    static func remaining(_ job: Job) -> JSONValue {
        .optional(job.progress.remainingSeconds.map { Int($0.rounded(.up)) })
    }

    static func downloadURL(_ job: Job) -> JSONValue {
        job.state == .completed ? .string("/audio/speech/long/\(job.id)/download") : .null
    }

    static func json(_ job: Job, chunks: [JobChunk]) -> JSONValue {
        [
            "job_id": .string(job.id), "status": .string(job.state.rawValue),
            "progress": [
                "job_id": .string(job.id), "overall_progress": .number(job.progress.percent.rounded(decimals: 1)),
                "current_chunk": chunks.first { $0.state == .processing }.map(json) ?? .null,
                "completed_chunks": .array(chunks.filter { $0.state == .completed }.map(json)),
                "estimated_remaining_seconds": remaining(job), "status": .string(job.state.rawValue),
                "error": .optional(job.error),
            ],
            "metadata": metadata(job, chunks), "created_at": .date(job.createdAt), "updated_at": .date(job.updatedAt),
            "download_url": downloadURL(job), "can_pause": .bool(job.state.after(.pause) != nil),
            "can_resume": .bool(job.state.after(.resume) != nil), "can_cancel": .bool(job.state.after(.cancel) != nil),
        ]
    }

    static func metadata(_ job: Job, _ chunks: [JobChunk]) -> JSONValue {
        let duration: JSONValue = .optional(job.audioSeconds?.rounded(decimals: 3))
        let size: JSONValue = .optional(job.outputSizeBytes)
        let path: JSONValue = .optional(job.outputURL?.lastPathComponent)
        return [
            "job_id": .string(job.id), "created_at": .date(job.createdAt), "updated_at": .date(job.updatedAt),
            "status": .string(job.state.rawValue), "text_length": .count(job.textLength),
            "text_hash": .string(job.textHash), "total_chunks": .count(job.progress.totalChunks),
            "completed_chunks": .count(job.progress.completedChunks),
            "failed_chunks": .array(chunks.filter { $0.state == .failed }.map { .count($0.index) }),
            "current_chunk": .optional(job.progress.currentChunk), "voice": .optional(job.voice),
            "parameters": .object(parameters(job)), "processing_started_at": .optional(job.startedAt),
            "processing_paused_at": .optional(job.pausedAt), "processing_completed_at": .optional(job.completedAt),
            "total_processing_time_ms": .count(Int((job.processingSeconds * 1000).rounded())),
            "output_format": .string(job.responseFormat), "output_path": path, "output_size_bytes": size,
            "output_duration_seconds": duration, "error": .optional(job.error),
            "user_session_id": .optional(job.sessionID), "completion_timestamp": .optional(job.completedAt),
            "audio_file_path": path, "audio_file_size": size, "total_duration_seconds": duration,
            "retry_count": .count(job.retryCount), "original_job_id": .optional(job.originalJobID),
            "is_archived": .bool(job.isArchived), "last_accessed": .optional(job.lastAccessedAt),
            "display_name": .optional(job.displayName), "tags": .strings(job.tags),
        ]
    }

    static func json(_ page: JobPage) -> JSONValue {
        [
            "jobs": .array(page.jobs.map(itemJSON)), "total_jobs": .count(page.totalCount),
            "active_jobs": .count(page.activeCount), "completed_jobs": .count(page.completedCount),
        ]
    }

    private static func itemJSON(_ job: Job) -> JSONValue {
        [
            "job_id": .string(job.id), "status": .string(job.state.rawValue), "text_preview": .string(job.textPreview),
            "text_length": .count(job.textLength),
            "progress_percentage": .number(job.progress.percent.rounded(decimals: 1)),
            "created_at": .date(job.createdAt), "completed_at": .optional(job.completedAt),
            "download_url": downloadURL(job), "can_resume": .bool(job.state.after(.resume) != nil),
            "voice": .optional(job.voice), "estimated_remaining_seconds": remaining(job),
            "total_duration_seconds": .optional(job.audioSeconds?.rounded(decimals: 3)),
            "audio_file_size": .optional(job.outputSizeBytes), "retry_count": .count(job.retryCount),
            "is_archived": .bool(job.isArchived), "display_name": .optional(job.displayName),
            "tags": .strings(job.tags), "last_accessed": .optional(job.lastAccessedAt),
            "parameters": .object(parameters(job)),
        ]
    }
}
