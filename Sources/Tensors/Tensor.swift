/// A row-major, contiguous block of 32-bit floats with a shape; a value, copied on write.
///
/// Axes may have length 0. Shapes in this project read `B` batch, `T` time, `C` or `D` channels, `H` heads,
/// `V` vocabulary.
public struct Tensor: Sendable, Equatable {
    public let shape: [Int]
    /// Number of elements.
    public let count: Int
    var storage: TensorStorage

    /// Elements not yet written; for operations that write every one.
    init(uninitialized shape: [Int]) {
        precondition(shape.allSatisfy { $0 >= 0 }, "negative length in shape \(shape)")
        self.shape = shape
        count = shape.reduce(1, *)
        storage = TensorStorage(uninitialized: count)
    }

    private init(storage: TensorStorage, shape: [Int]) {
        self.storage = storage
        self.shape = shape
        count = storage.count
    }

    public init(zeros shape: [Int]) { self.init(repeating: 0, shape: shape) }

    public init(repeating value: Float, shape: [Int]) {
        self.init(uninitialized: shape)
        storage.pointer.update(repeating: value, count: count)
    }

    /// - Throws: `TensorError.shape` unless the shape holds exactly `values.count` elements.
    public init(_ values: [Float], shape: [Int]) throws {
        guard shape.allSatisfy({ $0 >= 0 }), shape.reduce(1, *) == values.count else {
            throw TensorError.shape(op: "Tensor", expected: "a shape of \(values.count) elements", found: shape)
        }
        self.init(uninitialized: shape)
        values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { storage.pointer.update(from: base, count: source.count) }
        }
    }

    /// A tensor whose elements `fill` writes, all of them.
    public init(
        shape: [Int], filledBy fill: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) rethrows {
        self.init(uninitialized: shape)
        try fill(UnsafeMutableBufferPointer(start: storage.pointer, count: count))
    }

    /// A tensor of memory that belongs to someone else, such as a mapped file: read where it is, copied before the tensor is
    /// changed.
    /// - Parameters:
    ///   - lent: as many elements as the shape has, at least one; must stay and not change until it is given back.
    ///   - giveBack: called once no tensor reads it any more.
    public init(lent: UnsafeBufferPointer<Float>, shape: [Int], giveBack: @escaping @Sendable () -> Void) {
        precondition(lent.count > 0 && shape.reduce(1, *) == lent.count, "\(lent.count) elements for shape \(shape)")
        self.init(storage: TensorStorage(lent: lent, giveBack: giveBack), shape: shape)
    }

    /// A copy of the elements in row-major order.
    public var values: [Float] { Array(UnsafeBufferPointer(start: storage.pointer, count: count)) }

    /// One element. For tests and scalars; loops should use the buffer.
    public subscript(_ indices: Int...) -> Float {
        precondition(indices.count == shape.count, "\(indices.count) indices for shape \(shape)")
        var offset = 0
        for (index, length) in zip(indices, shape) {
            precondition(index >= 0 && index < length, "index \(indices) outside of \(shape)")
            offset = offset * length + index
        }
        return storage.pointer[offset]
    }

    public func withUnsafeBufferPointer<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
        try withExtendedLifetime(storage) {
            try body(UnsafeBufferPointer(start: storage.pointer, count: count))
        }
    }

    public mutating func withUnsafeMutableBufferPointer<R>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
    ) rethrows -> R {
        if storage.isLent || !isKnownUniquelyReferenced(&storage) { storage = storage.copy() }
        return try body(UnsafeMutableBufferPointer(start: storage.pointer, count: count))
    }

    /// The same elements under another shape; nothing is copied. One length may be -1: it is worked out.
    public func reshaped(_ newShape: [Int]) throws -> Tensor {
        var shape = newShape
        if let open = shape.firstIndex(of: -1) {
            let known = shape.enumerated().reduce(1) { $1.offset == open ? $0 : $0 * $1.element }
            shape[open] = known > 0 ? count / known : 0
        }
        guard shape.allSatisfy({ $0 >= 0 }), shape.reduce(1, *) == count else {
            throw TensorError.shape(op: "reshaped", expected: "a shape of \(count) elements", found: newShape)
        }
        return Tensor(storage: storage, shape: shape)
    }

    /// Equal shapes and equal elements (so NaN is unlike itself).
    public static func == (a: Tensor, b: Tensor) -> Bool {
        guard a.shape == b.shape else { return false }
        if a.storage === b.storage { return !a.withUnsafeBufferPointer { $0.contains { $0.isNaN } } }
        return a.withUnsafeBufferPointer { x in b.withUnsafeBufferPointer { y in x.elementsEqual(y) } }
    }
}

extension Tensor: CustomStringConvertible {
    public var description: String {
        let shown = withUnsafeBufferPointer { $0.prefix(8).map { "\($0)" }.joined(separator: ", ") }
        return "Tensor\(shape)[\(shown)\(count > 8 ? ", …" : "")]"
    }
}
