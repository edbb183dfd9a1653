/// Which word of the text, as its writer wrote it, each spoken letter belongs to: "$5" is the word of the letters of
/// "five dollars". It reads the text a second time, beside what speaks it, and no further than it must.
///
/// A word is a run of anything but white space with a letter or a digit in it. The normaliser keeps no record of what it
/// made of what; but what it makes of each word alone is known, and the two are aligned, with as few differences as
/// possible, block by block.
struct WrittenWords {
    /// The words, in order.
    let words: [String]
    /// Letters of the text before each word.
    private let starts: [Int]
    private var blocks: SpokenBlocks
    /// Letters of the blocks that were read, and the word they are in.
    private var at = (letters: 0, word: 0)
    /// Of spoken letters that weren't asked for yet.
    private var owners: ArraySlice<Int> = []

    init(of text: String, blocks: SpokenBlocks) {
        self.blocks = blocks
        var (words, starts, letters): ([String], [Int], Int) = ([], [], 0)
        for word in Self.split(text) {
            words.append(TextTags.released(String(word)))
            starts.append(letters)
            letters += word.letterCount
        }
        (self.words, self.starts) = (words, starts)
    }

    static func split(_ text: String) -> [Substring] {
        text.split(whereSeparator: \.isWhitespace).filter { $0.letterCount > 0 }
    }

    /// The words of the next spoken letters; fewer than `count` only at the end of the text.
    mutating func owners(next count: Int) -> [Int] {
        while owners.count < count, let block = blocks.nextBlock() { owners += owners(of: block) }
        defer { owners = owners.dropFirst(count) }
        return Array(owners.prefix(count))
    }

    private mutating func owners(of block: (written: RawBlock, spoken: String)) -> [Int] {
        var expected: [(key: String, word: Int)] = []
        for word in Self.split(block.written.text) {
            while at.word + 1 < starts.count, starts[at.word + 1] <= at.letters { at.word += 1 }
            at.letters += word.letterCount
            let alone = Self.keys(blocks.spoken(RawBlock(text: String(word), endsParagraph: false)))
            for key in alone.isEmpty ? [Self.key(word)] : alone.map(\.key) { expected.append((key, at.word)) }
        }
        let spoken = Self.keys(block.spoken)
        guard !expected.isEmpty else { return [] }
        let found = Self.align(spoken.map(\.key), to: expected.map(\.key))
        return zip(spoken, found).flatMap { unit, place in
            [Int](repeating: expected[place].word, count: unit.letters)
        }
    }

    /// Spoken words, without what isn't said; parts of "twenty-five" are compared by themselves.
    private static func keys(_ text: String) -> [(key: String, letters: Int)] {
        text.split { $0 == " " || $0 == "-" }.compactMap { word in
            word.letterCount > 0 ? (key(word), word.letterCount) : nil
        }
    }

    private static func key(_ word: Substring) -> String {
        String(String.UnicodeScalarView(word.lowercased().unicodeScalars.filter(\.isSpoken)))
    }

    /// For each of `found`, in order, the place of its counterpart in `expected`, which isn't empty: most of them equal,
    /// and then as few as possible of the expected without one.
    static func align(_ found: [String], to expected: [String]) -> [Int] {
        let replacement: Int32 = 2  // as much as leaving one out and putting one in
        let width = expected.count + 1
        var costs = [Int32](repeating: 0, count: (found.count + 1) * width)
        for j in 0..<width { costs[j] = Int32(j) }
        for i in 0..<found.count {
            costs[(i + 1) * width] = Int32(i + 1)
            for j in 0..<expected.count {
                let replaced = costs[i * width + j] + (found[i] == expected[j] ? 0 : replacement)
                costs[(i + 1) * width + j + 1] = min(
                    replaced, costs[i * width + j + 1] + 1, costs[(i + 1) * width + j] + 1)
            }
        }
        var places = [Int](repeating: 0, count: found.count)
        var (i, j) = (found.count, expected.count)
        while i > 0 {
            let cost = costs[i * width + j]
            if j > 0, cost == costs[(i - 1) * width + j - 1] + (found[i - 1] == expected[j - 1] ? 0 : replacement) {
                (i, j) = (i - 1, j - 1)
                places[i] = j
            } else if cost == costs[(i - 1) * width + j] + 1 {
                // said beside what was expected: it goes with what comes before it
                i -= 1
                places[i] = max(0, j - 1)
            } else {
                j -= 1
            }
        }
        return places
    }
}

extension Unicode.Scalar {
    /// A letter or digit of any script: what stands for sound.
    var isSpoken: Bool { properties.isAlphabetic || properties.numericType != nil }
}

extension StringProtocol {
    /// Letters and digits. The steps behind the normaliser change none, so that places count in them.
    var letterCount: Int { unicodeScalars.count(where: \.isSpoken) }
}
