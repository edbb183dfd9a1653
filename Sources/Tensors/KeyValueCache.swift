/// Keys and values of the positions that a decoder has seen, for one layer. It grows as it must.
public struct KeyValueCache: Sendable {
    public let batch: Int
    public let heads: Int
    public let headWidth: Int
    /// Positions held.
    public private(set) var length = 0
    private var capacity: Int
    /// `[B, H, capacity, D]`, of which `length` positions are in use.
    private var keyStore: Tensor
    private var valueStore: Tensor

    /// - Parameter capacity: Positions to make room for at once.
    public init(batch: Int, heads: Int, headWidth: Int, capacity: Int) {
        (self.batch, self.heads, self.headWidth, self.capacity) = (batch, heads, headWidth, max(capacity, 1))
        keyStore = Tensor(zeros: [batch, heads, self.capacity, headWidth])
        valueStore = keyStore
    }

    /// `[B, H, length, D]` (copies).
    public var keys: Tensor { get throws { try keyStore.sliced(axis: 2, from: 0, to: length) } }
    /// `[B, H, length, D]` (copies).
    public var values: Tensor { get throws { try valueStore.sliced(axis: 2, from: 0, to: length) } }

    /// Adds positions behind those held.
    /// - Parameters:
    ///   - keys: `[B, H, T, D]`.
    ///   - values: The same.
    public mutating func append(keys: Tensor, values: Tensor) throws {
        guard keys.shape.count == 4, keys.shape[0] == batch, keys.shape[1] == heads, keys.shape[3] == headWidth else {
            throw TensorError.shape(
                op: "KeyValueCache.append", expected: "keys of [\(batch), \(heads), T, \(headWidth)]", found: keys.shape)
        }
        guard values.shape == keys.shape else {
            throw TensorError.shape(op: "KeyValueCache.append", expected: "values of \(keys.shape)", found: values.shape)
        }
        let added = keys.shape[2]
        if length + added > capacity {
            let larger = max(length + added, capacity * 2)
            keyStore = try keyStore.padded(axis: 2, before: 0, after: larger - capacity)
            valueStore = try valueStore.padded(axis: 2, before: 0, after: larger - capacity)
            capacity = larger
        }
        write(keys, to: \.keyStore)
        write(values, to: \.valueStore)
        length += added
    }

    private mutating func write(_ source: Tensor, to store: WritableKeyPath<KeyValueCache, Tensor>) {
        let (run, room, start) = (source.shape[2] * headWidth, capacity * headWidth, length * headWidth)
        let rows = batch * heads
        self[keyPath: store].withUnsafeMutableBufferPointer { out in
            for row in 0..<rows {
                (out.baseAddress! + row * room + start).update(from: source.storage.pointer + row * run, count: run)
            }
        }
    }

    /// Attention of the newest positions over all that are held, causally: the last query sees everything.
    /// - Parameters:
    ///   - q: `[B, H, T, D]`, for the last `T` positions appended.
    ///   - watched: Heads whose attention is wanted.
    /// - Returns: `[B, H, T, D]`, and the attention `[B, watched.count, T, length]`.
    public func attend(_ q: Tensor, scale: Float, watching watched: [Int] = []) throws -> (output: Tensor, attention: Tensor) {
        guard q.shape.count == 4, q.shape[0] == batch, q.shape[1] == heads, q.shape[3] == headWidth, q.shape[2] <= length
        else {
            throw TensorError.shape(
                op: "KeyValueCache.attend", expected: "[\(batch), \(heads), T <= \(length), \(headWidth)]", found: q.shape)
        }
        if let wrong = watched.first(where: { $0 < 0 || $0 >= heads }) {
            throw TensorError.range(op: "KeyValueCache.attend", expected: "a head in 0..<\(heads)", found: wrong)
        }
        let rows = q.shape[2]
        var seen = Tensor(zeros: [batch, watched.count, rows, length])
        let output = Tensor(shape: q.shape) { out in
            seen.withUnsafeMutableBufferPointer { seen in
                for row in 0..<(batch * heads) {
                    let wanted = watched.firstIndex(of: row % heads)
                    let place = wanted.map { seen.baseAddress! + (row / heads * watched.count + $0) * rows * length }
                    Reference.attention(
                        q: q.storage.pointer + row * rows * headWidth,
                        k: keyStore.storage.pointer + row * capacity * headWidth,
                        v: valueStore.storage.pointer + row * capacity * headWidth,
                        out: out.baseAddress! + row * rows * headWidth, rows: rows, length: length, width: headWidth,
                        scale: scale, causal: true, probabilities: place, bias: { _, _ in 0 })
                }
            }
        }
        return (output, seen)
    }
}
