/// What can go wrong in loading or running a model of the family.
public enum ChatterboxError: Error, Sendable, Equatable {
    /// config.json: `field` is its path, such as `t3.hidden_size`.
    case configuration(file: String, field: String, problem: String)
    /// A token id outside its vocabulary.
    case token(kind: String, id: Int32, vocabularySize: Int)
    /// More positions than the model has embeddings for.
    case tooLong(what: String, count: Int, limit: Int)
    /// An input that doesn't fit the model or what came before it.
    case input(what: String, expected: String, found: String)
    case unknownVoice(name: String, available: [String])
    /// A folder that has neither a config.json nor an official model's T3.
    case noModel(folder: String, files: [String])
    /// A folder with several official models, of which none was chosen.
    case severalModels(folder: String, models: [String])
    /// Files without which an official model can't be loaded.
    case missingFiles(folder: String, model: String, files: [String])
}

extension ChatterboxError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .configuration(let file, let field, let problem): "\(file): \(field): \(problem)"
        case .token(let kind, let id, let size): "\(kind) token \(id) is outside the vocabulary of \(size)"
        case .tooLong(let what, let count, let limit): "\(count) \(what) are more than the model's \(limit)"
        case .input(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
        case .unknownVoice(let name, let available):
            "unknown voice '\(name)'; there are \(available.joined(separator: ", "))"
        case .noModel(let folder, let files):
            "\(folder) is no model's folder: it has none of \(files.joined(separator: ", "))"
        case .severalModels(let folder, let models):
            "\(folder) has several models, choose one: \(models.joined(separator: ", "))"
        case .missingFiles(let folder, let model, let files):
            "\(folder): the model \(model) needs \(files.joined(separator: ", ")), not found there"
        }
    }
}
