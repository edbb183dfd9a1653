/// What somebody may do.
public enum Scope: String, Sendable, CaseIterable, Codable {
    /// Have texts spoken, long ones too.
    case speak
    /// Add, change, remove and fetch voices of the library.
    case voices
    /// Everything, and to see what others do.
    case admin

    /// The scopes of a list such as `speak,voices`; commas or white space are between them.
    /// - Throws: `AccessError.invalid` for a word that is none, or none at all.
    public static func list(_ text: String) throws(AccessError) -> Set<Scope> {
        var scopes: Set<Scope> = []
        for word in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            guard let scope = Scope(rawValue: word.lowercased()) else {
                throw .invalid(field: "scopes", value: String(word), allowed: allowed)
            }
            scopes.insert(scope)
        }
        guard !scopes.isEmpty else { throw .invalid(field: "scopes", value: text, allowed: allowed) }
        return scopes
    }

    static let allowed = "one or more of " + allCases.map(\.rawValue).joined(separator: ", ")
}

extension Set<Scope> {
    /// Everything: who needs no key has it.
    public static let all = Set(Scope.allCases)

    /// Whether one of `needed` is there; none needed is always there.
    public func allow(_ needed: Set<Scope>) -> Bool {
        needed.isEmpty || contains(.admin) || !isDisjoint(with: needed)
    }

    /// In the order of their declaration, as people read them.
    public var text: String { Scope.allCases.filter(contains).map(\.rawValue).joined(separator: ",") }
}
