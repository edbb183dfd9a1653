import Chatterbox
import Foundation
import Testing

/// Which written word each token speaks.
@Suite struct WrittenWordsTests {
    private static let symbols =
        (0..<26).map { String(UnicodeScalar(UInt8(97 + $0))) } + [" ", ".", ",", "!", "?", "ˈ"]

    /// Every letter is its own phoneme; a hyphen is none, or a space.
    private static func frontEnd(
        _ lexicon: String = "", maximumTokens: Int = 398, hyphensAreSpaces: Bool = false
    ) throws -> TextFrontEnd {
        let symbols = Self.symbols
        return try TextFrontEnd(
            symbols: symbols, lexicon: Lexicon(lexicon, symbols: symbols), maximumTokens: maximumTokens
        ) { text in
            let letters = hyphensAreSpaces ? text.replacing("-", with: " ") : text
            let found = letters.lowercased().map { symbols.firstIndex(of: String($0)) }
            return (found.compactMap { $0 }, found.count { $0 == nil })
        }
    }

    /// Written words with what is said for each.
    private func spoken(_ text: String, _ frontEnd: TextFrontEnd) -> [String] {
        let words = frontEnd.words(of: text)
        var said = [String](repeating: "", count: words.count)
        for piece in frontEnd.pieces(of: text, locatingWords: true) {
            for (token, word) in zip(piece.tokens, piece.words) {
                guard let word else { continue }
                said[word] += Self.symbols[Int(token) - 2]
            }
        }
        return zip(words, said).map { "\($0)=\($1)" }
    }

    @Test(arguments: [
        ("Hello, world!", ["Hello,=hello", "world!=world"]),
        ("It costs $5.", ["It=it", "costs=costs", "$5.=fivedollars"]),
        ("$5 million for Dr. Smith", ["$5=five", "million=milliondollars", "for=for", "Dr.=doctor", "Smith=smith"]),
        ("Tom & Jerry — at 3:30.", ["Tom=tomand", "Jerry=jerry", "at=at", "3:30.=threethirty"]),
        (
            "We saw twenty-five, then 25.",
            [
                "We=we", "saw=saw", "twenty-five,=twentyfive", "then=then", "25.=twentyfive",
            ]
        ),
        ("The FBI\n\nknows.", ["The=the", "FBI=fbi", "knows.=knows"]),
    ])
    func wordsAreAsWritten(_ text: String, _ expected: [String]) throws {
        let found = spoken(text, try Self.frontEnd())
        #expect(found == expected)
        let hyphensAreSpaces = spoken(text, try Self.frontEnd(hyphensAreSpaces: true))
        #expect(hyphensAreSpaces == expected)
    }

    @Test func lexiconsAndCutsKeepTheWords() throws {
        let text = "Ask Siobhan and the Nguyen family in New Delhi about it, today."
        let frontEnd = try Self.frontEnd(
            "Siobhan = shi vawn\nNew Delhi  ab ab\nNguyen\twin", maximumTokens: 30)
        #expect(Array(frontEnd.pieces(of: text)).count > 1)
        let found = spoken(text, frontEnd)
        #expect(
            found == [
                "Ask=ask", "Siobhan=shivawn", "and=and", "the=the", "Nguyen=win", "family=family", "in=in", "New=abab",
                "Delhi=", "about=about", "it,=it", "today.=today",
            ])
    }

    private static let texts = [
        "The meeting on 12/05/2024 at 3:30 p.m. cost $1,234.56 — that's 15% more than in 1999!",
        "Mr. O'Neill's e-mail is jo.doe@example.com; see https://example.org/a?b=c for 3 kg of C++ code.",
        "1. First\n2. Second\n\n* a list: ½ cup, 20°C, #1, 5x5, & more…",
        "Wow 🎉🎉 (really?!) \"quoted\" <b>bold</b> 3.14159 and 1,000,000,000 NASA's U.S. A.I. x² = y",
        String(repeating: "It was the best of times, it was the worst of times; ", count: 20) + "the end",
        String(repeating: "a1", count: 500) + " and more",
        "Ünïcödé naïve Москва 東京 is far.", "42",
    ]

    /// In order, and nearly all with sound of their own.
    @Test(arguments: texts) func wordsNeverGoBack(_ text: String) throws {
        let frontEnd = try Self.frontEnd()
        let words = frontEnd.words(of: text)
        let written = text.split(whereSeparator: \.isWhitespace).map(String.init).filter { word in
            word.contains { $0.isLetter || $0.isNumber }
        }
        #expect(words == written)
        var order: [Int] = []
        for piece in frontEnd.pieces(of: text, locatingWords: true) {
            #expect(piece.words.count == piece.tokens.count)
            order += piece.words.compactMap(\.self)
        }
        #expect(order == order.sorted())
        #expect(order.allSatisfy(words.indices.contains))
        #expect(Set(order).count * 10 >= words.count * 9)
        // Nobody pays for it without asking.
        #expect(frontEnd.pieces(of: text).allSatisfy { $0.words.isEmpty })
    }
}
