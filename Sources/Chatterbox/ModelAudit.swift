import Checkpoints
import Foundation

/// Everything that is odd about a model's files. The model is made as for speaking, by readers that go on where loading
/// would stop, and the numbers of all tensors are looked at.
public struct ModelAudit: Sendable {
    public struct File: Sendable, Equatable {
        public let name: String
        public let tensorCount: Int
        /// Of the tensors.
        public let byteCount: Int
        /// How many tensors are stored as which type.
        public let types: [String: Int]
    }

    public let configuration: ModelConfiguration
    /// In the order the model reads them.
    public let files: [File]
    /// Missing, misshapen and left-over tensors, odd types, numbers that are none.
    public let problems: [CheckpointError]
    /// Tensors that nothing reads, and why that is well.
    public let ignored: [CheckpointAudit.Ignored]

    /// - Throws: where nothing can be audited: no model, no tokenizer, a file that is malformed.
    public init(folder: URL, selection: OfficialModel.Selection = .init()) throws {
        let audit = CheckpointAudit()
        var read: [any TensorFile] = []
        configuration = try ModelConfiguration.read(from: folder, selection: selection)
        _ = try ChatterboxModel(folder: folder, configuration: configuration, precision: .bfloat16, audited: true) {
            name in
            let file = try openCheckpoint(folder.appendingPathComponent(name))
            read.append(file)
            return WeightReader(file, audit: audit)
        }
        for file in read { audit.scan(file) }
        files = read.map { file in
            File(
                name: file.name, tensorCount: file.entries.count,
                byteCount: file.entries.values.reduce(0) { $0 + $1.bytes.count },
                types: Dictionary(file.entries.values.map { ($0.dtype.rawValue, 1) }, uniquingKeysWith: +))
        }
        problems = audit.problems
        ignored = audit.ignored
    }
}
