/// A block of floats on a 64-byte boundary, so that a row of a whole number of cache lines never straddles one.
///
/// `@unchecked Sendable`: `Tensor` owns it alone while it writes (`isKnownUniquelyReferenced`), and shares it only to
/// read.
final class TensorStorage: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int

    /// Memory as it comes; whoever makes it must write all of it.
    init(uninitialized count: Int) {
        self.count = count
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        pointer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64).assumingMemoryBound(to: Float.self)
    }

    func copy() -> TensorStorage {
        let other = TensorStorage(uninitialized: count)
        other.pointer.update(from: pointer, count: count)
        return other
    }

    deinit { UnsafeMutableRawPointer(pointer).deallocate() }
}
