/// Prometheus' text exposition format 0.0.4.
/// Source: prometheus/docs, content/docs/instrumenting/exposition_formats.md
enum PrometheusText {
    static func format(_ families: [PrometheusFactory.Family]) -> String {
        var text = ""
        for family in families.sorted(by: { $0.metric.name < $1.metric.name }) {
            let (name, kind) = (family.metric.name, family.metric.kind)
            if !family.metric.help.isEmpty { text += "# HELP \(name) \(escaped(family.metric.help, quotes: false))\n" }
            text += "# TYPE \(name) \(kind.word)\n"
            let lines = family.series.map { (labels: format($0.key), value: $0.value.value) }
            for (labels, value) in lines.sorted(by: { $0.labels < $1.labels }) {
                switch kind {
                case .counter, .gauge: text += line(name, labels, value.number)
                case .histogram(let bounds):
                    var count: UInt64 = 0
                    for (index, bound) in (bounds + [.infinity]).enumerated() {
                        count += value.counts[index]
                        let le = "le=\"\(number(bound))\""
                        text += line(name + "_bucket", labels.isEmpty ? le : labels + "," + le, Double(count))
                    }
                    text += line(name + "_sum", labels, value.sum) + line(name + "_count", labels, Double(count))
                }
            }
        }
        return text
    }

    private static func line(_ name: String, _ labels: String, _ value: Double) -> String {
        "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(number(value))\n"
    }

    private static func format(_ labels: [PrometheusFactory.Label]) -> String {
        labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",")
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return Int64(exactly: value).map(String.init) ?? String(value)
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        let text = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return quotes ? text.replacing("\"", with: "\\\"") : text
    }

    /// A metric's name: what isn't allowed becomes an underscore.
    static func name(_ label: String) -> String { fitting(label, allowsColon: true) }

    static func labelName(_ label: String) -> String { fitting(label, allowsColon: false) }

    private static func fitting(_ text: String, allowsColon: Bool) -> String {
        let fitting = text.map { character -> Character in
            let isFine = character.isASCII && (character.isLetter || character.isNumber || character == "_")
            return isFine || character == ":" && allowsColon ? character : "_"
        }
        return fitting.first.map { $0.isNumber } ?? true ? "_" + String(fitting) : String(fitting)
    }
}

extension Metric.Kind {
    fileprivate var word: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }
}
