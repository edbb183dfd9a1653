import CoreMetrics

/// A thing that is measured: its name and what it means, as Prometheus shows them, and the labels that tell its values
/// apart. Labels take few values only: never what a client sent.
public struct Metric: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case counter, gauge
        /// Upper bounds, ascending; one without a bound follows.
        case histogram([Double])
    }

    /// Prometheus' conventions: base units, `_total` for what only grows.
    public let name: String
    public let help: String
    public let kind: Kind
    public let labels: [String]

    public init(_ name: String, _ kind: Kind, labels: [String] = [], _ help: String) {
        (self.name, self.kind, self.labels, self.help) = (name, kind, labels, help)
    }

    /// - Parameter values: of the labels, in their order.
    public func counter(_ values: String..., by factory: any MetricsFactory) -> FloatingPointCounter {
        FloatingPointCounter(label: name, dimensions: dimensions(values), factory: factory)
    }

    /// - Parameter values: of the labels, in their order.
    public func gauge(_ values: String..., by factory: any MetricsFactory) -> Meter {
        Meter(label: name, dimensions: dimensions(values), factory: factory)
    }

    /// - Parameter values: of the labels, in their order.
    public func histogram(_ values: String..., by factory: any MetricsFactory) -> Recorder {
        Recorder(label: name, dimensions: dimensions(values), aggregate: true, factory: factory)
    }

    private func dimensions(_ values: [String]) -> [(String, String)] {
        precondition(values.count == labels.count, "\(name) has the labels \(labels)")
        return Array(zip(labels, values))
    }
}

extension Metric {
    // MARK: Requests

    public static let requests = Metric(
        "chatterbox_requests_total", .counter, labels: ["transport", "model", "outcome"],
        "Requests for speech that have ended: completed, cancelled (by the client, or because it went away) or failed.")
    public static let errors = Metric(
        "chatterbox_errors_total", .counter, labels: ["transport", "code"], "Errors that clients were told, by code.")
    public static let firstAudio = Metric(
        "chatterbox_first_audio_seconds", .histogram(Buckets.latency), labels: ["transport", "model"],
        "Time from a request to its first audio, waiting and loading included.")
    public static let realTimeFactor = Metric(
        "chatterbox_real_time_factor", .histogram([0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 4, 8, 16]),
        labels: ["transport", "model"],
        "Time of a completed request since it got its place, by the length of its audio; slow readers count.")
    public static let slowRequests = Metric(
        "chatterbox_slow_requests_total", .counter, labels: ["transport"],
        "Requests slower than --slow-request, if that is given.")
    public static let audio = Metric(
        "chatterbox_audio_seconds_total", .counter, labels: ["model"], "Speech that was made, in seconds of audio.")
    public static let characters = Metric(
        "chatterbox_characters_total", .counter, labels: ["model"], "Characters of the texts of completed requests.")
    public static let tokens = Metric(
        "chatterbox_speech_tokens_total", .counter, labels: ["model"], "Speech tokens of completed requests.")

    // MARK: The engine

    public static let stage = Metric(
        "chatterbox_stage_seconds", .histogram(Buckets.stage), labels: ["model", "stage"],
        "Time of one pass of a stage: t3_prefill, t3_token (of all requests in the batch), s3gen, vocoder, voice (of a recording)."
    )
    public static let batchSize = Metric(
        "chatterbox_batch_size", .histogram([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]), labels: ["model"],
        "Requests whose next token one pass of T3 made.")
    public static let streams = Metric(
        "chatterbox_streams", .gauge, labels: ["model"], "Requests that are being spoken.")
    public static let queueLength = Metric(
        "chatterbox_queue_length", .gauge, labels: ["model"], "Requests that wait to be spoken.")
    public static let queueWait = Metric(
        "chatterbox_queue_wait_seconds", .histogram(Buckets.wait), labels: ["model"],
        "Time that a request waited until it was spoken.")
    public static let busy = Metric(
        "chatterbox_busy_seconds_total", .counter, labels: ["model"],
        "Time in which speech was computed; by chatterbox_audio_seconds_total it is the real-time factor of all requests together."
    )

    // MARK: Models

    public static let modelInfo = Metric(
        "chatterbox_model_info", .gauge, labels: ["model", "is_default", "voice_cloning"],
        "1 for each model; voice_cloning is known once it was loaded.")
    public static let modelLoaded = Metric(
        "chatterbox_model_loaded", .gauge, labels: ["model"], "1 if the model is loaded.")
    public static let modelMemory = Metric(
        "chatterbox_model_memory_bytes", .gauge, labels: ["model"],
        "What a model takes while it is loaded, by estimate.")

    // MARK: The server

    public static let connections = Metric(
        "chatterbox_connections", .gauge, labels: ["transport"], "Open connections.")
    public static let connectionLimit = Metric(
        "chatterbox_connections_limit", .gauge, "WebSockets that may be open at once.")
    public static let connectionsOpened = Metric(
        "chatterbox_connections_opened_total", .counter, labels: ["transport"], "Connections that were opened.")
    public static let httpRequests = Metric(
        "chatterbox_http_requests_total", .counter, labels: ["method", "route", "status"], "HTTP requests answered.")
    public static let httpSeconds = Metric(
        "chatterbox_http_request_seconds", .histogram(Buckets.latency), labels: ["route"],
        "Time from an HTTP request to the head of its answer; speech that streams has its first audio by then.")
    public static let jobs = Metric("chatterbox_jobs", .gauge, labels: ["state"], "Long texts, by state.")
    public static let ready = Metric(
        "chatterbox_ready", .gauge, "1 if the first model is loaded.")
    public static let build = Metric("chatterbox_build_info", .gauge, labels: ["version"], "1, with the version.")

    // MARK: The process, by the names that Prometheus' own clients give

    public static let cpu = Metric("process_cpu_seconds_total", .counter, "User and system time of the process.")
    public static let residentMemory = Metric("process_resident_memory_bytes", .gauge, "Resident memory.")
    public static let virtualMemory = Metric("process_virtual_memory_bytes", .gauge, "Virtual memory.")
    public static let openFiles = Metric("process_open_fds", .gauge, "Open file descriptors.")
    public static let maxFiles = Metric("process_max_fds", .gauge, "File descriptors that may be open.")
    public static let startTime = Metric(
        "process_start_time_seconds", .gauge, "When the process started, in seconds since 1970.")

    public static let all = [
        requests, errors, firstAudio, realTimeFactor, slowRequests, audio, characters, tokens,
        stage, batchSize, streams, queueLength, queueWait, busy,
        modelInfo, modelLoaded, modelMemory,
        connections, connectionLimit, connectionsOpened, httpRequests, httpSeconds, jobs, ready, build,
        cpu, residentMemory, virtualMemory, openFiles, maxFiles, startTime,
    ]
}

/// Bounds in seconds: close where most values are, wide beyond.
private enum Buckets {
    static let latency = [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]
    static let stage = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
    static let wait = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40, 80, 160]
}
