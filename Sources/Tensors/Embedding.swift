/// A table of vectors.
public struct Embedding: Sendable {
    /// `[V, D]`.
    public let weight: Tensor
    /// Number of vectors, `V`.
    public var vocabulary: Int { weight.shape[0] }
    /// Length of a vector, `D`.
    public var width: Int { weight.shape[1] }

    /// - Parameter weight: `[V, D]`.
    public init(weight: Tensor) throws {
        guard weight.shape.count == 2 else {
            throw TensorError.shape(op: "Embedding", expected: "a weight of [V, D]", found: weight.shape)
        }
        self.weight = weight
    }

    /// - Parameter ids: Each in `0..<V`.
    /// - Returns: `[ids.count, D]`.
    /// - Throws: `TensorError.range` for an id outside of the table.
    public func callAsFunction(_ ids: [Int32]) throws -> Tensor {
        if let wrong = ids.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
            throw TensorError.range(op: "Embedding", expected: "an id in 0..<\(vocabulary)", found: Int(wrong))
        }
        let width = width
        return Tensor(shape: [ids.count, width]) { out in
            for (row, id) in ids.enumerated() {
                (out.baseAddress! + row * width).update(from: weight.storage.pointer + Int(id) * width, count: width)
            }
        }
    }
}
