/// From a text as it is to be spoken to T3's text ids, without start and stop.
public protocol TextTokenizer: Sendable {
    /// One more than the highest id: T3's `text_tokens_dict_size` may not be less.
    var idCount: Int { get }
    /// What stands in brackets in a text and is one token, such as `[laugh]`.
    var tags: [String] { get }
    /// Codes of the languages it can read, sorted; nil stands for the first in a request that names none.
    var languages: [String] { get }
    /// - Throws: `TextError.language` or `.script` if the text can't be read in this language, with what to do instead.
    func check(_ text: String, language: String?) throws(TextError)
    /// - Parameter text: has passed `check`.
    func encode(_ text: String, language: String?) -> [Int32]
}

extension TextTokenizer {
    func checkIsEnglish(_ language: String?) throws(TextError) {
        guard let language, LanguageTag.primary(language) != "en" else { return }
        throw .language(language, available: languages)
    }
}

enum LanguageTag {
    /// The language of a tag such as `pt-BR`: `pt`; English if there is none.
    static func primary(_ tag: String?) -> String {
        guard let tag else { return "en" }
        return tag.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "-" || $0 == "_" }[0].lowercased()
    }
}
