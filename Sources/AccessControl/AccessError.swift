/// What can go wrong while keys are managed or access is configured.
public enum AccessError: Error, Sendable, Equatable {
    case invalid(field: String, value: String, allowed: String)
    case unknownKey(String)
    /// A key that isn't revoked has this name.
    case nameTaken(String)
    case revoked(String)
    /// The file of the keys.
    case database(path: String, problem: String)
    /// Written by a newer version of this program.
    case newerDatabase(path: String)
    /// Keys that tokens are signed with.
    case tokenKeys(source: String, problem: String)
}

extension AccessError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalid(let field, let value, let allowed):
            "\(field) is \"\(value.count > 60 ? value.prefix(60) + "…" : value)\", but must be \(allowed)."
        case .unknownKey(let name): "There is no key \"\(name.prefix(60))\"; chatterbox key list shows those there are."
        case .nameTaken(let name): "A key is called \"\(name)\" already; rotate or revoke it, or choose another name."
        case .revoked(let name): "Key \"\(name)\" is revoked; create another."
        case .database(let path, let problem): "Keys in \(path): \(problem)."
        case .newerDatabase(let path):
            "\(path) was written by a newer version of this program. Use that version, or another file."
        case .tokenKeys(let source, let problem): "The keys of tokens, \(source): \(problem)."
        }
    }
}
