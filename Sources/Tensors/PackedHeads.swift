import CKernels

/// Keys and values of a number of heads in the order that the product kernels read: panels of 64 columns.
struct PackedHeads: Sendable {
    let heads: Int
    let width: Int
    /// Whether they are kept in bfloat16, else in 32 bits.
    let isHalf: Bool
    /// Positions there is room for, a whole number of panels.
    private(set) var capacity: Int
    /// Per head: `[capacity / 64, width, 64]`, in bfloat16 with pairs of `width` side by side. Tensors for their memory.
    private var keys: Tensor
    /// Per head: `[panels of width, capacity, 64]`, in bfloat16 with pairs of positions side by side.
    private var values: Tensor

    private var keyBytes: Int { ck_key_bytes(capacity, width, isHalf) }
    private var valueBytes: Int { ck_value_bytes(capacity, width, isHalf) }
    private var valuePanels: Int { (width + CK_PANEL - 1) / CK_PANEL }

    init(heads: Int = 1, width: Int, capacity: Int, isHalf: Bool = false) {
        (self.heads, self.width, self.isHalf) = (heads, width, isHalf)
        self.capacity = (max(capacity, 1) + CK_PANEL - 1) / CK_PANEL * CK_PANEL
        keys = Tensor(zeros: [heads * ck_key_bytes(self.capacity, width, isHalf) / MemoryLayout<Float>.size])
        values = Tensor(zeros: [heads * ck_value_bytes(self.capacity, width, isHalf) / MemoryLayout<Float>.size])
    }

    /// The first `length` positions of all heads of `other`, `times` over.
    init(_ other: PackedHeads, times: Int = 1, keeping length: Int, capacity: Int) {
        self.init(heads: times * other.heads, width: other.width, capacity: capacity, isHalf: other.isHalf)
        let (count, panels, keyBytes) = (heads, valuePanels, keyBytes)
        let (rowBytes, otherRowBytes) = (valueBytes / panels, other.valueBytes / panels)
        keys.withUnsafeMutableBytes { out in
            for head in 0..<count {
                (out + head * keyBytes).copyMemory(
                    from: UnsafeRawPointer(other.keys.storage.pointer) + head % other.heads * other.keyBytes,
                    byteCount: ck_key_bytes(length, other.width, other.isHalf))
            }
        }
        values.withUnsafeMutableBytes { out in
            for row in 0..<(count * panels) {
                (out + row * rowBytes).copyMemory(
                    from: UnsafeRawPointer(other.values.storage.pointer) + row % (other.heads * panels) * otherRowBytes,
                    byteCount: min(rowBytes, otherRowBytes))
            }
        }
    }

    /// Makes room for `needed` positions and keeps the first `length`.
    mutating func reserve(_ needed: Int, keeping length: Int) {
        guard needed > capacity else { return }
        self = PackedHeads(self, keeping: length, capacity: max(needed, capacity * 2))
    }

    /// Writes `count` rows of `width` at position `start`.
    mutating func write(
        keys newKeys: UnsafePointer<Float>, values newValues: UnsafePointer<Float>, count: Int, head: Int, at start: Int
    ) throws {
        let (keyBytes, valueBytes, width, capacity, isHalf) = (keyBytes, valueBytes, width, capacity, isHalf)
        let wroteKeys = keys.withUnsafeMutableBytes {
            ck_pack_columns(newKeys, width, count, width, isHalf, $0 + head * keyBytes, start)
        }
        let wroteValues = values.withUnsafeMutableBytes {
            ck_pack_rows(newValues, width, count, width, isHalf, $0 + head * valueBytes, capacity, start)
        }
        guard wroteKeys, wroteValues else {
            throw TensorError.kernel(op: "attention", message: "no memory for \(count) positions")
        }
    }

    /// The first `length` keys and values of a head, `[length, width]` each.
    func read(
        head: Int, length: Int, keys outKeys: UnsafeMutablePointer<Float>, values outValues: UnsafeMutablePointer<Float>
    ) {
        let keys = UnsafeRawPointer(keys.storage.pointer) + head * keyBytes
        let values = UnsafeRawPointer(values.storage.pointer) + head * valueBytes
        let (panel, pair) = (CK_PANEL, isHalf ? 2 : 1)
        func element(_ memory: UnsafeRawPointer, _ index: Int) -> Float {
            isHalf
                ? Float(bitPattern: UInt32(memory.load(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
                : memory.load(fromByteOffset: 4 * index, as: Float.self)
        }
        let padded = (width + pair - 1) / pair * pair
        for t in 0..<length {
            for i in 0..<width {
                outKeys[t * width + i] = element(
                    keys, t / panel * panel * padded + (i / pair * panel + t % panel) * pair + i % pair)
                outValues[t * width + i] = element(
                    values, i / panel * capacity * panel + (t / pair * panel + i % panel) * pair + t % pair)
            }
        }
    }

    /// One head's attention: `q` and `out` `[rows, width]`, `probabilities [rows, length]`.
    func attend(
        _ q: UnsafePointer<Float>, head: Int, rows: Int, length: Int, scale: Float, causal: Bool,
        bias: UnsafePointer<Float>?,
        biasSteps: (row: Int, column: Int), probabilities: UnsafeMutablePointer<Float>?,
        into out: UnsafeMutablePointer<Float>
    ) throws {
        var call = ck_attention_head()
        (call.q, call.q_step, call.out, call.out_step) = (q, width, out, width)
        call.keys = UnsafeRawPointer(keys.storage.pointer) + head * keyBytes
        call.values = UnsafeRawPointer(values.storage.pointer) + head * valueBytes
        (call.bfloat16, call.rows, call.width, call.length, call.capacity) = (isHalf, rows, width, length, capacity)
        (call.scale, call.causal, call.probabilities) = (scale, causal, probabilities)
        (call.bias, call.bias_row_step, call.bias_column_step) = (bias, biasSteps.row, biasSteps.column)
        guard ck_attention(&call) else {
            throw TensorError.kernel(op: "attention", message: "no memory for \(rows) rows of \(length)")
        }
    }
}

extension Tensor {
    fileprivate mutating func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawPointer) throws -> R) rethrows -> R {
        try withUnsafeMutableBufferPointer { try body(UnsafeMutableRawPointer($0.baseAddress!)) }
    }
}
