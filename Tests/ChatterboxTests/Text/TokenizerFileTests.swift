import Chatterbox
import Foundation
import Testing

/// Broken and unusual tokenizer files: each error names the file, the key, the value and what is allowed.
@Suite struct TokenizerFileTests {
    private func file(_ change: (inout [String: Any]) -> Void) throws -> [String: Any] {
        var file: [String: Any] = [
            "added_tokens": [["id": 0, "content": "[UNK]", "special": true]], "pre_tokenizer": ["type": "Whitespace"],
            "model": [
                "type": "BPE", "unk_token": "[UNK]", "vocab": ["[UNK]": 0, "a": 1, "b": 2, "ab": 3], "merges": ["a b"],
            ] as [String: Any],
        ]
        change(&file)
        return file
    }

    private static func model(_ key: String, _ value: Any) -> @Sendable (inout [String: Any]) -> Void {
        nonisolated(unsafe) let value = value
        return { file in
            var model = file["model"] as? [String: Any] ?? [:]
            model[key] = value
            file["model"] = model
        }
    }

    private static let broken: [(String, String, @Sendable (inout [String: Any]) -> Void)] = [
        ("model.vocab: expected an object of tokens and ids, found a list of 1", "list", model("vocab", ["a"])),
        ("model.vocab: is empty", "empty", model("vocab", [String: Int]())),
        (
            "model.vocab[\"a\"]: expected an id, an integer from 0 to 16777215, found -1", "negative",
            model("vocab", ["a": -1])
        ),
        (
            "model.vocab[\"a\"]: expected an id, an integer from 0 to 16777215, found 1.5", "fraction",
            model("vocab", ["a": 1.5])
        ),
        (
            "model.vocab[\"a\"]: expected an id, an integer from 0 to 16777215, found \"1\"", "text",
            model("vocab", ["a": "1"])
        ),
        (
            "model.vocab[\"a\"]: expected an id, an integer from 0 to 16777215, found 16777216", "large",
            model("vocab", ["a": 16_777_216])
        ),
        (
            "model.merges[0]: needs the token \"b\", which isn't in the vocabulary", "lost",
            model("vocab", ["[UNK]": 0, "a": 1, "ab": 3])
        ),
        (
            "model.merges[0]: needs the token \"ab\", which isn't in the vocabulary", "result",
            model("vocab", ["[UNK]": 0, "a": 1, "b": 2])
        ),
        (
            "model.merges[1]: expected two tokens with a space between, found \"ab\"", "one",
            model("merges", ["a b", "ab"])
        ),
        (
            "model.merges[0]: expected two tokens with a space between, found \"a b b\"", "three",
            model("merges", ["a b b"])
        ),
        (
            "model.merges[0]: expected two tokens with a space between, found a list of 1", "short",
            model("merges", [["a"]])
        ),
        ("model.merges: expected a list, found \"a b\"", "string", model("merges", "a b")),
        ("model.unk_token: \"[NO]\" isn't in the vocabulary", "unknown", model("unk_token", "[NO]")),
        ("model.type: expected \"BPE\", found \"WordPiece\"", "kind", model("type", "WordPiece")),
        ("model.dropout: expected null: encoding isn't left to chance, found 0.5", "chance", model("dropout", 0.5)),
        ("model.byte_fallback: expected false, found true", "fallback", model("byte_fallback", true)),
        (
            "model.end_of_word_suffix: expected null or \"\", found \"</w>\"", "suffix",
            model("end_of_word_suffix", "</w>")
        ),
        ("model.fuse_unk: expected true or false, found 1", "bool", model("fuse_unk", 1.0)),
        (
            "pre_tokenizer.type: expected Whitespace, WhitespaceSplit, ByteLevel or Sequence, found \"Metaspace\"",
            "words",
            { $0["pre_tokenizer"] = ["type": "Metaspace"] }
        ),
        (
            "normalizer.type: expected NFC, NFD, NFKC, NFKD, Lowercase or Sequence, found \"BertNormalizer\"", "normal",
            { $0["normalizer"] = ["type": "BertNormalizer"] }
        ),
        (
            "post_processor.type: expected TemplateProcessing, ByteLevel or null, found \"RobertaProcessing\"", "post",
            { $0["post_processor"] = ["type": "RobertaProcessing"] }
        ),
        (
            "truncation: expected null: text is never cut or filled up, found an object of 1 members", "truncation",
            { $0["truncation"] = ["max_length": 5] }
        ),
        (
            "added_tokens[0].content: expected a string, found nothing", "content", { $0["added_tokens"] = [["id": 0]] }
        ),
        (
            "added_tokens[0].id: expected an id, an integer from 0 to 16777215, found \"x\"", "added id",
            { $0["added_tokens"] = [["id": "x", "content": "[A]"]] }
        ),
        ("model.type: expected a string, found 3", "type", model("type", 3)),
    ]

    @Test(arguments: broken.indices) func errors(_ index: Int) throws {
        let (expected, name, change) = Self.broken[index]
        let folder = try TemporaryFolder()
        let url = try folder.write("tokenizer.json", json: file(change))
        let error = #expect(throws: TextError.self, "\(name)") { try Tokenizer(contentsOf: url) }
        #expect(error?.description == "tokenizer.json: \(expected)")
    }

    @Test func unreadableFiles() throws {
        let folder = try TemporaryFolder()
        let missing = folder.url.appendingPathComponent("tokenizer.json")
        #expect(throws: TextError.self) { try Tokenizer(contentsOf: missing) }
        try Data([0x7B, 0xFF, 0x7D]).write(to: missing)
        let error = #expect(throws: TextError.self) { try Tokenizer(contentsOf: missing) }
        #expect(error?.description == "tokenizer.json: not JSON: expected a key, at byte 1")
    }

    /// Repeated tokens and ids can't be written with a JSON library.
    @Test(arguments: [
        ("{\"a\":1,\"a\":2}", "model.vocab[\"a\"]: is there twice"),
        ("{\"a\":1,\"b\":1}", "model.vocab[\"b\"]: has id 1, which is that of \"a\" already"),
    ]) func repetitions(_ vocabulary: String, _ problem: String) throws {
        let folder = try TemporaryFolder()
        let url = try folder.write("t.json", "{\"model\":{\"vocab\":\(vocabulary),\"merges\":[]}}")
        let error = #expect(throws: TextError.self) { try Tokenizer(contentsOf: url) }
        #expect(error?.description == "t.json: \(problem)")
    }

    /// For `String` these two keys are one.
    @Test func keysAreExactCodePoints() throws {
        let folder = try TemporaryFolder()
        let url = try folder.write(
            "t.json",
            "{\"model\":{\"vocab\":{\"\u{AC00}\":0,\"\u{1100}\":1,\"\u{1161}\":2,\"\u{1100}\u{1161}\":3},"
                + "\"merges\":[\"\u{1100} \u{1161}\"]}}")
        let tokenizer = try Tokenizer(contentsOf: url)
        #expect(tokenizer.encode("\u{AC00}") == [0])
        #expect(tokenizer.encode("\u{1100}\u{1161}") == [3])
        #expect(tokenizer.encode("x\u{1161}") == [2])
    }

    @Test func missingControlToken() throws {
        let folder = try TemporaryFolder()
        let url = try folder.write("tokenizer.json", json: file { _ in })
        let error = #expect(throws: TextError.self) { try EnTokenizer(contentsOf: url) }
        #expect(error?.description == "tokenizer.json: model.vocab: the token \"[START]\" is missing")
    }

    @Test(arguments: [
        (
            "merges.txt", "#version: 0.2\na b\nab",
            "merges.txt: line 3: expected two tokens with a space between, found \"ab\""
        ),
        ("merges.txt", "b a\n", "merges.txt: merge [0]: needs the token \"ba\", which isn't in the vocabulary"),
        ("vocab.json", "[]", "vocab.json: expected an object of tokens and ids, found a list of 0"),
        (
            "added_tokens.json", "{\"[laugh]\":true}",
            "added_tokens.json: [\"[laugh]\"]: expected an id, an integer from 0 to 16777215, found true"
        ),
        (
            "tokenizer_config.json", "{\"added_tokens_decoder\":{\"x\":{\"content\":\"[a]\"}}}",
            "tokenizer_config.json: added_tokens_decoder[\"x\"]: its key is not an id, an integer from 0 to 16777215"
        ),
        (
            "tokenizer_config.json", "{\"add_prefix_space\":3}",
            "tokenizer_config.json: add_prefix_space: expected true or false, found 3"
        ),
    ]) func gpt2Folder(_ name: String, _ text: String, _ problem: String) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("vocab.json", "{\"a\":0,\"b\":1,\"ab\":2}")
        _ = try folder.write("merges.txt", "#version: 0.2\na b\n")
        #expect(try GPT2Tokenizer(folder: folder.url).encode("abba", language: nil) == [2, 1, 0])
        _ = try folder.write(name, text)
        let error = #expect(throws: TextError.self) { try GPT2Tokenizer(folder: folder.url) }
        #expect(error?.description == problem)
    }

    @Test(arguments: [
        ("{}", "cangjie.json: expected a list, found an object of 0 members"),
        ("[\"\u{4E00}\"]", "cangjie.json: [0]: expected a character, a tab and its code, found \"\u{4E00}\""),
        ("[\"\u{4E00}\\tm\",5]", "cangjie.json: [1]: expected a string, found 5"),
    ]) func cangjie(_ text: String, _ problem: String) throws {
        let folder = try TemporaryFolder()
        let url = try folder.write("cangjie.json", text)
        let error = #expect(throws: TextError.self) { try ChineseCangjieConverter(contentsOf: url) }
        #expect(error?.description == problem)
    }
}
