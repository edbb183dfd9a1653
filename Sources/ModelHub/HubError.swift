/// What can go wrong in getting a model from the hub. Each says what to do.
public enum HubError: Error, Sendable, Equatable {
    /// A setting in the environment that can't be used.
    case setting(name: String, value: String, allowed: String)
    case offline
    /// 401 or 403.
    case refused(repository: String, page: String, sentToken: Bool)
    /// 404: the repository or a revision of it.
    case unknownRepository(String, endpoint: String)
    /// Files that the model needs and the repository hasn't.
    case missingFiles([String], repository: String, commit: String)
    /// No answer, or none that helps, after all attempts.
    case unreachable(url: String, reason: String, attempts: Int)
    /// An answer that isn't what a hub says.
    case unexpected(url: String, problem: String)
    /// The file that was sent isn't the one that was promised.
    case corrupt(file: String, expected: String, found: String)
    case diskFull(path: String, neededBytes: Int64, freeBytes: Int64?)
    case disk(path: String, problem: String)
    /// A model that isn't there, or not all of it.
    case notPulled(name: String, missing: [String])
}

extension HubError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .setting(let name, let value, let allowed): "\(name) is \"\(value)\", but must be \(allowed)."
        case .offline: "HF_HUB_OFFLINE is set, so nothing is fetched. Unset it to pull a model."
        case .refused(let repository, let page, false):
            "\(repository) isn't open to everyone. Accept its terms at \(page), make a token with read access in your "
                + "account's settings there, and set it as HF_TOKEN."
        case .refused(let repository, let page, true):
            "The token in use doesn't open \(repository). Accept its terms at \(page) with the token's account, or set "
                + "another HF_TOKEN."
        case .unknownRepository(let repository, let endpoint):
            "\(endpoint) has no model \(repository). If HF_ENDPOINT names a mirror, it may lack this one."
        case .missingFiles(let files, let repository, let commit):
            "\(repository) has no \(files.joined(separator: ", ")) at commit \(commit.prefix(12))."
        case .unreachable(let url, let reason, let attempts):
            "\(url) gave no answer that helps, tried \(attempts == 1 ? "once" : "\(attempts) times"): \(reason). Check the network, and HTTPS_PROXY or "
                + "HF_ENDPOINT if you need them; what is here already is kept, and the same command goes on from there."
        case .unexpected(let url, let problem): "\(url) isn't what a hub answers: \(problem)."
        case .corrupt(let file, let expected, let found):
            "\(file) arrived damaged: expected \(expected), found \(found). It was thrown away; try again."
        case .diskFull(let path, let needed, let free):
            "There is no room at \(path) for \(ByteCount.text(needed))"
                + (free.map { ": \(ByteCount.text($0)) are free" } ?? "")
                + ". Make room, or name another folder in HF_HOME."
        case .disk(let path, let problem): "\(path): \(problem)."
        case .notPulled(let name, let missing) where missing.isEmpty:
            "The model \(name) isn't here yet. Get it: chatterbox pull \(name)"
        case .notPulled(let name, let missing):
            "The model \(name) isn't complete, \(missing.joined(separator: ", ")) is missing. "
                + "Get the rest: chatterbox pull \(name)"
        }
    }
}

/// Sizes as people read them.
public enum ByteCount {
    /// `2.13 GB`, `812 kB`: powers of a thousand.
    public static func text(_ bytes: Int64) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        if unit == 0 { return "\(bytes) B" }
        let hundredths = Int((value * 100).rounded())
        let digits = hundredths % 100
        return value >= 100
            ? "\(Int(value.rounded())) \(units[unit])"
            : "\(hundredths / 100).\(digits < 10 ? "0" : "")\(digits) \(units[unit])"
    }
}
