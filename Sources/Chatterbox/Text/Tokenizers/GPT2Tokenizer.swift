import Foundation

/// The text ids of nano and turbo: byte-level pairs, and tags such as `[laugh]`.
/// Source: huggingface/transformers 5.2 models/gpt2/tokenization_gpt2.py, as `AutoTokenizer` loads the folder
public struct GPT2Tokenizer: TextTokenizer {
    public let tokenizer: Tokenizer

    /// Reads vocab.json and merges.txt, and added_tokens.json and tokenizer_config.json if they are there.
    /// - Throws: `TextError.tokenizer`.
    public init(folder: URL) throws(TextError) {
        var files: [String: Data] = [:]
        for name in ["vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"] {
            let url = folder.appendingPathComponent(name)
            let isOptional = name != "vocab.json" && name != "merges.txt"
            if isOptional, !FileManager.default.fileExists(atPath: url.path) { continue }
            files[name] = try TokenizerField.bytes(of: url)
        }
        try self.init(files: files)
    }

    /// The same files in memory, by name.
    package init(files: [String: Data]) throws(TextError) {
        func field(_ name: String) throws(TextError) -> TokenizerField {
            try TokenizerField(parsing: files[name] ?? Data(), file: name)
        }
        func optional(_ name: String) throws(TextError) -> TokenizerField {
            files[name] == nil ? TokenizerField(file: name, path: "", value: .object([])) : try field(name)
        }
        let vocabulary = try BPE.vocabulary(field("vocab.json"))
        let merges = try Self.merges(files["merges.txt"] ?? Data(), file: "merges.txt")
        let model: BPE
        do {
            model = try BPE(vocabulary: vocabulary, merges: merges)
        } catch {
            throw error.asTextError(file: "merges.txt", merges: "merge ", unknown: "")
        }
        let settings = try optional("tokenizer_config.json")
        var added = try Self.addedTokens(settings, try optional("added_tokens.json"))
        added += try Self.specialTokens(settings)
        tokenizer = Tokenizer(
            model: model, added: Tokenizer.withIDs(added, model),
            preTokenizers: [
                .byteLevel(addsPrefixSpace: try settings.member("add_prefix_space").bool(), cutsWords: true)
            ])
    }

    public var idCount: Int { tokenizer.idCount }
    public var tags: [String] { EnTokenizer.tags(of: tokenizer) }
    public var languages: [String] { ["en"] }

    public func check(_ text: String, language: String?) throws(TextError) {
        try checkIsEnglish(language)
    }

    public func encode(_ text: String, language: String?) -> [Int32] { tokenizer.encode(text) }

    /// A pair a line; the first line may be `#version`.
    private static func merges(
        _ bytes: Data, file: String
    ) throws(TextError) -> [(left: [Unicode.Scalar], right: [Unicode.Scalar])] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .tokenizer(file: file, key: "", problem: "not UTF-8 text")
        }
        var merges: [(left: [Unicode.Scalar], right: [Unicode.Scalar])] = []
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            var line = Array(line)
            if line.last == "\r" { line.removeLast() }
            if line.isEmpty || (index == 0 && line.starts(with: "#version".unicodeScalars)) { continue }
            guard let pair = BPE.merge(line) else {
                throw .tokenizer(
                    file: file, key: "line \(index + 1)",
                    problem: "expected two tokens with a space between, found \"\(String(scalars: line.prefix(80)))\"")
            }
            merges.append(pair)
        }
        return merges
    }

    /// With all their settings from tokenizer_config.json, else plain ones from added_tokens.json, in the order of ids.
    private static func addedTokens(
        _ settings: TokenizerField, _ plain: TokenizerField
    ) throws(TextError) -> [AddedTokens.Token] {
        var tokens: [AddedTokens.Token] = []
        let detailed = settings.member("added_tokens_decoder")
        if detailed.isNull {
            for (content, id) in try plain.members() {
                tokens.append(AddedTokens.Token(content: content, id: try id.id()))
            }
        } else {
            for (key, entry) in try detailed.members() {
                guard let id = Int32(String(scalars: key)), TokenizerField.ids.contains(id) else {
                    throw entry.failure("its key is not \(TokenizerField.allowedID)")
                }
                var token = AddedTokens.Token(content: try entry.member("content").scalars(), id: id)
                token.isSingleWord = try entry.member("single_word").bool()
                token.stripsLeft = try entry.member("lstrip").bool()
                token.stripsRight = try entry.member("rstrip").bool()
                tokens.append(token)
            }
        }
        return tokens.sorted { $0.id < $1.id }
    }

    /// The tokens with a role, which are found in a text too.
    private static func specialTokens(_ settings: TokenizerField) throws(TextError) -> [AddedTokens.Token] {
        var tokens: [AddedTokens.Token] = []
        for role in ["bos_token", "eos_token", "unk_token", "pad_token"] {
            let field = settings.member(role)
            let content: [Unicode.Scalar]
            if field.isNull {
                if role == "pad_token" { continue }
                content = Array("<|endoftext|>".unicodeScalars)
            } else if case .object = field.value {
                content = try field.member("content").scalars()
            } else {
                content = try field.scalars()
            }
            tokens.append(AddedTokens.Token(content: content, id: 0))
        }
        return tokens
    }
}
