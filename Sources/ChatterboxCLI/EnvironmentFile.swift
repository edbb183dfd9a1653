import Foundation

/// Lines of `NAME=value`, as systemd's EnvironmentFile has them.
enum EnvironmentFile {
    /// A value, and the line it is on, from 1.
    struct Entry {
        var value: String
        var line: Int
    }

    enum Mistake: Error, CustomStringConvertible {
        /// A line that is no setting.
        case badLine(Int)
        /// - Parameter nearest: settings that look most like it.
        case unknownName(String, line: Int, nearest: [String])
        case onlyInEnvironment(String, line: Int)

        var description: String {
            switch self {
            case .badLine(let line): "line \(line) is not NAME=value."
            case .unknownName(let name, let line, let nearest):
                """
                line \(line): there is no setting \(name). The nearest are \(nearest.joined(separator: ", ")); \
                chatterbox serve --help lists all.
                """
            case .onlyInEnvironment(let name, let line):
                "line \(line): \(name) counts in the environment only, not in this file."
            }
        }
    }

    /// What is looked up before there are settings, or by other libraries.
    private static let onlyInEnvironment: Set<String> = [
        "CHATTERBOX_CONFIG", "CHATTERBOX_MODELS", "CHATTERBOX_API_KEY", "HF_TOKEN", "HF_HOME", "HF_ENDPOINT",
        "XDG_CACHE_HOME",
    ]

    static func entries(of text: String) throws(Mistake) -> [String: Entry] {
        var entries: [String: Entry] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") { line = line.dropFirst(7).trimmingCharacters(in: .whitespaces) }
            let halves = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let isName = halves[0].utf8.allSatisfy { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
            }
            guard halves.count == 2, !halves[0].isEmpty, isName else { throw .badLine(index + 1) }
            var value = halves[1].trimmingCharacters(in: .whitespaces)
            if value.count >= 2, let quote = value.first, quote == value.last, quote == "\"" || quote == "'" {
                value = String(value.dropFirst().dropLast())
            }
            entries[String(halves[0])] = Entry(value: value, line: index + 1)
        }
        return entries
    }

    /// - Throws: `Mistake` for the first name that isn't one of `names`.
    static func check(_ entries: [String: Entry], names: Set<String>) throws(Mistake) {
        let unknown = entries.filter { !names.contains($0.key) }
        guard let (name, entry) = unknown.min(by: { $0.value.line < $1.value.line }) else { return }
        if onlyInEnvironment.contains(name) { throw .onlyInEnvironment(name, line: entry.line) }
        throw .unknownName(name, line: entry.line, nearest: nearest(to: name, among: names))
    }

    /// The three that take the fewest letters put in or taken out: mostly a prefix was left out, which `Suggestion` would
    /// take for a great difference.
    private static func nearest(to name: String, among names: Set<String>) -> [String] {
        let ranked = names.map { (changes: Array(name).difference(from: Array($0)).count, name: $0) }
        return ranked.sorted { $0 < $1 }.prefix(3).map(\.name)
    }
}
