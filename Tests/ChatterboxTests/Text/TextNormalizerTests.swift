import Chatterbox
import Foundation
import Testing

/// What a listener expects to hear, row by row, and what holds for any text.
@Suite struct TextNormalizerTests {
    private let normalizer = TextNormalizer()

    @Test func table() throws {
        let rows = try TextFixture.rows("text_normalization.tsv")
        #expect(rows.count >= 700)
        for row in rows {
            let expected =
                row.output.hasSuffix(".") || row.output.hasSuffix("?") || row.output.hasSuffix("!")
                ? row.output : row.output + "."
            #expect(normalizer.normalize(row.input) == expected, "\(row.input)")
        }
    }

    @Test func rowsKeepTheAlphabetAndAreNotChangedAgain() throws {
        for row in try TextFixture.rows("text_normalization.tsv") {
            let once = normalizer.normalize(row.input)
            expectAllowed(once, from: row.input)
            #expect(normalizer.normalize(once) == once, "\(row.input)")
        }
    }

    @Test func paragraphsAndLines() {
        #expect(normalizer.normalize("A title\n\nSome text. More") == "A title. Some text. More.")
        #expect(normalizer.normalize("Roses are red\nViolets are blue") == "Roses are red. Violets are blue.")
        #expect(normalizer.normalize("wrapped\ntext goes on") == "wrapped text goes on.")
        let long = String(repeating: "word ", count: 13)
        #expect(normalizer.normalize(long + "with\nAnna") == long + "with Anna.")
        #expect(normalizer.normalize("Shopping:\r\n- 2 eggs\r\n- milk\r\n") == "Shopping. two eggs. milk.")
        #expect(normalizer.normalize("one\u{2028}\u{2029}two") == "one. two.")
    }

    @Test(arguments: ["", " ", "\n\n", "...", "!?", "🎉🎉", "—", "\u{200B}", "***", "&&&", "$%#", "()", "\u{301}"])
    func nothingToSay(_ text: String) {
        #expect(normalizer.normalize(text) == "")
    }

    /// Random texts from pieces that trigger every rule, in orders nobody would write.
    @Test func anyTextKeepsTheAlphabetIsStableAndNotEmpty() {
        var random = SplitMix(state: 20_240_305)
        let parts = [
            "$", "€", "5", "12", "1984", "3.5", "1,200", "007", "-", "–", "—", ":", "/", ".", ",", "...", "!", "?", "'",
            "\"", "(", ")", "[", "]", "km", "kg", "°", "C", "F", "%", "#", "@", "&", "+", "=", "<", ">", "*", "_", "^",
            "Dr", "St", "No", "etc", "vs", "e.g.", "U.S.", "p.m.", "am", "PM", "Henry", "VIII", "II", "I", "A", "a",
            "the",
            "March", "Jan", "st", "th", "s", "x", "X", "FBI", "NASA", "CEOs", "iPhone", "hello", "World", "don't",
            "v2.0.1", "192.168.1.1", "a@b.com", "www.x.org", "/usr/bin", "C:\\a\\b", "½", "²", "é", "ß", "Москва", "東京",
            "👍🏽", "\u{200D}", "\u{301}", "\n", "\n\n", "\t", "&amp;", "<b>", "](http://x.y)", "|", "~", "`", "555-1234",
            "µ", "π", "million", "k", "M", "US", "USD", "ﬁ", "١", "ⅷ", "①", "\u{0}", "\u{7F}", "w", "o",
        ]
        for _ in 0..<4000 {
            let count = Int(random.next() % 12) + 1
            var text = ""
            for _ in 0..<count {
                text += parts[Int(random.next() % UInt64(parts.count))]
                if random.next() % 2 == 0 { text += " " }
            }
            let once = normalizer.normalize(text)
            expectAllowed(once, from: text)
            // a paragraph that is one letter, before another, looks like an initial afterwards
            let twice = text.contains("\n") ? once : normalizer.normalize(once)
            #expect(twice == once, "\(text.debugDescription) -> \(once)")
            if text.unicodeScalars.contains(where: {
                $0.properties.isAlphabetic && $0.isASCII || ("0"..."9").contains($0)
            }),
                !text.contains("<b>"), !text.contains("](")
            {
                #expect(!once.isEmpty, "\(text.debugDescription)")
            }
        }
    }

    @Test func scriptsOfTheWorldAreNeverSilent() {
        for text in [
            "Ελλάδα", "Русский", "עברית", "العربية", "हिन्दी", "ไทย", "中文", "日本語", "ひらがな", "한국어", "ქართული",
            "Հայերեն", "አማርኛ", "ᏣᎳᎩ", "ꕙꔤ", "𒀀", "𐍈", "ⵣ", "ᚠ", "Ⅷ", "一", "𠀀",
        ] {
            let words = normalizer.normalize(text)
            expectAllowed(words, from: text)
            #expect(words.count > 1, "\(text)")
        }
    }

    /// Inputs that make backtracking or quadratic rules stand still. That this returns at all is the test.
    @Test(arguments: [
        "a", "1", "1.", "1,", "1-", "-", ".", "A.", "a b ", "$", "((", "1/", "é", "語", "\u{301}", "😀", " ", "\n", "<a",
        "&a", "a'", "a-", "www.", "a@", "1:", "Dr. ", "1 ", "](", "\" ", "II ", "#", "x1", "http://a.b/",
    ])
    func longNastyTextIsReadInOneGo(_ unit: String) {
        let text = String(repeating: unit, count: 100_000 / unit.count)
        let words = normalizer.normalize(text)
        let longest = words.split(separator: " ").map(\.utf8.count).max() ?? 0
        #expect(longest <= 48)
    }

    private func expectAllowed(_ words: String, from text: String) {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ '-,.!?;:")
        #expect(words.allSatisfy { allowed.contains($0) }, "\(text.debugDescription) -> \(words)")
        #expect(!words.contains("  ") && words.first != " " && words.last != " ", "\(text.debugDescription)")
    }
}

@Suite struct NumberSpellerTests {
    /// ICU spells the same, where it can.
    @Test func cardinalsAgreeWithICU() throws {
        let formatter = NumberFormatter()
        formatter.locale = Locale(identifier: "en_US")
        formatter.numberStyle = .spellOut
        var random = SplitMix(state: 7)
        var values = Array(0...1200) + [9999, 10_000, 1_000_000, 1_000_001, 999_999_999_999]
        for digits in 4...15 {
            for _ in 0..<20 { values.append(Int(random.next() % UInt64(pow(10, Double(digits))))) }
        }
        for value in values {
            let expected = try #require(formatter.string(from: NSNumber(value: value)))
            #expect(NumberSpeller.cardinal(String(value)) == expected)
        }
    }

    @Test func ordinals() {
        let expected = [
            1: "first", 12: "twelfth", 20: "twentieth", 33: "thirty-third", 100: "one hundredth",
            1_000_000: "one millionth", 109: "one hundred ninth",
        ]
        for (value, words) in expected { #expect(NumberSpeller.ordinal(String(value)) == words) }
    }

    @Test func lengthHasNoLimit() {
        #expect(NumberSpeller.cardinal("1" + String(repeating: "0", count: 33)) == "one decillion")
        #expect(NumberSpeller.cardinal(String(repeating: "9", count: 40)).hasPrefix("nine nine nine"))
    }
}

/// Small and the same everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

enum TextFixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures")

    /// Rows of `input<TAB>output`; lines that begin with "# " and have no tab are headings.
    static func rows(_ name: String) throws -> [(input: String, output: String)] {
        let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t", maxSplits: 1)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
        }
    }
}
