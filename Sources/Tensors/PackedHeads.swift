import CKernels

/// Keys and values of a number of heads in the order that the product kernels read: panels of 64 columns.
struct PackedHeads: Sendable {
    let heads: Int
    let width: Int
    /// Positions there is room for, a whole number of panels.
    private(set) var capacity: Int
    /// Per head: `[capacity / 64, width, 64]`.
    private var keys: Tensor
    /// Per head: `[panels of width, capacity, 64]`.
    private var values: Tensor

    private var valuePanels: Int { (width + CK_PANEL - 1) / CK_PANEL }
    private var keyCount: Int { capacity * width }
    private var valueCount: Int { valuePanels * capacity * CK_PANEL }

    init(heads: Int = 1, width: Int, capacity: Int) {
        let panel = CK_PANEL
        self.heads = heads
        self.width = width
        self.capacity = (max(capacity, 1) + panel - 1) / panel * panel
        keys = Tensor(zeros: [heads * self.capacity * width])
        values = Tensor(zeros: [heads * ((width + panel - 1) / panel) * self.capacity * panel])
    }

    /// The first `length` positions of all heads of `other`, `times` over.
    init(_ other: PackedHeads, times: Int = 1, keeping length: Int, capacity: Int) {
        self.init(heads: times * other.heads, width: other.width, capacity: capacity)
        let (panel, width, panels) = (CK_PANEL, width, valuePanels)
        let (count, keyCount, capacity) = (heads, keyCount, self.capacity)
        let kept = (length + panel - 1) / panel * panel
        keys.withUnsafeMutableBufferPointer { out in
            for head in 0..<count {
                (out.baseAddress! + head * keyCount).update(
                    from: other.keys.storage.pointer + head % other.heads * other.keyCount, count: kept * width)
            }
        }
        values.withUnsafeMutableBufferPointer { out in
            for row in 0..<(count * panels) {
                (out.baseAddress! + row * capacity * panel).update(
                    from: other.values.storage.pointer + row % (other.heads * panels) * other.capacity * panel,
                    count: length * panel)
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
    ) {
        let (keyCount, valueCount, width, capacity) = (keyCount, valueCount, width, capacity)
        keys.withUnsafeMutableBufferPointer {
            ck_pack_columns(newKeys, count, width, $0.baseAddress! + head * keyCount, start)
        }
        values.withUnsafeMutableBufferPointer {
            ck_pack_rows(newValues, count, width, $0.baseAddress! + head * valueCount, capacity, start)
        }
    }

    /// The first `length` keys and values of a head, `[length, width]` each.
    func read(
        head: Int, length: Int, keys outKeys: UnsafeMutablePointer<Float>, values outValues: UnsafeMutablePointer<Float>
    ) {
        let panel = CK_PANEL
        for t in 0..<length {
            for i in 0..<width {
                outKeys[t * width + i] =
                    keys.storage.pointer[head * keyCount + t / panel * panel * width + i * panel + t % panel]
                outValues[t * width + i] =
                    values.storage.pointer[head * valueCount + (i / panel * capacity + t) * panel + i % panel]
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
        var call = ck_attention_head(
            q: q, keys: keys.storage.pointer + head * keyCount, values: values.storage.pointer + head * valueCount,
            out: out,
            rows: rows, width: width, length: length, capacity: capacity, scale: scale, causal: causal, bias: bias,
            bias_row_step: biasSteps.row, bias_column_step: biasSteps.column, probabilities: probabilities)
        guard ck_attention(&call) else {
            throw TensorError.kernel(op: "attention", message: "no memory for \(rows) rows of \(length)")
        }
    }
}
