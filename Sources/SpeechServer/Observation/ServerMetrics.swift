import CoreMetrics
import Telemetry

/// What the server measures, told through swift-metrics.
package struct ServerMetrics: Sendable {
    package enum Outcome: String, Sendable {
        case completed, cancelled, failed
    }

    let factory: any MetricsFactory
    /// What takes longer is slow, and told in the log; nil tells nothing.
    let slowRequest: Duration?

    package init(factory: any MetricsFactory = MetricsSystem.factory, slowRequest: Duration? = nil) {
        (self.factory, self.slowRequest) = (factory, slowRequest)
    }

    func isSlow(_ duration: Duration, _ transport: SpeechOrigin.Transport) -> Bool {
        guard let slowRequest, duration > slowRequest else { return false }
        Metric.slowRequests.counter(transport.rawValue, by: factory).increment()
        return true
    }

    func told(_ error: ServerError, over transport: SpeechOrigin.Transport) {
        let all = if case .several(let errors) = error { errors } else { [error] }
        for code in Set(all.map(\.code)) {
            Metric.errors.counter(transport.rawValue, code, by: factory).increment()
        }
    }

    func firstAudio(after duration: Duration, _ transport: SpeechOrigin.Transport, model: String) {
        Metric.firstAudio.histogram(transport.rawValue, model, by: factory).record(duration.inSeconds)
    }

    func ended(_ outcome: Outcome, _ transport: SpeechOrigin.Transport, model: String) {
        Metric.requests.counter(transport.rawValue, model, outcome.rawValue, by: factory).increment()
    }

    func completed(
        _ transport: SpeechOrigin.Transport, model: String, characters: Int, tokens: Int, realTimeFactor: Double
    ) {
        Metric.realTimeFactor.histogram(transport.rawValue, model, by: factory).record(realTimeFactor)
        Metric.characters.counter(model, by: factory).increment(by: Double(characters))
        Metric.tokens.counter(model, by: factory).increment(by: Double(tokens))
    }

    func answered(method: String, route: String, status: Int, after duration: Duration) {
        Metric.httpRequests.counter(method, route, String(status), by: factory).increment()
        Metric.httpSeconds.histogram(route, by: factory).record(duration.inSeconds)
    }

    /// Counts a connection as open while it is served.
    func counting(_ transport: SpeechOrigin.Transport, _ serve: () async -> Void) async {
        Metric.connectionsOpened.counter(transport.rawValue, by: factory).increment()
        let open = Metric.connections.gauge(transport.rawValue, by: factory)
        open.increment()
        await serve()
        open.decrement()
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
