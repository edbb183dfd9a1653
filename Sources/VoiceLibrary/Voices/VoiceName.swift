import Foundation

/// A name or an alias of a voice: 1–100 characters, one spelling of each accent, compared without case.
struct VoiceName: Sendable {
    static let allowed =
        "1 to 100 characters, without / and \\, control characters or line breaks, and not start with a dot"

    /// As people see it.
    let text: String
    /// Two names are the same if their keys are.
    let key: String

    /// White space at the ends goes; what else isn't allowed is refused.
    /// - Throws: `LibraryError.invalid`.
    init(_ text: String, field: String) throws(LibraryError) {
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines).precomposedStringWithCanonicalMapping
        guard (1...100).contains(trimmed.unicodeScalars.count), !trimmed.hasPrefix("."),
            !trimmed.unicodeScalars.contains(where: Self.isForbidden)
        else { throw .invalid(field: field, value: text, allowed: Self.allowed) }
        self.text = trimmed
        key = Self.key(trimmed)
    }

    /// The key of any text, allowed as a name or not.
    static func key(_ text: String) -> String {
        text.trimmingCharacters(in: .whitespacesAndNewlines).precomposedStringWithCanonicalMapping.lowercased()
            .precomposedStringWithCanonicalMapping
    }

    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: scalar == "/" || scalar == "\\"
        }
    }
}
