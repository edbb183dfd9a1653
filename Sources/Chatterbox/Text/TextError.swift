/// What can be wrong with the files that configure the text front end. Text itself never is: what cannot be spoken is
/// left out.
public enum TextError: Error, Equatable, CustomStringConvertible {
    /// A line of a lexicon file, counted from 1.
    case lexicon(line: Int, word: String, problem: String)
    /// A lexicon file that cannot be read as text.
    case unreadableLexicon(path: String, problem: String)
    /// A `text` section of config.json that makes no sense.
    case configuration(problem: String)

    public var description: String {
        switch self {
        case .lexicon(let line, let word, let problem):
            "lexicon line \(line)\(word.isEmpty ? "" : " (\(word))"): \(problem)"
        case .unreadableLexicon(let path, let problem): "lexicon \(path): \(problem)"
        case .configuration(let problem): "text configuration: \(problem)"
        }
    }
}
