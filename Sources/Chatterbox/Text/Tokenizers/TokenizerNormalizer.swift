import Foundation

/// What a tokenizer file does to a text before cutting it.
enum TokenizerNormalizer: Sendable, Equatable {
    case nfc, nfd, nfkc, nfkd
    /// Letter by letter, without regard to what is around: Σ is always σ.
    case lowercase

    func normalize(_ text: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar] {
        let string = String(scalars: text)
        switch self {
        case .nfc: return Array(string.precomposedStringWithCanonicalMapping.unicodeScalars)
        case .nfd: return Array(string.decomposedStringWithCanonicalMapping.unicodeScalars)
        case .nfkc: return Array(string.precomposedStringWithCompatibilityMapping.unicodeScalars)
        case .nfkd: return Array(string.decomposedStringWithCompatibilityMapping.unicodeScalars)
        case .lowercase: return text.flatMap { Array($0.properties.lowercaseMapping.unicodeScalars) }
        }
    }
}
