import CoreMetrics
import Logging
import Telemetry

extension Settings {
    private enum LogFormat: String, CaseIterable { case text, json }

    /// Logs to standard error from here on.
    func startLogging() throws {
        let level = try choice("log.level", default: Logger.Level.info)
        let format = try choice("log.format", default: LogFormat.text)
        LoggingSystem.bootstrap { label in
            switch format {
            case .text:
                var handler = StreamLogHandler.standardError(label: label)
                handler.logLevel = level
                return handler
            case .json: return JSONLogHandler(label: label, level: level)
            }
        }
    }

    /// Measures from here on, whatever uses swift-metrics.
    /// - Returns: what `/metrics` tells; nil if nobody wants to know.
    func startMetrics() throws -> PrometheusFactory? {
        guard try choice("chatterbox.metrics", default: Switch.on) == .on else { return nil }
        let factory = PrometheusFactory()
        MetricsSystem.bootstrap(factory)
        return factory
    }

    func slowRequest() throws -> Duration? {
        let seconds = try number("chatterbox.slow.request", in: 0...86_400, default: 0)
        return seconds > 0 ? .seconds(seconds) : nil
    }
}
