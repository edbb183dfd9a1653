/// A tokenizer of the `tokenizers` library: added tokens, normaliser, words, byte-pair encoding, template. Its files are
/// tokenizer.json, or GPT-2's vocab.json and merges.txt.
public struct Tokenizer: Sendable {
    let model: BPE
    let normalizers: [TokenizerNormalizer]
    let preTokenizers: [PreTokenizer]
    let template: Template
    /// Every added token by its content.
    let added: [[Unicode.Scalar]: Int32]
    private let rawTokens: AddedTokens
    private let normalizedTokens: AddedTokens

    /// Ids that are put around every text.
    struct Template: Sendable, Equatable {
        var before: [Int32] = []
        var after: [Int32] = []
    }

    init(
        model: BPE, added: [AddedTokens.Token] = [], normalizers: [TokenizerNormalizer] = [],
        preTokenizers: [PreTokenizer] = [], template: Template = Template()
    ) {
        self.model = model
        self.normalizers = normalizers
        self.preTokenizers = preTokenizers
        self.template = template
        self.added = Dictionary(added.map { ($0.content, $0.id) }) { first, _ in first }
        rawTokens = AddedTokens(added.filter { !$0.isNormalized })
        normalizedTokens = AddedTokens(
            added.filter(\.isNormalized).map { token in
                var token = token
                token.content = normalizers.reduce(token.content) { $1.normalize($0[...]) }
                return token
            })
    }

    /// One more than the highest id.
    public var idCount: Int { Int(max(model.vocabulary.values.max() ?? -1, added.values.max() ?? -1)) + 1 }

    /// Contents of the added tokens.
    public var addedTokens: [String] { added.keys.map { String(scalars: $0) } }

    /// The id of a token, added or not; nil if there is none.
    public func id(of token: String) -> Int32? {
        let scalars = Array(token.unicodeScalars)
        return added[scalars] ?? model.vocabulary[scalars]
    }

    /// The ids of a text. Characters that are no token become the unknown token, or are left out if there is none.
    public func encode(_ text: String) -> [Int32] { encode(Array(text.unicodeScalars)) }

    func encode(_ text: [Unicode.Scalar]) -> [Int32] {
        var ids = template.before
        for part in rawTokens.split(text[...]) {
            switch part {
            case .token(let id): ids.append(id)
            case .text(let raw):
                let normalized = normalizers.reduce(raw) { $1.normalize($0)[...] }
                for part in normalizedTokens.split(normalized) {
                    switch part {
                    case .token(let id): ids.append(id)
                    case .text(let text): ids += words(text).flatMap(model.encode)
                    }
                }
            }
        }
        return ids + template.after
    }

    private func words(_ text: ArraySlice<Unicode.Scalar>) -> [ArraySlice<Unicode.Scalar>] {
        preTokenizers.reduce([text]) { words, step in words.flatMap(step.words) }
    }
}
