import Foundation

/// HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in small or capital letters.
public struct ProxySettings: Sendable, Equatable {
    public struct Proxy: Sendable, Hashable {
        public var isSOCKS: Bool
        public var host: String
        public var port: Int
        public var user: String?
        public var password: String?
    }

    private var byScheme: [String: Proxy] = [:]
    private var bypassed: [String] = []

    /// - Throws: `HubError.setting`.
    public init(environment: [String: String]) throws(HubError) {
        func variable(_ name: String) -> (name: String, value: String)? {
            for name in [name, name.uppercased()] {
                if let value = environment[name]?.trimmingCharacters(in: .whitespaces), !value.isEmpty {
                    return (name, value)
                }
            }
            return nil
        }
        for scheme in ["http", "https"] {
            guard let (name, value) = variable("\(scheme)_proxy") ?? variable("all_proxy") else { continue }
            guard let proxy = Proxy(value) else {
                throw .setting(
                    name: name, value: value,
                    allowed: "an address such as http://proxy.example:3128, or socks5://proxy.example:1080")
            }
            byScheme[scheme] = proxy
        }
        bypassed = (variable("no_proxy")?.value ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces).lowercased() }.filter { !$0.isEmpty }
    }

    var all: Set<Proxy> { Set(byScheme.values) }

    /// The proxy on the way to a URL; nil goes there directly.
    public func proxy(for url: URL) -> Proxy? {
        guard let scheme = url.scheme, let host = url.host?.lowercased() else { return nil }
        let port = url.port ?? (scheme == "https" ? 443 : 80)
        for entry in bypassed {
            if entry == "*" { return nil }
            let parts = entry.split(separator: ":", maxSplits: 1)
            // an address of IPv6 has more colons than one
            let hasPort = parts.count == 2 && Int(parts[1]) != nil
            if hasPort, Int(parts[1]) != port { continue }
            let name = hasPort ? String(parts[0]) : entry
            let suffix = name.hasPrefix("*.") ? String(name.dropFirst()) : name.hasPrefix(".") ? name : "." + name
            if host == suffix.dropFirst() || host.hasSuffix(suffix) { return nil }
        }
        return byScheme[scheme]
    }
}

extension ProxySettings.Proxy {
    /// `scheme://user:password@host:port`; the scheme is http if there is none.
    init?(_ text: String) {
        guard let url = URLComponents(string: text.contains("://") ? text : "http://" + text),
            let host = url.host, !host.isEmpty
        else { return nil }
        switch url.scheme?.lowercased() {
        case "http": isSOCKS = false
        case "socks5", "socks5h": isSOCKS = true
        default: return nil
        }
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        port = url.port ?? (isSOCKS ? 1080 : 80)
        user = url.user
        password = url.password
    }
}
