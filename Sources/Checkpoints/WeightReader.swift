import Synchronization
import Tensors

/// Reads a checkpoint by scoped path with the shape expected where the weight is used, and keeps account of what was
/// read, so that `finish(ignoring:)` can find weights that nothing uses.
///
///     let flow = reader.scope("flow")
///     let weight = try flow.tensor("encoder_proj.weight", shape: [80, 192])
public struct WeightReader: Sendable {
    private enum Source: Sendable {
        case file(any TensorFile)
        case shapes([String: [Int]])
    }

    private final class Account: Sendable {
        let read = Mutex<Set<String>>([])
        /// nil throws at the first finding.
        let audit: CheckpointAudit?
        /// Has some of the weights packed already, or keeps them when they are.
        let packed: (any PackedStore)?

        init(audit: CheckpointAudit? = nil, packed: (any PackedStore)? = nil) {
            (self.audit, self.packed) = (audit, packed)
        }
    }

    /// The checkpoint's name, for messages.
    public let file: String
    private let source: Source
    private let prefix: String
    private let account: Account

    /// - Parameter packed: keeps this file's weights packed.
    public init(_ file: any TensorFile, packed: (any PackedStore)? = nil) {
        self.init(file: file.name, source: .file(file), prefix: "", account: Account(packed: packed))
    }

    /// A reader that goes on where the others throw: it writes down what is wrong, and hands out zeros instead. The model
    /// made this way must not be run.
    public init(_ file: any TensorFile, audit: CheckpointAudit) {
        self.init(file: file.name, source: .file(file), prefix: "", account: Account(audit: audit))
    }

    /// A reader of a checkpoint's names and shapes alone: it checks and accounts for every read, and hands out tensors
    /// of zeros with every dimension 1. So a configuration can be audited against the manifest of a checkpoint of
    /// gigabytes, by the code that would load it; the model made this way must not be run.
    public init(manifest: [String: [Int]], name: String) {
        self.init(file: name, source: .shapes(manifest), prefix: "", account: Account())
    }

    /// A reader of a file's names and shapes alone, as with a manifest.
    public init(shapesOf file: any TensorFile) {
        self.init(manifest: file.entries.mapValues(\.shape), name: file.name)
    }

    private init(file: String, source: Source, prefix: String, account: Account) {
        self.file = file
        self.source = source
        self.prefix = prefix
        self.account = account
    }

    /// The reader of the weights under `name` and a dot.
    public func scope(_ name: String) -> WeightReader {
        WeightReader(file: file, source: source, prefix: prefix + name + ".", account: account)
    }

    /// Whether there is a tensor of this name in the scope.
    public func contains(_ name: String) -> Bool { shape(of: name) != nil }

    /// The stored shape of a tensor, nil if there is none of this name.
    public func shape(of name: String) -> [Int]? {
        switch source {
        case .file(let file): file.entries[prefix + name]?.shape
        case .shapes(let shapes): shapes[prefix + name]
        }
    }

    /// - Parameter shape: what the model needs; nothing else is accepted.
    /// - Throws: `CheckpointError.missing`, `.shape`, `.dtype`.
    public func tensor(_ name: String, shape: [Int]) throws -> Tensor {
        guard let key = try check(name, shape: shape) else { return Tensor(zeros: shape) }
        switch source {
        case .file(let file): return try account.audit?.tensor(key, of: file, shape: shape) ?? file.tensor(key)
        case .shapes: return Tensor(zeros: shape.map { _ in 1 })
        }
    }

    /// A weight to be packed: checked and accounted for now, read when its numbers are needed.
    /// - Throws: `CheckpointError.missing`, `.shape`; reading it `.dtype`.
    public func weight(_ name: String, shape: [Int]) throws -> Weight {
        guard case .file(let file) = source, account.audit == nil, let key = try check(name, shape: shape) else {
            return Weight(try tensor(name, shape: shape))
        }
        return Weight(key: key, shape: shape, store: account.packed) { try file.tensor(key) }
    }

    /// Integers such as token ids, of any length.
    public func integers(_ name: String) throws -> [Int32] {
        guard let key = try check(name, shape: shape(of: name) ?? []) else { return [] }
        switch source {
        case .file(let file): return try account.audit?.integers(key, of: file) ?? file.integers(key)
        case .shapes: return []
        }
    }

    /// The tensor's key; nil if something is wrong that an audit has written down.
    private func check(_ name: String, shape expected: [Int]) throws(CheckpointError) -> String? {
        let key = prefix + name
        let found = shape(of: name)
        account.read.withLock { if found == expected || account.audit != nil { $0.insert(key) } }
        if found == expected { return key }
        let problem: CheckpointError =
            if let found {
                .shape(file: file, key: key, expected: expected, found: found)
            } else {
                .missing(file: file, key: key, expected: expected)
            }
        guard let audit = account.audit else { throw problem }
        audit.add(problem)
        return nil
    }

    /// The audit: throws if a tensor of this scope was never read and no rule ignores it.
    /// - Parameter ignoring: key (in this scope) or prefix that ends in `*` → why it isn't needed.
    public func finish(ignoring rules: [String: String] = [:]) throws(CheckpointError) {
        let keys: [String] =
            switch source {
            case .file(let file): Array(file.entries.keys)
            case .shapes(let shapes): Array(shapes.keys)
            }
        let read = account.read.withLock { $0 }
        let unread = keys.filter { $0.hasPrefix(prefix) && !read.contains($0) }.map { $0.dropFirst(prefix.count) }
        func matches(_ key: Substring, _ pattern: String) -> Bool {
            pattern.hasSuffix("*") ? key.hasPrefix(pattern.dropLast()) : key == pattern
        }
        precondition(rules.values.allSatisfy { !$0.isEmpty }, "every ignored weight needs a reason")
        var left: [String] = []
        var ignored: [CheckpointAudit.Ignored] = []
        for key in unread.sorted() {
            if let rule = rules.first(where: { matches(key, $0.key) }) {
                ignored.append(CheckpointAudit.Ignored(file: file, key: prefix + key, reason: rule.value))
            } else {
                left.append(prefix + key)
            }
        }
        account.audit?.add(ignored)
        guard !left.isEmpty else { return }
        let problem = CheckpointError.unread(file: file, keys: left)
        guard let audit = account.audit else { throw problem }
        audit.add(problem)
    }
}
