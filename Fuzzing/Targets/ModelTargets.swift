import Chatterbox
import Foundation

/// The small files of a model's folder.
enum ModelTargets {
    private static let samples = ["Hello, world! 3 [laugh] x", "", "   ", "e\u{301}\u{1F600}\u{AC00}", "aaaaaaaa bbbb"]

    static func config(_ bytes: [UInt8]) throws {
        _ = try accepting(ChatterboxError.self) { try ModelConfiguration.decode(Data(bytes)) }
    }

    static func tokenizer(_ bytes: [UInt8]) throws {
        let tokenizer = try accepting(TextError.self) { try Tokenizer(json: bytes, file: "tokenizer.json") }
        try tokenizer.map(encode)
    }

    static func gpt2(_ bytes: [UInt8]) throws {
        let names = ["vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"]
        let parts = bytes.split(separator: 0xFF, maxSplits: names.count - 1, omittingEmptySubsequences: false)
        let files = Dictionary(uniqueKeysWithValues: zip(names, parts).map { ($0, Data($1)) })
        let tokenizer = try accepting(TextError.self) { try GPT2Tokenizer(files: files).tokenizer }
        try tokenizer.map(encode)
    }

    private static func encode(_ tokenizer: Tokenizer) throws {
        let count = tokenizer.idCount
        for text in samples {
            let ids = tokenizer.encode(text)
            try require(ids.allSatisfy { $0 >= 0 && Int($0) < count }, "an id outside of the vocabulary")
        }
    }
}
