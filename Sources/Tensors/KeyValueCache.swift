/// What some heads of a layer are kept from seeing, in the first of the batch.
public struct HiddenPositions: Sendable {
    public var heads: [Int]
    public var positions: [Range<Int>]

    public init(heads: [Int] = [], positions: [Range<Int>] = []) {
        (self.heads, self.positions) = (heads, positions)
    }
}

/// Keys and values of the positions that a decoder has seen, for one layer. It grows as it must.
public struct KeyValueCache: Sendable {
    public let batch: Int
    public let heads: Int
    public let headWidth: Int
    /// Positions held.
    public private(set) var length: Int
    /// Added to a score, makes its weight vanish.
    private static let outOfSight: Float = -1e9
    private var packed: PackedHeads

    /// - Parameters:
    ///   - capacity: Positions to make room for at once.
    ///   - precision: `float32`, or bfloat16 for all others.
    public init(batch: Int, heads: Int, headWidth: Int, capacity: Int, precision: Precision = .float32) {
        (self.batch, self.heads, self.headWidth, length) = (batch, heads, headWidth, 0)
        packed = PackedHeads(
            heads: batch * heads, width: headWidth, capacity: capacity, isHalf: precision != .float32)
    }

    /// A cache of its own for more rows than one, each of which goes on from what `prefix` holds.
    /// - Parameters:
    ///   - prefix: Of one row.
    ///   - capacity: Positions to make room for at once, those of `prefix` included.
    /// - Throws: `TensorError.range` if `prefix` has more rows.
    public init(rows: Int, from prefix: KeyValueCache, capacity: Int) throws {
        guard prefix.batch == 1 else {
            throw TensorError.range(op: "KeyValueCache", expected: "a prefix of one row", found: prefix.batch)
        }
        (batch, heads, headWidth, length) = (rows, prefix.heads, prefix.headWidth, prefix.length)
        packed = PackedHeads(
            prefix.packed, times: rows, keeping: prefix.length, capacity: max(capacity, prefix.length))
    }

    /// What is held: `[B, H, length, D]` each (copies).
    public var contents: (keys: Tensor, values: Tensor) {
        var keys = Tensor(uninitialized: [batch, heads, length, headWidth])
        var values = Tensor(uninitialized: keys.shape)
        keys.withUnsafeMutableBufferPointer { keys in
            values.withUnsafeMutableBufferPointer { values in
                for head in 0..<(batch * heads) {
                    let at = head * length * headWidth
                    packed.read(
                        head: head, length: length, keys: keys.baseAddress! + at, values: values.baseAddress! + at)
                }
            }
        }
        return (keys, values)
    }

    /// Adds positions behind those held.
    /// - Parameters:
    ///   - keys: `[B, H, T, D]`.
    ///   - values: The same.
    public mutating func append(keys: Tensor, values: Tensor) throws {
        guard keys.shape.count == 4, keys.shape[0] == batch, keys.shape[1] == heads, keys.shape[3] == headWidth else {
            throw TensorError.shape(
                op: "KeyValueCache.append", expected: "keys of [\(batch), \(heads), T, \(headWidth)]", found: keys.shape
            )
        }
        guard values.shape == keys.shape else {
            throw TensorError.shape(
                op: "KeyValueCache.append", expected: "values of \(keys.shape)", found: values.shape)
        }
        let added = keys.shape[2]
        packed.reserve(length + added, keeping: length)
        for head in 0..<(batch * heads) {
            let at = head * added * headWidth
            try packed.write(
                keys: keys.storage.pointer + at, values: values.storage.pointer + at, count: added, head: head,
                at: length)
        }
        length += added
    }

    /// What is added to the scores of `length` positions.
    private static func bias(hiding hidden: [Range<Int>], of length: Int) -> [Float] {
        var bias = [Float](repeating: 0, count: length)
        for position in hidden.joined() { bias[position] = outOfSight }
        return bias
    }

    /// Attention of the newest positions over all that are held, causally: the last query sees everything.
    /// - Parameters:
    ///   - q: `[B, H, T, D]`, for the last `T` positions appended.
    ///   - watched: Heads whose attention is wanted.
    ///   - hidden: What heads are kept from seeing: its weight is 0.
    /// - Returns: `[B, H, T, D]`, and the attention `[B, watched.count, T, length]`.
    /// - Throws: `TensorError.shape`; `.range` for a head or a position that isn't there.
    public func attend(
        _ q: Tensor, scale: Float, watching watched: [Int] = [], hiding hidden: HiddenPositions = .init()
    ) throws -> (output: Tensor, attention: Tensor) {
        guard q.shape.count == 4, q.shape[0] == batch, q.shape[1] == heads, q.shape[3] == headWidth,
            q.shape[2] <= length
        else {
            throw TensorError.shape(
                op: "KeyValueCache.attend", expected: "[\(batch), \(heads), T <= \(length), \(headWidth)]",
                found: q.shape)
        }
        if let wrong = (watched + hidden.heads).first(where: { $0 < 0 || $0 >= heads }) {
            throw TensorError.range(op: "KeyValueCache.attend", expected: "a head in 0..<\(heads)", found: wrong)
        }
        if let wrong = hidden.positions.first(where: { $0.lowerBound < 0 || $0.upperBound > length }) {
            throw TensorError.range(
                op: "KeyValueCache.attend", expected: "positions in 0..<\(length)", found: wrong.upperBound)
        }
        let rows = q.shape[2]
        let bias = hidden.heads.isEmpty ? [] : Self.bias(hiding: hidden.positions, of: length)
        var seen = Tensor(zeros: [batch, watched.count, rows, length])
        let output = try Tensor(shape: q.shape) { out in
            try seen.withUnsafeMutableBufferPointer { seen in
                nonisolated(unsafe) let (seen, out) = (seen.baseAddress!, out.baseAddress!)
                try Cores.forEach(batch * heads, ifWorth: batch * heads * rows * length * headWidth) { head in
                    let at = head * rows * headWidth
                    let wanted = watched.firstIndex(of: head % heads)
                    let place = wanted.map { seen + (head / heads * watched.count + $0) * rows * length }
                    let isBlinkered = hidden.heads.contains(head)
                    try bias.withUnsafeBufferPointer { bias in
                        try packed.attend(
                            q.storage.pointer + at, head: head, rows: rows, length: length, scale: scale, causal: true,
                            bias: isBlinkered ? bias.baseAddress : nil, biasSteps: (0, 1), probabilities: place,
                            into: out + at)
                    }
                }
            }
        }
        return (output, seen)
    }
}
