import Foundation

/// Section `text` of config.json; its `type` says which.
public enum TextConfiguration: Codable, Sendable, Equatable {
    case phonemes(TextFrontEnd.Configuration)
    case tokenizer(TokenizerConfiguration)

    private enum CodingKeys: String, CodingKey { case type }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let type = try container.decode(String.self, forKey: .type)
        switch type {
        case "phonemes": self = .phonemes(try TextFrontEnd.Configuration(from: decoder))
        case let type where PunctuationNormalizer(rawValue: type) != nil:
            self = .tokenizer(try TokenizerConfiguration(from: decoder))
        default:
            let types = ["phonemes"] + PunctuationNormalizer.allCases.map(\.rawValue)
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: container,
                debugDescription: "expected \(types.joined(separator: ", ")), found '\(type)'")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .phonemes(let configuration): try configuration.encode(to: encoder)
        case .tokenizer(let configuration): try configuration.encode(to: encoder)
        }
    }

    func validate(_ check: inout ConfigurationCheck, vocabularySize: Int) throws {
        switch self {
        case .phonemes(let text):
            let ids = text.symbols.count + 2
            try check.require(
                ids <= vocabularySize, "symbols", "\(ids) ids for T3's vocabulary of \(vocabularySize)")
            try check.scope("g2p") { check in
                try check.fileName(text.g2p.file, "file")
                try check.size(text.g2p.width, "width")
                try check.size(text.g2p.before, "before", atLeast: 0, atMost: 1000)
                try check.size(text.g2p.after, "after", atLeast: 0, atMost: 1000)
            }
        case .tokenizer(let tokenizer):
            if tokenizer.type != .turbo { try check.fileName(tokenizer.file ?? "", "file") }
            if let cangjie = tokenizer.cangjie { try check.fileName(cangjie, "cangjie") }
        }
    }
}

/// The tokenizer of an official model.
public struct TokenizerConfiguration: Codable, Sendable, Equatable {
    /// Which tokenizer, and what it does to punctuation.
    public var type: PunctuationNormalizer
    /// Its tokenizer.json; `turbo` has none, but vocab.json and merges.txt.
    public var file: String?
    /// Cangjie5_TC.json, without which `multilingual` reads no Chinese.
    public var cangjie: String?

    public init(type: PunctuationNormalizer, file: String? = nil, cangjie: String? = nil) {
        self.type = type
        self.file = file
        self.cangjie = cangjie
    }

    /// - Throws: `TextError.tokenizer`; `.configuration` if it has more ids than `vocabularySize`.
    func tokenizer(folder: URL, vocabularySize: Int) throws(TextError) -> any TextTokenizer {
        let url = folder.appendingPathComponent(file ?? "tokenizer.json")
        let tokenizer: any TextTokenizer =
            switch type {
            case .english: try EnTokenizer(contentsOf: url)
            case .turbo: try GPT2Tokenizer(folder: folder)
            case .multilingual:
                try MTLTokenizer(contentsOf: url, cangjie: cangjie.map { folder.appendingPathComponent($0) })
            }
        guard tokenizer.idCount <= vocabularySize else {
            throw .configuration(
                problem: "the tokenizer has \(tokenizer.idCount) ids, T3's vocabulary has \(vocabularySize)")
        }
        return tokenizer
    }
}
