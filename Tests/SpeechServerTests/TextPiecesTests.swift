import Testing

import SpeechServer

@Suite struct TextPiecesTests {
    static let story = """
        The lamp was lit every evening. Mr. Smith climbed the stairs, all 199 of them, and looked out over the bay. \
        Nobody came by! Was anybody there? "No," he said; "nobody." It cost $3.50 at 9:30 p.m. and that was that.

        A second paragraph follows here: it has clauses, and more clauses, and still more of them — on and on it goes, \
        until at last it ends. 中文没有空格。它也必须被切开。

        Supercalifragilisticexpialidocious\(String(repeating: "x", count: 90)) ends it.
        """

    static func words(_ text: some StringProtocol) -> [String] {
        String(text).split { $0.isWhitespace }.map(String.init)
    }

    @Test(arguments: [SpeakRequest.Strategy.sentence, .paragraph, .word, .fixed], [50, 77, 100, 200, 500, 2500])
    func noWordIsLostOrCut(strategy: SpeakRequest.Strategy, size: Int) {
        let text = String(repeating: Self.story + "\n\n", count: 5)
        let pieces = TextBlocks.split(text, size: size, by: strategy)
        #expect(pieces.allSatisfy { !$0.text.isEmpty && $0.text.count <= size })
        let found = pieces.flatMap { Self.words($0.text) }
        // A word longer than a piece may be is cut, and no other.
        #expect(found.joined() == Self.words(text).joined())
        if size >= 200 { #expect(found == Self.words(text)) }
    }

    @Test func piecesEndWhereSentencesDo() {
        let pieces = TextBlocks.split(Self.story, size: 80, by: .sentence).map(\.text)
        #expect(pieces[0] == "The lamp was lit every evening.")
        #expect(pieces[1].hasPrefix("Mr. Smith climbed") && pieces[1].hasSuffix("bay."))
    }

    @Test func paragraphsStayWholeAndAreMarked() {
        let pieces = TextBlocks.split("One. Two.\n\nThree.\n\nFour.", size: 12, by: .paragraph)
        #expect(pieces.map(\.text) == ["One. Two.", "Three.", "Four."])
        #expect(pieces.allSatisfy { $0.endsParagraph })
        #expect(TextBlocks.split("One.\n\nTwo.", size: 100, by: .paragraph).map(\.text) == ["One.\n\nTwo."])
    }

    @Test func nothingGivesNothing() {
        for text in ["", " ", "\n\n \n"] { #expect(TextBlocks.split(text, size: 100, by: .sentence).isEmpty) }
    }

    /// However the text arrives, the same sentences are spoken, and every word.
    @Test(arguments: 0..<20) func textThatArrivesBitByBit(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let text = String(repeating: Self.story + " ", count: 3)
        var buffer = TextBuffer()
        var sentences: [String] = []
        var rest = text[...]
        while !rest.isEmpty {
            let bit = rest.prefix(Int.random(in: 1...(seed % 2 == 0 ? 7 : 60), using: &generator))
            rest = rest.dropFirst(bit.count)
            sentences += buffer.append(String(bit))
        }
        #expect(sentences.count > 8)
        sentences += buffer.flush()
        #expect(sentences.flatMap(Self.words) == Self.words(text))
        #expect(buffer.flush().isEmpty)
    }

    @Test func aSentenceWaitsUntilItHasEnded() {
        var buffer = TextBuffer()
        #expect(buffer.append("It costs 3.").isEmpty)
        #expect(buffer.append("50 dollars, Mr.").isEmpty)
        #expect(buffer.append(" Smith. ").isEmpty)
        #expect(buffer.append("Then he left").first == "It costs 3.50 dollars, Mr. Smith.")
        #expect(buffer.flush() == ["Then he left"])
    }
}

/// The same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0xD1B5_4A32_D192_ED03 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
