import CoreMetrics
import Logging
import Telemetry

extension Settings {
    enum LogFormat: String, CaseIterable { case text, json }

    /// Logs to standard error from here on.
    func startLogging() throws {
        let level = try logLevel()
        let format = try logFormat()
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

    func logLevel() throws -> Logger.Level { try choice("log.level", default: .info) }

    func logFormat() throws -> LogFormat { try choice("log.format", default: .text) }

    /// Whether there is anything to measure for.
    func measures() throws -> Bool { try choice("chatterbox.metrics", default: Switch.on) == .on }

    /// Measures from here on, whatever uses swift-metrics.
    /// - Returns: what `/metrics` tells; nil if nobody wants to know.
    func startMetrics() throws -> PrometheusFactory? {
        guard try measures() else { return nil }
        let factory = PrometheusFactory()
        MetricsSystem.bootstrap(factory)
        return factory
    }

    func slowRequest() throws -> Duration? {
        let seconds = try number("chatterbox.slow.request", in: 0...86_400, default: 0)
        return seconds > 0 ? .seconds(seconds) : nil
    }
}
