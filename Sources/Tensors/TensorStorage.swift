/// A block of floats. Our own lie on a 64-byte boundary, so that a row of a whole number of cache lines never straddles one;
/// lent ones lie where they lie, and are never written to.
///
/// `@unchecked Sendable`: `Tensor` owns it alone while it writes (`isKnownUniquelyReferenced`), and shares it only to
/// read.
final class TensorStorage: @unchecked Sendable {
    private enum Owner {
        case malloc
        case pool(MemoryPool.Memory)
        /// Somebody else, who wants it back.
        case lender(@Sendable () -> Void)
    }

    let pointer: UnsafeMutablePointer<Float>
    let count: Int
    private let owner: Owner
    var isLent: Bool { if case .lender = owner { true } else { false } }

    /// Memory as it comes; whoever makes it must write all of it.
    init(uninitialized count: Int) {
        self.count = count
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        if bytes >= MemoryPool.shared.leastBytes {
            let memory = MemoryPool.shared.take(bytes)
            pointer = memory.start.assumingMemoryBound(to: Float.self)
            owner = .pool(memory)
        } else {
            pointer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
                .assumingMemoryBound(to: Float.self)
            owner = .malloc
        }
    }

    /// - Parameter giveBack: called when nobody reads the memory any more.
    init(lent: UnsafeBufferPointer<Float>, giveBack: @escaping @Sendable () -> Void) {
        count = lent.count
        pointer = UnsafeMutablePointer(mutating: lent.baseAddress!)
        owner = .lender(giveBack)
    }

    func copy() -> TensorStorage {
        let other = TensorStorage(uninitialized: count)
        other.pointer.update(from: pointer, count: count)
        return other
    }

    deinit {
        switch owner {
        case .malloc: UnsafeMutableRawPointer(pointer).deallocate()
        case .pool(let memory): MemoryPool.shared.giveBack(memory)
        case .lender(let giveBack): giveBack()
        }
    }
}
