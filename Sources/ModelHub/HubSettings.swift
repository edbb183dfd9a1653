import Foundation

/// Where the hub is, where its files are kept, and how to get there; the variables are those of huggingface_hub.
public struct HubSettings: Sendable {
    /// Without a slash at the end.
    public var endpoint: String
    /// The folder of the cache, `HF_HUB_CACHE`, else `HF_HOME/hub`.
    public var cache: URL
    public var token: String?
    public var proxies: ProxySettings
    public var isOffline: Bool
    /// Seconds without a byte after which a connection is given up.
    public var stallSeconds: Int64
    /// Attempts that may fail one after the other without a byte gained.
    public var attempts: Int
    /// Seconds before the second attempt; each later wait is twice as long, up to a minute.
    public var retryDelay: Double

    /// - Parameter environment: of the process.
    /// - Throws: `HubError.setting`.
    public init(
        environment: [String: String], attempts: Int = 6, retryDelay: Double = 1
    ) throws(HubError) {
        func variable(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        func folder(_ path: String) -> URL {
            URL(fileURLWithPath: (path as NSString).expandingTildeInPath, isDirectory: true)
        }
        let name = "HF_ENDPOINT"
        var endpoint = variable(name) ?? "https://huggingface.co"
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        guard let url = URL(string: endpoint), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
            throw .setting(name: name, value: endpoint, allowed: "a URL such as https://huggingface.co")
        }
        self.endpoint = endpoint
        let home =
            variable("HF_HOME").map(folder)
            ?? folder(variable("XDG_CACHE_HOME") ?? "~/.cache").appendingPathComponent("huggingface")
        cache =
            variable("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE").map(folder)
            ?? home.appendingPathComponent("hub", isDirectory: true)
        let tokenFile = variable("HF_TOKEN_PATH").map(folder) ?? home.appendingPathComponent("token")
        let token =
            variable("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ?? (try? String(contentsOf: tokenFile, encoding: .utf8))
        let trimmed = token?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        guard trimmed.unicodeScalars.allSatisfy({ $0.isASCII && $0.value > 0x20 && $0.value != 0x7F }) else {
            throw .setting(name: "HF_TOKEN", value: "…", allowed: "one word of ASCII letters, digits and signs")
        }
        self.token = trimmed.isEmpty ? nil : trimmed
        proxies = try ProxySettings(environment: environment)
        isOffline = ["1", "ON", "YES", "TRUE"].contains((variable("HF_HUB_OFFLINE") ?? "").uppercased())
        let stall = variable("HF_HUB_DOWNLOAD_TIMEOUT") ?? "30"
        guard let seconds = Int64(stall), (1...3600).contains(seconds) else {
            throw .setting(name: "HF_HUB_DOWNLOAD_TIMEOUT", value: stall, allowed: "1 to 3600 seconds")
        }
        stallSeconds = seconds
        self.attempts = attempts
        self.retryDelay = retryDelay
    }
}
