import CKernels
import Synchronization

/// The machine's cores, shared by all that compute: what one thread has to do is divided over those that are idle.
public enum Cores {
    /// How many may compute at once in this process; 1 until told. It only grows.
    public static var count: Int {
        get { ck_cores() }
        set { ck_set_cores(max(newValue, 1)) }
    }

    /// Runs `body` on this thread, and lets others know that its core is taken.
    public static func working<R>(_ body: () throws -> R) rethrows -> R {
        ck_begin_work()
        defer { ck_end_work() }
        return try body()
    }

    /// Runs `body`, which waits for another thread, and leaves this one's core to others meanwhile.
    public static func waiting<R>(_ body: () throws -> R) rethrows -> R {
        guard ck_is_working() else { return try body() }
        ck_end_work()
        defer { ck_begin_work() }
        return try body()
    }

    private struct Call: ~Copyable {
        let body: @Sendable (Int) throws -> Void
        let failure = Mutex<(any Error)?>(nil)
    }

    /// `body` once for every index below `count`, at the same time on the cores that are idle.
    /// - Parameter work: multiplications or as much, in all; too little to share stays on this thread.
    /// - Throws: an error of one of them; the others run nevertheless.
    public static func forEach(
        _ count: Int, ifWorth work: Int = .max, _ body: @Sendable (Int) throws -> Void
    ) throws {
        if count <= 1 || work < 1 << 18 || ck_cores() == 1 {
            for index in 0..<count { try body(index) }
            return
        }
        try withoutActuallyEscaping(body) { body in
            var call = Call(body: body)
            try withUnsafeMutablePointer(to: &call) { pointer in
                ck_parallel(
                    count,
                    { context, index in
                        let call = context!.assumingMemoryBound(to: Call.self)
                        do { try call.pointee.body(index) } catch { call.pointee.failure.withLock { $0 = $0 ?? error } }
                    }, pointer)
                if let error = pointer.pointee.failure.withLock({ $0 }) { throw error }
            }
        }
    }
}

extension Tensor {
    /// `body` of blocks of rows, each `[rows, C]` to `[rows, width]`, over the idle cores; a block stays in a core's cache
    /// while the operations in `body` go over it. No row may bear on another.
    /// - Returns: this shape with `width` for the last axis.
    public func mapRows(to width: Int, _ body: @Sendable (Tensor) throws -> Tensor) throws -> Tensor {
        try Self.mapRows([self], to: width) { try body($0[0]) }
    }

    /// The same over the rows of two tensors, `[..., C]` and `[..., D]`.
    public func mapRows(
        with other: Tensor, to width: Int, _ body: @Sendable (Tensor, Tensor) throws -> Tensor
    ) throws -> Tensor {
        guard other.shape.dropLast() == shape.dropLast() else {
            throw TensorError.shape(op: "mapRows", expected: "the rows of \(shape)", found: other.shape)
        }
        return try Self.mapRows([self, other], to: width) { try body($0[0], $0[1]) }
    }

    private static func mapRows(
        _ parts: [Tensor], to width: Int, _ body: @Sendable ([Tensor]) throws -> Tensor
    ) throws -> Tensor {
        let leading = parts[0].shape.dropLast()
        let rows = leading.reduce(1, *)
        let block = blockRows(rows)
        return try Tensor(shape: leading + [width]) { out in
            guard rows > 0 else { return }
            nonisolated(unsafe) let to = out.baseAddress!
            try Cores.forEach((rows + block - 1) / block) { index in
                let first = index * block
                let count = min(block, rows - first)
                let y = try body(
                    parts.map { part in
                        let channels = part.count / rows
                        return Tensor(shape: [count, channels]) {
                            $0.baseAddress!.update(
                                from: part.storage.pointer + first * channels, count: count * channels)
                        }
                    })
                guard y.shape == [count, width] else {
                    throw TensorError.shape(op: "mapRows", expected: "[\(count), \(width)]", found: y.shape)
                }
                (to + first * width).update(from: y.storage.pointer, count: count * width)
            }
        }
    }

    /// About 48 rows, a whole number of the products' tiles: enough blocks that no core waits long for another's last.
    private static func blockRows(_ rows: Int) -> Int {
        let cores = Cores.count
        let perCore = max(1, (rows + 48 * cores - 1) / (48 * cores))
        let size = (rows + perCore * cores - 1) / (perCore * cores)
        return max(24, (size + 5) / 6 * 6)
    }
}
