/// Byte-pair encoding as in the `tokenizers` library: a word's characters are joined pair by pair, the pair that was
/// learned first before all others, from left to right.
/// Source: huggingface/tokenizers models/bpe/model.rs
struct BPE: Sendable {
    /// By exact code points.
    let vocabulary: [[Unicode.Scalar]: Int32]
    private let merges: [UInt64: Merge]
    private let options: Options
    /// Stands for a character that is no token; nil leaves it out.
    private let unknown: Int32?

    private struct Merge: Sendable {
        let rank: Int32
        let id: Int32
    }

    struct Options: Sendable {
        var unknownToken: [Unicode.Scalar]?
        /// Unknown characters that follow each other are one unknown token.
        var fusesUnknown = false
        /// A word that is a token is that token, whatever the merges say.
        var ignoresMerges = false
    }

    /// What a merge can lack: the token it should have been.
    struct UnknownToken: Error {
        let token: [Unicode.Scalar]
        /// Index of the merge, nil if it is the unknown token itself.
        let merge: Int?
    }

    init(
        vocabulary: [[Unicode.Scalar]: Int32], merges: [(left: [Unicode.Scalar], right: [Unicode.Scalar])],
        options: Options = Options()
    ) throws(UnknownToken) {
        var table: [UInt64: Merge] = [:]
        table.reserveCapacity(merges.count)
        for (rank, pair) in merges.enumerated() {
            func id(_ token: [Unicode.Scalar]) throws(UnknownToken) -> Int32 {
                guard let id = vocabulary[token] else { throw UnknownToken(token: token, merge: rank) }
                return id
            }
            let key = Self.key(try id(pair.left), try id(pair.right))
            table[key] = Merge(rank: Int32(rank), id: try id(pair.left + pair.right))
        }
        if let token = options.unknownToken {
            guard let id = vocabulary[token] else { throw UnknownToken(token: token, merge: nil) }
            unknown = id
        } else {
            unknown = nil
        }
        self.vocabulary = vocabulary
        self.options = options
        self.merges = table
    }

    /// The tokens of a word. The work grows with the square of its length at worst, at a few nanoseconds a step.
    func encode(_ word: some Collection<Unicode.Scalar>) -> [Int32] {
        if options.ignoresMerges, let id = vocabulary[Array(word)] { return [id] }
        return merged(characters(of: word))
    }

    private func characters(of word: some Collection<Unicode.Scalar>) -> [Int32] {
        var ids: [Int32] = []
        ids.reserveCapacity(word.count)
        var isUnknownRun = false
        for scalar in word {
            if let id = vocabulary[[scalar]] {
                ids.append(id)
                isUnknownRun = false
            } else if let unknown {
                if !(isUnknownRun && options.fusesUnknown) { ids.append(unknown) }
                isUnknownRun = true
            }
        }
        return ids
    }

    private func merged(_ symbols: [Int32]) -> [Int32] {
        var symbols = symbols
        func merge(_ index: Int) -> Merge? {
            index + 1 < symbols.count ? merges[Self.key(symbols[index], symbols[index + 1])] : nil
        }
        // ranks[i] is that of symbols i and i + 1
        var ranks = symbols.indices.map { merge($0)?.rank ?? .max }
        while let best = ranks.indices.min(by: { ranks[$0] < ranks[$1] }), ranks[best] != .max {
            guard let pair = merge(best) else { preconditionFailure("a rank without a merge") }
            symbols[best] = pair.id
            symbols.remove(at: best + 1)
            ranks.remove(at: best + 1)
            ranks[best] = merge(best)?.rank ?? .max
            if best > 0 { ranks[best - 1] = merge(best - 1)?.rank ?? .max }
        }
        return symbols
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}
