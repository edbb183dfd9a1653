import Chatterbox
import Testing

@Suite struct SentenceSplitterTests {
    private let splitter = SentenceSplitter()

    @Test func sentencesStayWholeAndShortOnesJoin() {
        let long = "This sentence is long enough to be a piece of its own, all by itself, really."
        #expect(splitter.pieces(of: "\(long) \(long)") == [long, long])
        #expect(splitter.pieces(of: "Yes. No. Maybe. Who knows?") == ["Yes. No. Maybe.", "Who knows?"])
        #expect(splitter.pieces(of: "\(long) Yes.") == [long + " Yes."])
        #expect(splitter.pieces(of: "") == [])
        #expect(splitter.pieces(of: "no end") == ["no end"])
    }

    @Test func longSentencesAreCutAtClausesFirst() {
        let clause = "the quick brown fox jumps over the lazy dog near the old river bank"
        let text = "\(clause) \(clause), \(clause) \(clause)."
        let pieces = splitter.pieces(of: text)
        #expect(pieces.count == 2)
        #expect(pieces[0].hasSuffix(","))
    }

    @Test func spelledLettersCountForMoreThanTheirLength() {
        let letters = String(repeating: "B ", count: 100) + "C."
        let pieces = splitter.pieces(of: letters)
        #expect(pieces.allSatisfy { $0.count < 130 })
        #expect(pieces.joined(separator: " ") == letters)
    }

    /// Joined with spaces, the pieces of raw text are its normal form: nothing is lost, doubled or moved.
    @Test func piecesJoinedAreTheText() {
        var random = SplitMix(state: 99)
        let words = [
            "a", "the", "voice", "internationalization", "B", "well-known", "Dr. Smith", "3.5 km", "$5", "said,",
            "end.", "why?", "no!", "then:", "\n", "\n\n", "U.S.", "1984", "e.g.", "(so)", "👍", "…", "and", "which",
        ]
        for round in 0..<400 {
            var text = ""
            for _ in 0..<Int(random.next() % 300) {
                text += words[Int(random.next() % UInt64(words.count))] + " "
            }
            let normalizer = TextNormalizer()
            let pieces = Array(splitter.pieces(ofParts: RawBlocks(text).lazy.map { normalizer.normalize($0) }))
            #expect(pieces.joined(separator: " ") == normalizer.normalize(text), "round \(round)")
            for piece in pieces {
                #expect(splitter.cost(of: piece[...]) <= splitter.limit)
                #expect(!piece.isEmpty)
            }
        }
    }

    /// The first piece must not wait for the end of the text.
    @Test func onlyWhatIsNeededIsRead() {
        final class Counter { var count = 0 }
        let counter = Counter()
        let sentence = "This sentence is long enough to be a piece of its own, all by itself, really. "
        let parts = RawBlocks(String(repeating: sentence, count: 1000)).lazy.map { block in
            counter.count += 1
            return TextNormalizer().normalize(block)
        }
        var pieces = splitter.pieces(ofParts: parts)
        _ = pieces.next()
        #expect(counter.count <= 2)
        _ = pieces.next()
        #expect(counter.count <= 3)
    }

    @Test func aBlockIsBounded() {
        for text in [String(repeating: "word ", count: 5000), String(repeating: "x", count: 5000)] {
            var blocks = RawBlocks(text)
            let first = blocks.next()
            #expect(first!.text.count <= RawBlocks.longest)
        }
    }

    @Test func abbreviationsDoNotEndBlocks() {
        let blocks = RawBlocks("Dr. Smith of the U.S. Army paid $3.50. He left at 5 p.m. Monday. Then he slept.").map(
            \.text)
        #expect(blocks == ["Dr. Smith of the U.S. Army paid $3.50. He left at 5 p.m. Monday. ", "Then he slept."])
    }
}
