/// A block of floats. Our own lie on a 64-byte boundary, so that a row of a whole number of cache lines never straddles one;
/// lent ones lie where they lie, and are never written to.
///
/// `@unchecked Sendable`: `Tensor` owns it alone while it writes (`isKnownUniquelyReferenced`), and shares it only to
/// read.
final class TensorStorage: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int
    /// Of memory that is lent.
    private let giveBack: (@Sendable () -> Void)?
    var isLent: Bool { giveBack != nil }

    /// Memory as it comes; whoever makes it must write all of it.
    init(uninitialized count: Int) {
        self.count = count
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        pointer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64).assumingMemoryBound(to: Float.self)
        giveBack = nil
    }

    /// - Parameter giveBack: called when nobody reads the memory any more.
    init(lent: UnsafeBufferPointer<Float>, giveBack: @escaping @Sendable () -> Void) {
        count = lent.count
        pointer = UnsafeMutablePointer(mutating: lent.baseAddress!)
        self.giveBack = giveBack
    }

    func copy() -> TensorStorage {
        let other = TensorStorage(uninitialized: count)
        other.pointer.update(from: pointer, count: count)
        return other
    }

    deinit {
        if let giveBack { giveBack() } else { UnsafeMutableRawPointer(pointer).deallocate() }
    }
}
