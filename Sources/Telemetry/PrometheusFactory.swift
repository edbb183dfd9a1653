import CoreMetrics
import Synchronization

/// Keeps what is measured through swift-metrics and tells it in Prometheus' text format.
///
/// Metrics of ``Metric/all`` have their help, kind and buckets from there. Others, which libraries measure, are told as
/// well, by names made to fit.
public final class PrometheusFactory: MetricsFactory {
    /// Metrics of one name.
    struct Family: Sendable {
        var metric: Metric
        var series: [[Label]: Series] = [:]
    }

    struct Label: Sendable, Hashable {
        var name: String
        var value: String
    }

    private let families: Mutex<[String: Family]>

    /// - Parameter metrics: told even if nothing was measured.
    public init(_ metrics: [Metric] = Metric.all) {
        families = Mutex(Dictionary(uniqueKeysWithValues: metrics.map { ($0.name, Family(metric: $0)) }))
        // What has no labels has a value from the start.
        for metric in metrics where metric.labels.isEmpty { _ = series(metric.name, [], metric.kind) }
    }

    /// Everything measured, in text format 0.0.4.
    public func text() -> String {
        PrometheusText.format(families.withLock { Array($0.values) })
    }

    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private func series(_ label: String, _ dimensions: [(String, String)], _ kind: Metric.Kind) -> Series {
        let name = PrometheusText.name(label)
        let labels = dimensions.map { Label(name: PrometheusText.labelName($0.0), value: $0.1) }
        return families.withLock { families in
            var family = families[name] ?? Family(metric: Metric(name, kind, labels: labels.map(\.name), ""))
            if let series = family.series[labels] { return series }
            let series = Series(family.metric.kind)
            family.series[labels] = series
            families[name] = family
            return series
        }
    }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            for name in families.keys {
                guard let labels = families[name]?.series.first(where: { $0.value === handler })?.key else { continue }
                families[name]?.series[labels] = nil
            }
        }
    }

    // MARK: swift-metrics

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler { series(label, dimensions, .counter) }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge)
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        series(label, dimensions, aggregate ? .histogram(Self.buckets) : .gauge)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, .histogram(Self.buckets))
    }

    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    /// Of what nobody has described: those of Prometheus' own clients.
    private static let buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
}

/// One value, or one histogram, as it is now.
final class Series: Sendable {
    struct Value: Sendable, Equatable {
        /// Of a counter or gauge.
        var number = 0.0
        /// Of a histogram: how many values fell into each bucket, the one without a bound last.
        var counts: [UInt64] = []
        var sum = 0.0
    }

    private let bounds: [Double]
    private let isCounter: Bool
    private let state: Mutex<Value>

    init(_ kind: Metric.Kind) {
        isCounter = kind == .counter
        bounds = if case .histogram(let bounds) = kind { bounds } else { [] }
        state = Mutex(Value(counts: [UInt64](repeating: 0, count: bounds.isEmpty ? 0 : bounds.count + 1)))
    }

    var value: Value { state.withLock { $0 } }

    private func add(_ amount: Double) {
        guard amount.isFinite, amount >= 0 || !isCounter else { return }
        state.withLock { $0.number += amount }
    }

    private func take(_ value: Double) {
        guard !value.isNaN else { return }
        guard !bounds.isEmpty else { return state.withLock { $0.number = value } }
        let index = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[index] += 1
            $0.sum += value
        }
    }
}

extension Series: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    func increment(by amount: Int64) { add(Double(amount)) }
    func increment(by amount: Double) { add(amount) }
    func decrement(by amount: Double) { add(-amount) }
    func reset() { state.withLock { $0.number = 0 } }
    func set(_ value: Int64) { take(Double(value)) }
    func set(_ value: Double) { take(value) }
    func record(_ value: Int64) { take(Double(value)) }
    func record(_ value: Double) { take(value) }
    /// In seconds, Prometheus' unit of time.
    func recordNanoseconds(_ duration: Int64) { take(Double(duration) / 1e9) }
}
