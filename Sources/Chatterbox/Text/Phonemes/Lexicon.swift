import Foundation

/// Pronunciations that a user gives for names and other words.
///
/// One entry a line, `#` begins a comment:
/// ```
/// Nguyen      wˈɪn              # phonemes, after a tab or spaces
/// Siobhan = shi vawn            # a respelling in plain letters
/// New Delhi<TAB>nˌu dˈɛli       # several words: a tab or two spaces before the phonemes
/// ```
/// Words match whatever their case, the longest entry first, and with a possessive 's.
public struct Lexicon: Sendable {
    enum Pronunciation: Sendable, Equatable {
        /// Indices into the symbols.
        case phonemes([Int])
        /// Letters for the G2P net.
        case respelling(String)
    }

    /// Every entry by its words, as the normaliser writes them, in lower case with single spaces.
    private let entries: [String: Pronunciation]
    private let longest: Int
    /// Number of entries.
    public var count: Int { entries.count }

    public static let empty = Lexicon(entries: [:])

    private init(entries: [String: Pronunciation]) {
        self.entries = entries
        longest = entries.keys.map { $0.split(separator: " ").count }.max() ?? 0
    }

    /// Reads a lexicon file of at most 16 MB.
    /// - Parameter symbols: the phoneme symbols of the model.
    /// - Throws: `TextError.lexicon` with line number and word, or `TextError.unreadableLexicon`.
    public init(contentsOf file: URL, symbols: [String]) throws {
        let data: Data
        do {
            data = try Data(contentsOf: file)
        } catch {
            throw TextError.unreadableLexicon(path: file.path, problem: "cannot be read")
        }
        guard data.count <= 16 << 20 else {
            throw TextError.unreadableLexicon(path: file.path, problem: "is larger than 16 MB")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw TextError.unreadableLexicon(path: file.path, problem: "is not UTF-8 text")
        }
        try self.init(text, symbols: symbols)
    }

    /// Reads the text of a lexicon file.
    /// - Throws: `TextError.lexicon` with line number and word.
    public init(_ text: String, symbols: [String]) throws {
        let table = SymbolIndex(symbols)
        var entries: [String: Pronunciation] = [:]
        var lines: [String: Int] = [:]
        let rows = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, row) in rows.enumerated() {
            let content = String(row.prefix { $0 != "#" }).replacing("\u{FEFF}", with: "")
            guard let parts = Self.parts(of: content) else { continue }
            func problem(_ text: String) -> TextError { .lexicon(line: index + 1, word: parts.word, problem: text) }
            let key = Self.key(for: parts.word)
            guard !key.isEmpty else { throw problem("the word has no letter") }
            if let first = lines[key] { throw problem("already given on line \(first)") }
            guard !parts.value.isEmpty else {
                throw problem("no pronunciation; write phonemes after a tab, or '= ' and a respelling in plain letters")
            }
            if parts.isRespelling {
                let isPlain = parts.value.unicodeScalars.allSatisfy { $0.isLetter || " '-".unicodeScalars.contains($0) }
                guard isPlain, parts.value.unicodeScalars.contains(where: \.isLetter) else {
                    throw problem("a respelling holds only letters a to z, spaces, hyphens and apostrophes")
                }
                entries[key] = .respelling(parts.value)
            } else {
                switch table.indices(of: parts.value) {
                case .success(let phonemes): entries[key] = .phonemes(phonemes)
                case .failure(let unknown):
                    throw problem(
                        "unknown phoneme '\(unknown.symbol)'; allowed are: "
                            + symbols.map { $0 == " " ? "space" : $0 }.joined(separator: " "))
                }
            }
            lines[key] = index + 1
        }
        self.init(entries: entries)
    }

    /// The longest entry that begins at the first of `words` (lower case), and how many words it takes.
    func match(_ words: ArraySlice<String>) -> (pronunciation: Pronunciation, count: Int)? {
        for count in stride(from: min(longest, words.count), to: 0, by: -1) {
            if let found = entries[words.prefix(count).joined(separator: " ")] { return (found, count) }
        }
        return nil
    }

    private static func parts(of line: String) -> (word: String, value: String, isRespelling: Bool)? {
        let line = line.trimmed
        if line.isEmpty { return nil }
        if let sign = line.firstIndex(of: "=") {
            return (String(line[..<sign]).trimmed, String(line[line.index(after: sign)...]).trimmed, true)
        }
        let separator = line.firstRange(of: "\t") ?? line.firstRange(of: "  ") ?? line.firstRange(of: " ")
        guard let separator else { return (line, "", false) }
        return (String(line[..<separator.lowerBound]).trimmed, String(line[separator.upperBound...]).trimmed, false)
    }

    /// A word as it stands in normalised text.
    private static func key(for word: String) -> String {
        let normal = TextNormalizer().normalize(word).lowercased()
        return normal.split { !($0.isLetter || $0 == "'") }.joined(separator: " ")
    }
}

/// Finds phoneme symbols in text.
struct SymbolIndex: Sendable {
    struct Unknown: Error { let symbol: Character }

    private let indices: [String: Int]
    private let longest: Int

    init(_ symbols: [String]) {
        indices = Dictionary(zip(symbols, symbols.indices), uniquingKeysWith: { first, _ in first })
        longest = symbols.map(\.unicodeScalars.count).max() ?? 1
    }

    subscript(symbol: String) -> Int? { indices[symbol] }

    /// The longest symbol at each place.
    func indices(of text: String) -> Result<[Int], Unknown> {
        var found: [Int] = []
        var rest = text.unicodeScalars[...]
        next: while !rest.isEmpty {
            for length in stride(from: min(longest, rest.count), to: 0, by: -1) {
                if let index = indices[String(String.UnicodeScalarView(rest.prefix(length)))] {
                    found.append(index)
                    rest.removeFirst(length)
                    continue next
                }
            }
            return .failure(Unknown(symbol: Substring(rest).first!))
        }
        return .success(found)
    }
}
