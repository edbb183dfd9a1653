import CKernels

/// A layer's weight before it is packed. Its numbers are read when they are needed: never, if a store has kept what packing
/// made of them.
public struct Weight: Sendable {
    public let shape: [Int]
    /// What the store knows it by.
    let key: String
    let store: (any PackedStore)?
    private let read: @Sendable () throws -> Tensor

    /// One that is there already, and that nobody keeps.
    public init(_ tensor: Tensor) { self.init(key: "", shape: tensor.shape, store: nil) { tensor } }

    /// - Parameters:
    ///   - key: names these numbers among all that the store keeps.
    ///   - read: gives a tensor of this shape.
    public init(key: String, shape: [Int], store: (any PackedStore)?, read: @escaping @Sendable () throws -> Tensor) {
        (self.key, self.shape, self.store, self.read) = (key, shape, store, read)
    }

    /// The numbers, read.
    public func tensor() throws -> Tensor { try read() }

    /// The same weight in another form, made when it is read; what is made of it must depend on the weight alone.
    public func mapped(to shape: [Int], _ body: @escaping @Sendable (Tensor) throws -> Tensor) -> Weight {
        Weight(key: key, shape: shape, store: store) { [read] in try body(read()) }
    }

    /// Without an axis of length 1 at the end: a convolution over one step is a product.
    public func withoutLastAxis() -> Weight {
        let shape = Array(shape.dropLast())
        return mapped(to: shape) { try $0.reshaped(shape) }
    }

    /// One behind the other along the first axis; of the same store.
    public static func concatenated(_ parts: [Weight]) -> Weight {
        let rows = parts.reduce(0) { $0 + $1.shape[0] }
        return Weight(
            key: parts.map(\.key).joined(separator: "+"), shape: [rows] + (parts.first?.shape.dropFirst() ?? []),
            store: parts.first?.store
        ) { try Tensor.concatenated(parts.map { try $0.tensor() }, axis: 0) }
    }
}

/// Keeps packed weights, such as from one start of a program to the next.
public protocol PackedStore: Sendable {
    /// What is kept under a key; nil unless it is of this size.
    func packed(_ key: String, byteCount: Int) -> PackedBytes?
    /// Takes what was made, since there was nothing under its key.
    func keep(_ bytes: PackedBytes, as key: String)
}

/// A packed weight's memory, on a 64-byte boundary; there as long as this is held.
///
/// `@unchecked Sendable`: nobody writes to it.
public struct PackedBytes: @unchecked Sendable {
    public let bytes: UnsafeRawBufferPointer
    private let owner: any Sendable

    public init(_ bytes: UnsafeRawBufferPointer, owner: any Sendable) { (self.bytes, self.owner) = (bytes, owner) }

    /// Of what packed bytes mean; another number means others.
    public static let version = Int(CK_PACKING)

    /// Tells bytes that were damaged, not ones that somebody made up.
    public static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.baseAddress.map { ck_checksum($0, bytes.count) } ?? 0
    }
}
