import CoreMetrics
import Hummingbird
import SpeechEngine
import Telemetry
import VoiceLibrary

/// `/metrics`: everything that is measured, for Prometheus.
struct MetricsRoute: Sendable {
    let exporter: PrometheusFactory
    let service: SpeechService
    let registry: ConnectionRegistry
    let jobs: JobStore?

    var route: Route {
        Route(
            method: .get, path: "/metrics", tag: .server, summary: "What is measured, in Prometheus' text format",
            answers: [.init(status: 200, about: "Metrics", content: ["text/plain": [:]])], hasVersion: false,
            access: .monitoring
        ) { _ in
            try await look()
            return Response(
                status: .ok, headers: [.contentType: PrometheusFactory.contentType, .cacheControl: "no-store"],
                body: .init(byteBuffer: .init(string: exporter.text())))
        }
    }

    /// Brings what isn't counted as it happens up to date.
    private func look() async throws {
        Metric.build.gauge(ServerVersion.current, by: exporter).set(1)
        Metric.ready.gauge(by: exporter).set(service.engine.isReady ? 1 : 0)
        Metric.connections.gauge("websocket", by: exporter).set(registry.count)
        Metric.connectionLimit.gauge(by: exporter).set(registry.limit)
        for model in service.engine.models {
            if model.state == .loaded {
                Metric.modelInfo.gauge(
                    model.name, String(model.isDefault), String(model.canClone), by: exporter
                ).set(1)
            }
            Metric.modelLoaded.gauge(model.name, by: exporter).set(model.state == .loaded ? 1 : 0)
            Metric.modelMemory.gauge(model.name, by: exporter).set(model.byteCount)
        }
        if let jobs {
            let counts = try await jobs.counts()
            for state in JobState.allCases {
                Metric.jobs.gauge(state.rawValue, by: exporter).set(counts[state] ?? 0)
            }
        }
        process()
    }

    private func process() {
        let usage = ProcessUsage.current()
        let cpu = Metric.cpu.counter(by: exporter)
        cpu.reset()
        cpu.increment(by: usage.cpuSeconds)
        Metric.residentMemory.gauge(by: exporter).set(usage.residentBytes)
        Metric.virtualMemory.gauge(by: exporter).set(usage.virtualBytes)
        Metric.openFiles.gauge(by: exporter).set(usage.openFiles)
        Metric.maxFiles.gauge(by: exporter).set(usage.maxFiles)
        Metric.startTime.gauge(by: exporter).set(usage.startSeconds)
    }
}
