/// Normalised text while it is being written: single spaces, at most one punctuation mark between words, hyphens only
/// inside words, and no word so long that nothing could split it.
struct SpokenText {
    /// Longest run of characters without a space.
    static let longestWord = 40

    private(set) var text = ""
    private var pending: Character?
    private var gluesNext = false
    private var wordLength = 0

    var isEmpty: Bool { text.isEmpty }

    /// Appends words of the allowed alphabet, separated by single spaces.
    mutating func say(_ words: String) {
        for word in words.split(separator: " ") { append(word) }
    }

    /// Punctuation after what was said. Of several marks the strongest stays: "?!" is "?", ",." is ".".
    mutating func mark(_ punctuation: Character) {
        gluesNext = false
        guard !text.isEmpty else { return }
        if strength(punctuation) > strength(pending) { pending = punctuation }
    }

    /// The next word joins the last one with a hyphen.
    mutating func glue() {
        if !text.isEmpty && pending == nil { gluesNext = true }
    }

    /// Adds to the last word, as in "F B I" + "'s".
    mutating func suffix(_ ending: String) {
        guard !text.isEmpty, pending == nil else { return }
        text += ending
        wordLength += ending.utf8.count
    }

    /// Closes the text; `ensuringEnd` adds a full stop where nothing ends the sentence.
    mutating func finish(ensuringEnd: Bool) -> String {
        if ensuringEnd && !text.isEmpty && strength(pending) < strength(".") { pending = "." }
        if let pending { text.append(pending) }
        pending = nil
        return text
    }

    private mutating func append(_ word: Substring) {
        if let pending {
            text.append(pending)
            text.append(" ")
        } else if !text.isEmpty {
            text.append(gluesNext && wordLength + word.utf8.count < Self.longestWord ? "-" : " ")
        }
        if text.last != "-" { wordLength = 0 }
        pending = nil
        gluesNext = false
        var rest = word
        while rest.utf8.count > Self.longestWord {
            text += rest.prefix(Self.longestWord)
            text.append(" ")
            rest = rest.dropFirst(Self.longestWord)
        }
        text += rest
        wordLength += rest.utf8.count + 1
    }

    private func strength(_ mark: Character?) -> Int {
        switch mark {
        case ",": 1
        case ";": 2
        case ":": 3
        case ".": 4
        case "!": 5
        case "?": 6
        default: 0
        }
    }
}
