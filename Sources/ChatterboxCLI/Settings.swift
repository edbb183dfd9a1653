import ArgumentParser
import Configuration

/// Options by layer: command line, then environment, then a file, then default. Errors name the layer a bad value came from.
struct Settings: CustomStringConvertible {
    enum Switch: String, CaseIterable { case on, off }

    /// Command line and environment.
    private let layers: [any ConfigProvider]
    private let reader: ConfigReader
    private let onCommandLine: Set<String>

    /// - Parameters:
    ///   - arguments: values given on the command line, by key.
    ///   - file: settings that count where neither command line nor environment has one.
    init(
        arguments: [String: String?], environment: EnvironmentVariablesProvider = .init(),
        file: (any ConfigProvider)? = nil
    ) {
        let given = arguments.compactMapValues { $0 }
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in given { values[AbsoluteConfigKey(ConfigKey(key))] = .init(.string(value), isSecret: false) }
        layers = [InMemoryProvider(name: "arguments", values: values), environment]
        reader = ConfigReader(providers: layers + (file.map { [$0] } ?? []))
        onCommandLine = Set(given.keys)
    }

    private init(_ settings: Settings, file: any ConfigProvider) {
        (layers, onCommandLine) = (settings.layers, settings.onCommandLine)
        reader = ConfigReader(providers: layers + [file])
    }

    /// Says nothing of the values, some of which are secrets: services are logged with all they have.
    var description: String { "Settings" }

    /// The same command line and environment over another file.
    func with(file: any ConfigProvider) -> Settings { Settings(self, file: file) }

    func string(_ key: String, default fallback: String) -> String {
        string(key) ?? fallback
    }

    func string(_ key: String) -> String? {
        reader.string(forKey: ConfigKey(key)).flatMap { $0.isEmpty ? nil : $0 }
    }

    func integer(_ key: String, in range: ClosedRange<Int>, default fallback: Int) throws -> Int {
        guard let text = string(key) else { return fallback }
        guard let value = Int(text), range.contains(value) else {
            throw ValidationError(
                "\(name(of: key)) is \"\(text)\", but must be an integer from \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return value
    }

    func number(_ key: String, in range: ClosedRange<Double>, default fallback: Double) throws -> Double {
        guard let text = string(key) else { return fallback }
        guard let value = Double(text), range.contains(value) else {
            throw ValidationError(
                "\(name(of: key)) is \"\(text)\", but must be a number from \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return value
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, default fallback: Choice
    ) throws -> Choice where Choice.RawValue == String {
        guard let text = string(key) else { return fallback }
        guard let value = Choice(rawValue: text) else {
            let allowed = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\(name(of: key)) is \"\(text)\", but must be one of: \(allowed).")
        }
        return value
    }

    /// `--max-sessions` or `CHATTERBOX_MAX_SESSIONS`, whichever the value came from.
    private func name(of key: String) -> String {
        let words = key.split(separator: ".").map(String.init)
        let own = words.first == "chatterbox" ? words.dropFirst() : words[...]
        return onCommandLine.contains(key)
            ? "--" + own.joined(separator: "-") : words.map { $0.uppercased() }.joined(separator: "_")
    }
}
