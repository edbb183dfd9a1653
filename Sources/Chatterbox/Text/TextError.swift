/// What can be wrong with the files that configure the text front end, and with the language of a text. What cannot be
/// spoken in a text is left out.
public enum TextError: Error, Equatable, CustomStringConvertible {
    /// A line of a lexicon file, counted from 1.
    case lexicon(line: Int, word: String, problem: String)
    /// A lexicon file that cannot be read as text.
    case unreadableLexicon(path: String, problem: String)
    /// A `text` section of config.json that makes no sense.
    case configuration(problem: String)
    /// A tokenizer's file; `key` is the path to the value that is wrong, empty if it is the file itself.
    case tokenizer(file: String, key: String, problem: String)
    /// A language that the model doesn't speak.
    case language(String, available: [String])
    /// A text written in a way that the model can't read, and this build can't turn into one that it can.
    case script(language: String, problem: String, remedy: String)

    public var description: String {
        switch self {
        case .lexicon(let line, let word, let problem):
            "lexicon line \(line)\(word.isEmpty ? "" : " (\(word))"): \(problem)"
        case .unreadableLexicon(let path, let problem): "lexicon \(path): \(problem)"
        case .configuration(let problem): "text configuration: \(problem)"
        case .tokenizer(let file, let key, let problem): "\(file): \(key.isEmpty ? "" : "\(key): ")\(problem)"
        case .language(let language, let available):
            "language '\(language)' isn't spoken by this model; it speaks \(available.joined(separator: ", "))"
        case .script(let language, let problem, let remedy):
            """
            \(language): \(problem), and this build can't add what is needed: \(remedy). It lacks such a step for \
            Japanese kanji (ja), Hebrew vowel points (he) and Russian stress (ru); other languages need none.
            """
        }
    }
}
