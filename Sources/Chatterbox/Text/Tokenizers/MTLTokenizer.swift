import Foundation

/// The text ids of the multilingual models: a language tag, then decomposed small letters; Jamo for Hangul, Cangjie
/// codes for Chinese.
///
/// The reference writes Japanese kanji in hiragana, Hebrew with vowel points and Russian with stress marks by packages
/// that have no counterpart here. Text that needs such a step is refused; text that is written that way already is read.
/// Source: resemble-ai/chatterbox models/tokenizers/tokenizer.py
public struct MTLTokenizer: TextTokenizer {
    public static let supportedLanguages = [
        "ar", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "it", "ja", "ko", "ms", "nl", "no", "pl", "pt",
        "ru", "sv", "sw", "tr", "zh",
    ]

    public let tokenizer: Tokenizer
    private let cangjie: ChineseCangjieConverter?

    /// - Parameters:
    ///   - url: grapheme_mtl_merged_expanded_v1.json.
    ///   - cangjie: Cangjie5_TC.json; nil reads no Chinese.
    /// - Throws: `TextError.tokenizer` with file, key, value and what is allowed.
    public init(contentsOf url: URL, cangjie: URL?) throws(TextError) {
        tokenizer = try EnTokenizer.tokenizer(contentsOf: url)
        if let cangjie {
            self.cangjie = try ChineseCangjieConverter(contentsOf: cangjie)
        } else {
            self.cangjie = nil
        }
    }

    public var idCount: Int { tokenizer.idCount }
    /// Language tags and Cangjie keys aren't for a user to write.
    public var tags: [String] {
        EnTokenizer.tags(of: tokenizer).filter { tag in
            !tag.hasPrefix("[cj_") && !Self.supportedLanguages.contains { tag == "[\($0)]" }
        }
    }
    public var languages: [String] { Self.languages(withChinese: cangjie != nil) }

    static func languages(withChinese: Bool) -> [String] {
        supportedLanguages.filter { $0 != "zh" || withChinese }
    }

    public func check(_ text: String, language: String?) throws(TextError) {
        let tag = language ?? "en"
        let language = LanguageTag.primary(language)
        guard languages.contains(language) else { throw .language(tag, available: languages) }
        let scalars = Self.decomposed(text)
        switch language {
        case "ja":
            if let kanji = scalars.first(where: { (0x4E00...0x9FFF).contains($0.value) }) {
                throw .script(
                    language: "Japanese (ja)", problem: "'\(kanji)' is kanji",
                    remedy: "write it in hiragana or katakana")
            }
        case "he":
            let hasLetters = scalars.contains { (0x5D0...0x5EA).contains($0.value) }
            if hasLetters, !scalars.contains(where: { (0x5B0...0x5BC).contains($0.value) || $0.value == 0x5C7 }) {
                throw .script(
                    language: "Hebrew (he)", problem: "there are no vowel points", remedy: "write them (שָׁלוֹם)")
            }
        case "ru":
            let hasLetters = scalars.contains { (0x430...0x44F).contains($0.value) }
            if hasLetters, !scalars.contains("\u{301}") {
                throw .script(
                    language: "Russian (ru)", problem: "there are no stress marks",
                    remedy: "write U+0301 behind stressed vowels (за\u{301}мок)")
            }
        default: break
        }
    }

    public func encode(_ text: String, language: String?) -> [Int32] {
        let language = LanguageTag.primary(language)
        var scalars = Self.decomposed(text)
        switch language {
        case "zh": scalars = cangjie?.convert(scalars) ?? scalars
        case "ko": scalars = PythonText.strip(scalars)  // syllables are Jamo after decomposition
        default: break
        }
        return tokenizer.encode(EnTokenizer.spaced(Array("[\(language)]".unicodeScalars) + scalars))
    }

    /// Small letters, compatibility decomposition.
    static func decomposed(_ text: String) -> [Unicode.Scalar] {
        TokenizerNormalizer.nfkd.normalize(PythonText.lowercased(Array(text.unicodeScalars))[...])
    }
}
