import Foundation

/// A file of `torch.save`, mapped read-only: a zip file of a pickle and the tensors' bytes. The pickle is read by a machine
/// that knows tensors and plain containers and runs nothing; see `PickleMachine`.
///
/// Keys of nested dictionaries are joined by dots, list items by their index: `{"t3": {"speaker_emb": …}}` is
/// `t3.speaker_emb`.
public struct TorchArchive: TensorFile {
    /// What isn't a tensor.
    public enum Scalar: Sendable, Equatable {
        case none
        case bool(Bool)
        case int(Int)
        case float(Double)
        case string(String)
    }

    public let name: String
    public let entries: [String: TensorEntry]
    /// By key, like the tensors.
    public let scalars: [String: Scalar]
    public let contents: Data
    public let mapping: MappedFile?

    /// - Throws: `CheckpointError.unreadable`, `.malformed`, `.invalidEntry`, `.unsafe`.
    public init(url: URL) throws {
        let file = try MappedFile(url)
        try self.init(contents: file.contents, name: url.lastPathComponent, mapping: file)
    }

    /// A file's bytes that are in memory already.
    public init(contents: Data, name: String) throws(CheckpointError) {
        try self.init(contents: contents, name: name, mapping: nil)
    }

    init(contents: Data, name: String, mapping: MappedFile?) throws(CheckpointError) {
        let files = try ZipArchive(contents: contents, file: name).entries
        func malformed(_ reason: String) -> CheckpointError { .malformed(file: name, reason: reason, offset: nil) }
        let pickles = files.keys.filter { $0.hasSuffix("/data.pkl") }
        guard pickles.count == 1, let pickle = pickles.first, let range = files[pickle] else {
            throw malformed("\(pickles.count) entries are called data.pkl, a torch archive has one")
        }
        let root = pickle.dropLast("data.pkl".count)
        guard files[root + "constants.pkl"] == nil else {
            throw malformed("a TorchScript program, which holds code; only files of torch.save are read")
        }
        if let order = files[root + "byteorder"] {
            var cursor = ByteCursor(contents, range: order, file: name)
            guard try cursor.text(order.count) == "little" else { throw malformed("the tensors aren't little-endian") }
        }
        var storages: [String: Range<Int>] = [:]
        for (file, range) in files where file.hasPrefix(root + "data/") {
            storages[String(file.dropFirst(root.count + "data/".count))] = range
        }
        var machine = PickleMachine(pickle: contents, range: range, storages: storages, file: name)
        (entries, scalars) = try machine.run()
        self.name = name
        self.contents = contents
        self.mapping = mapping
    }
}
