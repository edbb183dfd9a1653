import Foundation

extension Tokenizer {
    /// Reads a tokenizer.json. What would change ids and isn't known here is refused, never skipped.
    /// - Throws: `TextError.tokenizer` with file, key, value and what is allowed.
    public init(contentsOf url: URL) throws(TextError) { try self.init(file: TokenizerField(contentsOf: url)) }

    /// A tokenizer.json that is in memory already.
    package init(json: some Collection<UInt8>, file: String) throws(TextError) {
        try self.init(file: TokenizerField(parsing: json, file: file))
    }

    init(file: TokenizerField) throws(TextError) {
        for key in ["truncation", "padding"] {
            let field = file.member(key)
            guard field.isNull else { throw field.failure(expected: "null: text is never cut or filled up") }
        }
        let model = try BPE(file.member("model"))
        let normalizers = try Self.normalizers(file.member("normalizer"))
        let added = try Self.addedTokens(file.member("added_tokens"), model)
        let byContent = Dictionary(added.map { ($0.content, $0.id) }) { first, _ in first }
        self.init(
            model: model, added: added, normalizers: normalizers,
            preTokenizers: try Self.preTokenizers(file.member("pre_tokenizer")),
            template: try Self.template(file.member("post_processor")) { byContent[$0] ?? model.vocabulary[$0] })
    }

    private static func addedTokens(_ field: TokenizerField, _ model: BPE) throws(TextError) -> [AddedTokens.Token] {
        if field.isNull { return [] }
        var tokens: [AddedTokens.Token] = []
        for element in try field.elements() {
            var token = AddedTokens.Token(
                content: try element.member("content").scalars(), id: try element.member("id").id())
            token.isSingleWord = try element.member("single_word").bool()
            token.stripsLeft = try element.member("lstrip").bool()
            token.stripsRight = try element.member("rstrip").bool()
            token.isNormalized = try element.member("normalized").bool(
                default: !(try element.member("special").bool()))
            tokens.append(token)
        }
        return withIDs(tokens, model)
    }

    /// Gives added tokens the ids that the `tokenizers` library would: those of the vocabulary, else the next free ones,
    /// whatever the file says. A model was trained with the library's.
    static func withIDs(_ tokens: [AddedTokens.Token], _ model: BPE) -> [AddedTokens.Token] {
        var next = Int32(model.vocabulary.count)
        var ids: [[Unicode.Scalar]: Int32] = [:]
        var result: [AddedTokens.Token] = []
        for var token in tokens where !token.content.isEmpty && ids[token.content] == nil {
            token.id = model.vocabulary[token.content] ?? next
            next = max(next, token.id + 1)
            ids[token.content] = token.id
            result.append(token)
        }
        return result
    }

    private static func normalizers(_ field: TokenizerField) throws(TextError) -> [TokenizerNormalizer] {
        if field.isNull { return [] }
        let type = field.member("type")
        switch try type.string() {
        case "Sequence":
            var steps: [TokenizerNormalizer] = []
            for element in try field.member("normalizers").elements() { steps += try normalizers(element) }
            return steps
        case "NFC": return [.nfc]
        case "NFD": return [.nfd]
        case "NFKC": return [.nfkc]
        case "NFKD": return [.nfkd]
        case "Lowercase": return [.lowercase]
        default: throw type.failure(expected: "NFC, NFD, NFKC, NFKD, Lowercase or Sequence")
        }
    }

    private static func preTokenizers(_ field: TokenizerField) throws(TextError) -> [PreTokenizer] {
        if field.isNull { return [] }
        let type = field.member("type")
        switch try type.string() {
        case "Sequence":
            var steps: [PreTokenizer] = []
            for element in try field.member("pretokenizers").elements() { steps += try preTokenizers(element) }
            return steps
        case "Whitespace": return [.whitespace]
        case "WhitespaceSplit": return [.whitespaceSplit]
        case "ByteLevel":
            return [
                .byteLevel(
                    addsPrefixSpace: try field.member("add_prefix_space").bool(default: true),
                    cutsWords: try field.member("use_regex").bool(default: true))
            ]
        default: throw type.failure(expected: "Whitespace, WhitespaceSplit, ByteLevel or Sequence")
        }
    }

    private static func template(
        _ field: TokenizerField, id: ([Unicode.Scalar]) -> Int32?
    ) throws(TextError) -> Template {
        if field.isNull { return Template() }
        let type = field.member("type")
        switch try type.string() {
        case "ByteLevel": return Template()  // moves offsets only
        case "TemplateProcessing": break
        default: throw type.failure(expected: "TemplateProcessing, ByteLevel or null")
        }
        var template = Template()
        var seenText = false
        for part in try field.member("single").elements() {
            let special = part.member("SpecialToken")
            if special.isNull {
                guard !part.member("Sequence").isNull else {
                    throw part.failure(expected: "a SpecialToken or a Sequence")
                }
                guard !seenText else { throw part.failure("the text is there twice") }
                seenText = true
                continue
            }
            let token = special.member("id")
            let entry = try field.member("special_tokens").member(token.string())
            guard !entry.isNull else { throw token.failure(expected: "a token of \(field.path).special_tokens") }
            for element in try entry.member("ids").elements() {
                if seenText {
                    template.after.append(try element.id())
                } else {
                    template.before.append(try element.id())
                }
            }
        }
        guard seenText else { throw field.member("single").failure("has no Sequence, so the text would be lost") }
        return template
    }
}

extension BPE {
    /// The `model` section of a tokenizer.json.
    init(_ field: TokenizerField) throws(TextError) {
        let type = field.member("type")
        // The library's first files had no type.
        guard try type.stringIfAny() ?? "BPE" == "BPE" else { throw type.failure(expected: "\"BPE\"") }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            let affix = field.member(key)
            guard try affix.stringIfAny() ?? "" == "" else { throw affix.failure(expected: "null or \"\"") }
        }
        let dropout = field.member("dropout")
        if case .number(let rate) = dropout.value, Double(rate) == 0 {
        } else if !dropout.isNull {
            throw dropout.failure(expected: "null: encoding isn't left to chance")
        }
        let fallback = field.member("byte_fallback")
        guard try !fallback.bool() else { throw fallback.failure(expected: "false") }
        var options = Options()
        let unknown = field.member("unk_token")
        options.unknownToken = unknown.isNull ? nil : try unknown.scalars()
        options.fusesUnknown = try field.member("fuse_unk").bool()
        options.ignoresMerges = try field.member("ignore_merges").bool()
        let mergesField = field.member("merges")
        var merges: [(left: [Unicode.Scalar], right: [Unicode.Scalar])] = []
        for merge in try mergesField.elements() { merges.append(try Self.merge(merge)) }
        do {
            try self.init(vocabulary: Self.vocabulary(field.member("vocab")), merges: merges, options: options)
        } catch let error as TextError {
            throw error
        } catch let error as UnknownToken {
            throw error.asTextError(file: field.file, merges: mergesField.path, unknown: unknown.path)
        } catch {
            preconditionFailure("no other error is thrown: \(error)")
        }
    }

    /// An object of tokens and their ids.
    static func vocabulary(_ field: TokenizerField) throws(TextError) -> [[Unicode.Scalar]: Int32] {
        guard case .object(let members) = field.value else {
            throw field.failure(expected: "an object of tokens and ids")
        }
        var vocabulary: [[Unicode.Scalar]: Int32] = [:]
        vocabulary.reserveCapacity(members.count)
        var owners: [Int32: [Unicode.Scalar]] = [:]
        owners.reserveCapacity(members.count)
        for member in members {
            func entry() -> TokenizerField {
                TokenizerField(
                    file: field.file, path: "\(field.path)[\"\(member.key)\"]", value: member.value)
            }
            let id = try TokenizerField.id(member.value) { () in
                entry().failure(expected: TokenizerField.allowedID)
            }
            let token = Array(member.key.unicodeScalars)
            guard vocabulary.updateValue(id, forKey: token) == nil else { throw entry().failure("is there twice") }
            if let other = owners.updateValue(token, forKey: id) {
                throw entry().failure("has id \(id), which is that of \"\(String(scalars: other))\" already")
            }
        }
        guard !vocabulary.isEmpty else { throw field.failure("is empty") }
        return vocabulary
    }

    /// `"a b"`, or `["a", "b"]` in newer files.
    private static func merge(
        _ field: TokenizerField
    ) throws(TextError) -> (left: [Unicode.Scalar], right: [Unicode.Scalar]) {
        if case .array(let pair) = field.value {
            if pair.count == 2, case .string(let left) = pair[0], case .string(let right) = pair[1] {
                return (Array(left.unicodeScalars), Array(right.unicodeScalars))
            }
        } else if case .string(let text) = field.value, let pair = merge(text.unicodeScalars) {
            return pair
        }
        throw field.failure(expected: "two tokens with a space between")
    }

    static func merge(_ text: some Collection<Unicode.Scalar>) -> (left: [Unicode.Scalar], right: [Unicode.Scalar])? {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        return (Array(parts[0]), Array(parts[1]))
    }
}

extension BPE.UnknownToken {
    func asTextError(file: String, merges: String, unknown: String) -> TextError {
        let token = "\"\(String(scalars: token))\""
        guard let merge else {
            return .tokenizer(file: file, key: unknown, problem: "\(token) isn't in the vocabulary")
        }
        return .tokenizer(
            file: file, key: "\(merges)[\(merge)]", problem: "needs the token \(token), which isn't in the vocabulary")
    }
}
