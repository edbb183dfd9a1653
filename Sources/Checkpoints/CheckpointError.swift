import Foundation

/// What can be wrong with a checkpoint file or with the way a model reads it.
public enum CheckpointError: Error, Sendable, Equatable {
    /// The file can't be opened or mapped.
    case unreadable(file: String, reason: String)
    /// The file isn't well formed. `offset` counts bytes from the start of a safetensors file's JSON header, of a torch
    /// archive's pickle, or of the archive itself, as `reason` says.
    case malformed(file: String, reason: String, offset: Int?)
    /// A torch archive names something other than tensors and plain containers. Nothing of it was run.
    case unsafe(file: String, global: String)
    /// A header entry contradicts itself, its neighbours or the file's size.
    case invalidEntry(file: String, key: String, expected: String, found: String)
    /// The model asks for a tensor that the checkpoint doesn't have.
    case missing(file: String, key: String, expected: [Int])
    /// The tensor has another shape than the model expects.
    case shape(file: String, key: String, expected: [Int], found: [Int])
    /// The tensor is stored as a type that can't stand for the numbers asked for.
    case dtype(file: String, key: String, expected: String, found: String)
    /// Numbers that are infinite or none at all; `count` of `of`. Only an audit looks.
    case notFinite(file: String, key: String, count: Int, of: Int)
    /// Tensors that no module read and no rule ignores.
    case unread(file: String, keys: [String])
}

extension CheckpointError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): can't be read: \(reason)"
        case .malformed(let file, let reason, let offset):
            "\(file): malformed: \(reason)" + (offset.map { " (at byte \($0))" } ?? "")
        case .unsafe(let file, let global):
            "\(file): names \(global), but only tensors, dictionaries, lists, tuples, strings and numbers are read"
        case .invalidEntry(let file, let key, let expected, let found):
            "\(file): \(key): expected \(expected), found \(found)"
        case .missing(let file, let key, let expected): "\(file): \(key) \(expected) is missing"
        case .shape(let file, let key, let expected, let found):
            "\(file): \(key): expected shape \(expected), found \(found)"
        case .dtype(let file, let key, let expected, let found): "\(file): \(key): expected \(expected), found \(found)"
        case .notFinite(let file, let key, let count, let total):
            "\(file): \(key): \(count) of \(total) numbers are infinite or NaN"
        case .unread(let file, let keys): "\(file): tensors that nothing reads: \(keys.joined(separator: ", "))"
        }
    }
}
