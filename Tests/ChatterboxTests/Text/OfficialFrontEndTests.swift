import Chatterbox
import Foundation
import Testing

/// Raw text to pieces of ids with the tokenizers of the official models.
@Suite struct OfficialFrontEndTests {
    /// Ids are the code points themselves.
    private struct Spelled: TextTokenizer {
        let idCount = 0x110000
        let tags = ["[laugh]", "[clear throat]"]
        let languages = ["en", "zh"]
        func check(_ text: String, language: String?) throws(TextError) {}
        func encode(_ text: String, language: String?) -> [Int32] { text.unicodeScalars.map { Int32($0.value) } }
    }

    private func spoken(
        _ text: String, language: String? = nil, normalizes: Bool = true, maximumTokens: Int = 2000,
        punctuation: PunctuationNormalizer = .turbo
    ) throws -> [String] {
        let frontEnd = try TextFrontEnd(
            tokenizer: Spelled(), punctuation: punctuation, normalizes: normalizes, maximumTokens: maximumTokens)
        return frontEnd.pieces(of: text, language: language).map { piece in
            String(String.UnicodeScalarView(piece.tokens.map { Unicode.Scalar(UInt32($0))! }))
        }
    }

    @Test func normalizesIfAsked() throws {
        #expect(try spoken("It costs $5.") == ["It costs five dollars."])
        #expect(try spoken("It costs $5.", normalizes: false) == ["It costs $5."])
        #expect(
            try spoken("\u{6211} 5 \u{5757}", language: "zh", punctuation: .multilingual) == ["\u{6211} 5 \u{5757}."])
    }

    /// Words as written, each with the part of what is encoded that speaks it; a space belongs to the word behind it.
    @Test(arguments: [
        (
            "It costs $5 [laugh] … today", true,
            ["It=It", "costs= costs", "$5= five dollars", "[laugh]= [laugh]", "today= today."]
        ),
        ("it costs $5: yes", false, ["it=It", "costs= costs", "$5:= $5,", "yes= yes."]),
        (
            "So [clear throat] 20 of them!", true,
            ["So=So", "[clear throat]= [clear throat]", "20= twenty", "of= of", "them!= them!"]
        ),
    ])
    func tokensKnowTheirWords(_ text: String, _ normalizes: Bool, _ expected: [String]) throws {
        let frontEnd = try TextFrontEnd(
            tokenizer: Spelled(), punctuation: .turbo, normalizes: normalizes, maximumTokens: 2000)
        let words = frontEnd.words(of: text)
        var said = [String](repeating: "", count: words.count)
        for piece in frontEnd.pieces(of: text, locatingWords: true) {
            #expect(piece.words.count == piece.tokens.count)
            for (token, word) in zip(piece.tokens, piece.words) {
                if let word { said[word].unicodeScalars.append(Unicode.Scalar(UInt32(token))!) }
            }
        }
        let found = zip(words, said).map { "\($0)=\($1)" }
        #expect(found == expected)
    }

    @Test func tagsStayWhole() throws {
        #expect(
            try spoken("That costs $5 [laugh]! Well, [clear throat] 2 of them.")
                == ["That costs five dollars [laugh] Well, [clear throat] two of them."])
        #expect(try spoken("[laugh]") == ["[laugh]."])
        #expect(try spoken("so [clear throat] it is", normalizes: false) == ["So [clear throat] it is."])
        let many = try spoken(String(repeating: "[clear throat] ", count: 60))
        #expect(many.count > 1)
        #expect(many.joined().components(separatedBy: "[clear throat]").count == 61)
    }

    @Test(arguments: [true, false]) func nothingToSpeak(_ normalizes: Bool) throws {
        for text in ["", "  ", "\u{2026}", "!?", "\n\n"] {
            #expect(try spoken(text, normalizes: normalizes).isEmpty)
        }
    }

    /// Text without spaces is cut at its own punctuation, and nothing is lost or added.
    @Test func chinese() throws {
        let sentence =
            "\u{4ECA}\u{5929}\u{5929}\u{6C14}\u{5F88}\u{597D}\u{FF0C}\u{6211}\u{4EEC}\u{53BB}\u{516C}\u{56ED}\u{3002}"
        let text = String(repeating: sentence, count: 40)
        let pieces = try spoken(text, language: "zh", punctuation: .multilingual)
        #expect(pieces.count > 5)
        #expect(pieces.allSatisfy { $0.utf8.count <= 240 && ("\u{3002}".contains($0.last!)) })
        #expect(pieces.joined() == text)
        let unbroken = String(repeating: "\u{5929}", count: 500)
        let cut = try spoken(unbroken, language: "zh", punctuation: .multilingual)
        #expect(cut.allSatisfy { $0.utf8.count <= 240 })
        #expect(cut.joined().filter { $0 != "." } == unbroken)
    }

    @Test func piecesFitTheModel() throws {
        let text = String(repeating: "Some words that go on and on, ", count: 30)
        let pieces = try spoken(text, normalizes: false, maximumTokens: 50)
        #expect(pieces.allSatisfy { $0.unicodeScalars.count <= 50 })
        #expect(pieces.joined(separator: " ").components(separatedBy: "words").count == 31)
    }

    private func multilingual(cangjie: Bool = true) throws -> MTLTokenizer {
        try MTLTokenizer(
            contentsOf: Fixture.folder.appendingPathComponent("tokenizer_multilingual.json"),
            cangjie: cangjie ? Fixture.folder.appendingPathComponent("cangjie.json") : nil)
    }

    @Test(arguments: [
        ("\u{6F22}\u{5B57}\u{3067}\u{3059}", "ja", "kanji"), ("\u{5E9}\u{5DC}\u{5D5}\u{5DD}", "he", "vowel points"),
        ("\u{43F}\u{440}\u{438}\u{432}\u{435}\u{442}", "ru", "stress marks"),
    ]) func stepsThisBuildLacks(_ text: String, _ language: String, _ missing: String) throws {
        let tokenizer = try multilingual()
        let error = #expect(throws: TextError.self) { try tokenizer.check(text, language: language) }
        let description = error?.description ?? ""
        #expect(description.contains(missing) && description.contains("(\(language))"))
        for other in ["(ja)", "(he)", "(ru)"] { #expect(description.contains(other)) }
    }

    @Test(arguments: [
        ("\u{3072}\u{3089}\u{304C}\u{306A}\u{3068}\u{30AB}\u{30BF}\u{30AB}\u{30CA}", "ja"),
        ("\u{5E9}\u{5C1}\u{5B8}\u{5DC}\u{5D5}\u{5B9}\u{5DD}", "he"), ("Hello", "he"),
        ("\u{43F}\u{440}\u{438}\u{432}\u{435}\u{301}\u{442}", "RU"), ("\u{4F60}\u{597D}", "zh-TW"), ("42", "ru"),
    ]) func textThatNeedsNoStep(_ text: String, _ language: String) throws {
        try multilingual().check(text, language: language)
    }

    @Test func languagesThatAreNotSpoken() throws {
        let tokenizer = try multilingual(cangjie: false)
        for language in ["xx", "", "zh", "english"] {
            let error = #expect(throws: TextError.self) { try tokenizer.check("a", language: language) }
            #expect(error?.description.contains("it speaks ar, da, de") == true)
        }
        let english = try EnTokenizer(contentsOf: Fixture.folder.appendingPathComponent("tokenizer_english.json"))
        #expect(throws: TextError.language("fr", available: ["en"])) { try english.check("a", language: "fr") }
        try english.check("a", language: "EN")
        #expect(english.tags == ["[laughter]"])
    }
}
