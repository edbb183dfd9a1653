import Foundation

/// The text ids of the english model: pairs of letters, `[SPACE]` between words.
/// Source: resemble-ai/chatterbox models/tokenizers/tokenizer.py
public struct EnTokenizer: TextTokenizer {
    static let start = "[START]"
    static let stop = "[STOP]"
    static let space = Array("[SPACE]".unicodeScalars)

    public let tokenizer: Tokenizer

    /// - Throws: `TextError.tokenizer` with file, key, value and what is allowed.
    public init(contentsOf url: URL) throws(TextError) {
        tokenizer = try Self.tokenizer(contentsOf: url)
    }

    /// A tokenizer.json with the tokens that T3 puts around a text.
    static func tokenizer(contentsOf url: URL) throws(TextError) -> Tokenizer {
        let tokenizer = try Tokenizer(contentsOf: url)
        for token in [start, stop] where tokenizer.id(of: token) == nil {
            throw .tokenizer(
                file: url.lastPathComponent, key: "model.vocab", problem: "the token \"\(token)\" is missing")
        }
        return tokenizer
    }

    public var idCount: Int { tokenizer.idCount }
    public var tags: [String] { Self.tags(of: tokenizer) }
    public var languages: [String] { ["en"] }

    public func check(_ text: String, language: String?) throws(TextError) {
        try checkIsEnglish(language)
    }

    public func encode(_ text: String, language: String?) -> [Int32] {
        tokenizer.encode(Self.spaced(Array(text.unicodeScalars)))
    }

    /// Added tokens that say something, unlike those that control the model.
    static func tags(of tokenizer: Tokenizer) -> [String] {
        let control = ["[START]", "[STOP]", "[UNK]", "[SPACE]", "[PAD]", "[SEP]", "[CLS]", "[MASK]"]
        return tokenizer.addedTokens.filter { $0.hasPrefix("[") && !control.contains($0) }
    }

    static func spaced(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        text.flatMap { $0 == " " ? space : [$0] }
    }
}
