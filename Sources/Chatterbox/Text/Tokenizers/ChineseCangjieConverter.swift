import Foundation

/// Chinese characters as the keys of the Cangjie input method, `[cj_…]` tokens. Words are not segmented: the reference
/// puts spaces between words where the `pkuseg` package is installed.
/// Source: resemble-ai/chatterbox models/tokenizers/tokenizer.py
public struct ChineseCangjieConverter: Sendable {
    private let codes: [Unicode.Scalar: [Unicode.Scalar]]

    /// Reads Cangjie5_TC.json, a list of `"character\tcode"`.
    /// - Throws: `TextError.tokenizer`.
    public init(contentsOf url: URL) throws(TextError) {
        try self.init(file: TokenizerField(contentsOf: url))
    }

    init(file: TokenizerField) throws(TextError) {
        var codes: [[Unicode.Scalar]: [Unicode.Scalar]] = [:]
        var words: [[Unicode.Scalar]: [[Unicode.Scalar]]] = [:]
        guard case .array(let entries) = file.value else { throw file.failure(expected: "a list") }
        for (index, entry) in entries.enumerated() {
            let field = TokenizerField(file: file.file, path: "[\(index)]", value: entry)
            let parts = try field.scalars().split(separator: "\t", omittingEmptySubsequences: false)
            guard parts.count >= 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw field.failure(expected: "a character, a tab and its code")
            }
            codes[Array(parts[0])] = Array(parts[1])
            words[Array(parts[1]), default: []].append(Array(parts[0]))
        }
        // Characters that share a code are told apart by their place among them.
        var single: [Unicode.Scalar: [Unicode.Scalar]] = [:]
        for (word, code) in codes where word.count == 1 {
            let place = words[code]?.firstIndex(of: word) ?? 0
            single[word[0]] = code + (place > 0 ? Array(String(place).unicodeScalars) : [])
        }
        self.codes = single
    }

    func convert(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        text.flatMap { scalar -> [Unicode.Scalar] in
            guard scalar.properties.generalCategory == .otherLetter, let code = codes[scalar] else { return [scalar] }
            return (code + ["."]).flatMap { Array("[cj_\($0)]".unicodeScalars) }
        }
    }
}
