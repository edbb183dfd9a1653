import Synchronization
import Tensors

/// What is wrong with checkpoints, all of it, where loading stops at the first thing. Readers write into it.
public final class CheckpointAudit: Sendable {
    /// A tensor that nothing reads, and why that is well.
    public struct Ignored: Sendable, Equatable {
        public let file: String
        public let key: String
        public let reason: String
    }

    private struct Findings {
        var problems: [CheckpointError] = []
        var ignored: [Ignored] = []
        /// Tensors whose numbers were looked at, by file.
        var seen: [String: Set<String>] = [:]
    }

    private let findings = Mutex(Findings())

    public init() {}

    /// In the order they were found.
    public var problems: [CheckpointError] { findings.withLock { $0.problems } }
    public var ignored: [Ignored] { findings.withLock { $0.ignored } }

    func add(_ problem: CheckpointError) { findings.withLock { $0.problems.append(problem) } }
    func add(_ ignored: [Ignored]) { findings.withLock { $0.ignored += ignored } }

    /// Looks at the numbers of every tensor of a file that no model has read.
    public func scan(_ file: any TensorFile) {
        let seen = findings.withLock { $0.seen[file.name] ?? [] }
        for (key, entry) in file.entries.sorted(by: { $0.key < $1.key }) where !seen.contains(key) {
            if entry.dtype.isFloating { _ = tensor(key, of: file, shape: entry.shape) }
        }
    }

    /// The tensor, or zeros if its type can't stand for it.
    func tensor(_ key: String, of file: any TensorFile, shape: [Int]) -> Tensor {
        let type = file.entries[key]?.dtype
        do {
            guard let type, type.isFloating else {
                throw CheckpointError.dtype(
                    file: file.name, key: key, expected: "a floating type", found: type?.rawValue ?? "none")
            }
            let tensor = try file.tensor(key)
            let isNew = findings.withLock { $0.seen[file.name, default: []].insert(key).inserted }
            let odd = tensor.withUnsafeBufferPointer { $0.count { !$0.isFinite } }
            if isNew, odd > 0 { add(.notFinite(file: file.name, key: key, count: odd, of: tensor.count)) }
            return tensor
        } catch {
            if let error = error as? CheckpointError { add(error) }
            return Tensor(zeros: shape)
        }
    }

    /// The integers, or none if its type can't stand for them.
    func integers(_ key: String, of file: any TensorFile) -> [Int32] {
        do {
            return try file.integers(key)
        } catch {
            if let error = error as? CheckpointError { add(error) }
            return []
        }
    }
}
