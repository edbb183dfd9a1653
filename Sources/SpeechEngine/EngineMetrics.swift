import CoreMetrics
import Telemetry

/// What an engine measures of itself, told through swift-metrics.
public struct EngineMetrics: Sendable {
    /// Where the time goes.
    package enum Stage: String, CaseIterable, Sendable {
        /// A text that T3 begins.
        case t3Prefill = "t3_prefill"
        /// The next token of all requests of a pass.
        case t3Token = "t3_token"
        /// Tokens to mel.
        case s3gen
        /// Mel to samples.
        case vocoder
        /// A voice of a recording.
        case voice
    }

    private let stages: [Stage: Recorder]
    private let batchSize: Recorder
    private let queueWait: Recorder
    private let streams: Meter
    private let queueLength: Meter
    private let busy: FloatingPointCounter
    private let audio: FloatingPointCounter

    /// - Parameters:
    ///   - model: by the name that requests call it.
    ///   - factory: that keeps the values; the process's one by default.
    public init(model: String, factory: any MetricsFactory = MetricsSystem.factory) {
        stages = Dictionary(
            uniqueKeysWithValues: Stage.allCases.map {
                ($0, Metric.stage.histogram(model, $0.rawValue, by: factory))
            })
        batchSize = Metric.batchSize.histogram(model, by: factory)
        queueWait = Metric.queueWait.histogram(model, by: factory)
        streams = Metric.streams.gauge(model, by: factory)
        queueLength = Metric.queueLength.gauge(model, by: factory)
        busy = Metric.busy.counter(model, by: factory)
        audio = Metric.audio.counter(model, by: factory)
    }

    package func time<Result>(_ stage: Stage, _ body: () throws -> Result) rethrows -> Result {
        let start = ContinuousClock.now
        defer { stages[stage]?.record(start.duration(to: .now).seconds) }
        return try body()
    }

    package func pass(of requests: Int) { batchSize.record(requests) }
    package func waited(_ duration: Duration) { queueWait.record(duration.seconds) }

    package func load(running: Int, waiting: Int) {
        streams.set(running)
        queueLength.set(waiting)
    }

    package func computed(for seconds: Double, audio made: Double) {
        busy.increment(by: seconds)
        audio.increment(by: made)
    }
}
