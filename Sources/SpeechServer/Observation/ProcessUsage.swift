import Foundation

/// What the process takes of the machine, from Linux's /proc; zeros where that is missing.
struct ProcessUsage: Sendable {
    var cpuSeconds = 0.0
    var residentBytes = 0.0
    var virtualBytes = 0.0
    var openFiles = 0
    var maxFiles = 0
    /// Since 1970.
    var startSeconds = 0.0

    static func current() -> Self {
        var usage = Self()
        let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        // Fields as in proc(5), from the third on: the second, a name, may have spaces and brackets of its own.
        let fields = read("/proc/self/stat").split(separator: ")").last?.split(separator: " ").map { Double($0) ?? 0 }
        if let fields, fields.count > 21 {
            usage.cpuSeconds = (fields[11] + fields[12]) / ticksPerSecond
            usage.startSeconds = bootTime + fields[19] / ticksPerSecond
            usage.virtualBytes = fields[20]
            usage.residentBytes = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
        }
        usage.openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        usage.maxFiles = value(of: "Max open files", in: read("/proc/self/limits"))
        return usage
    }

    /// Seconds since 1970.
    private static let bootTime = Double(value(of: "btime", in: read("/proc/stat")))

    /// The first number of the line that begins with `name`.
    private static func value(of name: String, in text: String) -> Int {
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line?.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) } ?? 0
    }

    private static func read(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}
