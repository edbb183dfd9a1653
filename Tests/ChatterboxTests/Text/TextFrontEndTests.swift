import Chatterbox
import Foundation
import Testing

@Suite struct LexiconTests {
    private let symbols = [" ", "a", "b", "ʃ", "ˈ", "ɑ"]

    @Test func entriesOfEveryForm() throws {
        let lexicon = try Lexicon(
            "# names\nSiobhan = shi vawn\nAba\taˈb\nNew Delhi  ab ab\nBaba ʃɑ # comment\n\n", symbols: symbols)
        #expect(lexicon.count == 4)
    }

    /// Each error names line and word and what is allowed.
    @Test(arguments: [
        ("Ok ab\nBad qq", 2, "Bad", "unknown phoneme 'q'"), ("Alone", 1, "Alone", "no pronunciation"),
        ("One ab\none ba", 2, "one", "already given on line 1"), ("Word = b4d!", 1, "Word", "only letters"),
        ("# fine\n... ab", 2, "...", "no letter"),
    ])
    func errors(_ text: String, line: Int, word: String, problem: String) {
        let error = #expect(throws: TextError.self) { try Lexicon(text, symbols: symbols) }
        guard case .lexicon(line, word, let found) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found.contains(problem))
    }

    @Test func missingFile() {
        #expect(throws: TextError.self) {
            try Lexicon(contentsOf: URL(fileURLWithPath: "/no/such/lexicon.txt"), symbols: symbols)
        }
    }
}

@Suite struct TextFrontEndTests {
    private static let symbols =
        (0..<26).map { String(UnicodeScalar(UInt8(97 + $0))) } + [" ", ".", ",", "!", "?", "ˈ"]

    /// Every letter is its own phoneme.
    private func frontEnd(_ lexicon: String = "", maximumTokens: Int = 398) throws -> TextFrontEnd {
        let symbols = Self.symbols
        return try TextFrontEnd(
            symbols: symbols, lexicon: Lexicon(lexicon, symbols: symbols), maximumTokens: maximumTokens
        ) { text in
            let found = text.lowercased().map { symbols.firstIndex(of: String($0)) }
            return (found.compactMap { $0 }, found.count { $0 == nil })
        }
    }

    private func spoken(_ frontEnd: TextFrontEnd, _ text: String) -> [String] {
        frontEnd.pieces(of: text).map { $0.tokens.map { Self.symbols[Int($0) - 2] }.joined() }
    }

    @Test func idsFollowTheSymbols() throws {
        #expect(try frontEnd().pieces(of: "Ab c.").map(\.tokens) == [[2, 3, 28, 4, 29]])
    }

    @Test(arguments: ["", "  ", "…", "🎉🎉", "???"]) func nothingToSpeak(_ text: String) throws {
        #expect(spoken(try frontEnd(), text).isEmpty)
    }

    @Test func lexiconGoesBeforeTheNet() throws {
        let frontEnd = try frontEnd("Siobhan\tˈvon\nAcme = ak mee\nNew York  nuˈjo")
        #expect(spoken(frontEnd, "Siobhan's at ACME, in new york.") == ["ˈvonz at ak mee, in nuˈjo."])
    }

    @Test func longTextComesInPiecesThatFit() throws {
        let text = (0..<60).map { "Sentence number \($0) is not very long, but there are many." }.joined(separator: " ")
        let pieces = try Array(frontEnd().pieces(of: text))
        #expect(pieces.count > 5)
        #expect(pieces.allSatisfy { (1...398).contains($0.tokens.count) })
        #expect(pieces.map(\.text).joined(separator: " ") == TextNormalizer().normalize(text))
    }

    @Test func phonemesAreSpokenSentenceBySentence() throws {
        #expect(try frontEnd().pieces(of: "Ab. C? Ab, c.").map(\.text) == ["Ab.", "C?", "Ab, c."])
    }

    @Test func aWordTooLongForTheModelIsCut() throws {
        let pieces = try Array(frontEnd(maximumTokens: 20).pieces(of: String(repeating: "a", count: 95)))
        #expect(pieces.allSatisfy { $0.tokens.count <= 20 })
        #expect(pieces.flatMap(\.tokens).count { $0 == 2 } == 95)
    }
}

/// The embedded G2P net against its PyTorch module; phonemes recorded by Training/g2p_fixture.py.
@Suite struct G2PParityTests {
    private struct Row: Decodable {
        let text: String
        let phonemes: String
    }

    @Test func embeddedNet() throws {
        let root = TextFixture.folder.deletingLastPathComponent().deletingLastPathComponent()
        let model = try ChatterboxModel.load(
            folder: root.appendingPathComponent("Models/embedded"), precision: .float32)
        let rows = try JSONDecoder().decode(
            [Row].self, from: Data(contentsOf: TextFixture.folder.appendingPathComponent("g2p.json")))
        #expect(rows.count >= 20)
        guard case .phonemes(let text) = model.configuration.text else {
            Issue.record("the embedded voice reads phonemes")
            return
        }
        for row in rows {
            let said = model.text.pieces(of: row.text).map { piece in
                piece.tokens.map { text.symbols[Int($0) - 2] }.joined()
            }
            #expect(said.joined(separator: " ") == row.phonemes, "\(row.text)")
        }
    }
}
