import Chatterbox
import Foundation
import SpeechServer

/// What people write.
enum TextTargets {
    private static let symbols = (97...122).map { String(UnicodeScalar($0)) } + [" ", ".", ",", "!", "?", "ˈ", "ʃ"]

    static func lexicon(_ bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        let lexicon = try accepting(TextError.self) { try Lexicon(text, symbols: symbols) }
        guard let lexicon else { return }
        _ = try pieces(of: "Siobhan's Nguyen, New Delhi; a b c \(text.prefix(200))", lexicon)
    }

    static func text(_ bytes: [UInt8]) throws {
        // As long as a request's text may be.
        let text = String(String.UnicodeScalarView(String(decoding: bytes, as: UTF8.self).unicodeScalars.prefix(3000)))
        let spoken = TextNormalizer().normalize(text)
        try require(
            spoken.allSatisfy { $0.isLetter || " '-,.!?;:".contains($0) },
            "not only letters and marks: \(spoken.debugDescription)")
        let pieces = try pieces(of: text, .empty)
        let words = try frontEnd(.empty).words(of: text).count
        var last = 0
        for piece in pieces {
            try require(piece.tokens.count <= maximumTokens, "a piece of \(piece.tokens.count) tokens")
            try require(piece.words.count == piece.tokens.count, "tokens without a place for their word")
            for word in piece.words.compactMap({ $0 }) {
                try require(word >= last && word < words, "word \(word) after \(last) of \(words)")
                last = word
            }
        }
        for strategy in [SpeakRequest.Strategy.sentence, .paragraph, .fixed, .word] {
            let parts = TextBlocks.split(text, size: 50, by: strategy)
            try require(
                parts.allSatisfy { !$0.text.isEmpty && $0.text.count <= 50 }, "\(strategy): a part of a wrong size")
            try require(
                letters(parts.map(\.text).joined(separator: " ")) == letters(text), "\(strategy): parts that lose text")
        }
    }

    private static let maximumTokens = 40

    /// What is spoken. An accent on a space is white space, and may go with it.
    private static func letters(_ text: String) -> String { text.filter { $0.isLetter || $0.isNumber } }

    private static func pieces(of text: String, _ lexicon: Lexicon) throws -> [TextPiece] {
        Array(try frontEnd(lexicon).pieces(of: text, locatingWords: true))
    }

    /// Every letter is its own phoneme.
    private static func frontEnd(_ lexicon: Lexicon) throws -> TextFrontEnd {
        let symbols = symbols
        return try TextFrontEnd(symbols: symbols, lexicon: lexicon, maximumTokens: maximumTokens) { text in
            let found = text.lowercased().map { symbols.firstIndex(of: String($0)) }
            return (found.compactMap { $0 }, found.count { $0 == nil })
        }
    }
}
