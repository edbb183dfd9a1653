import CKernels

/// `a bᵀ` of the last two axes, for operands that are both activations.
/// - Parameters:
///   - a: `[..., M, K]`.
///   - b: `[..., N, K]`, the same leading axes.
/// - Returns: `[..., M, N]`.
/// - Throws: `TensorError.shape` if shapes do not fit.
public func matmulTransposed(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    guard a.shape.count >= 2, b.shape.count == a.shape.count, a.shape.last == b.shape.last,
        a.shape.dropLast(2) == b.shape.dropLast(2)
    else {
        throw TensorError.shape(op: "matmulTransposed", expected: "[..., N, K] to go with \(a.shape)", found: b.shape)
    }
    let (m, n, k) = (a.shape[a.shape.count - 2], b.shape[b.shape.count - 2], a.shape[a.shape.count - 1])
    return try Tensor(shape: a.shape.dropLast() + [n]) { out in
        for batch in 0..<a.shape.dropLast(2).reduce(1, *) {
            let (left, right) = (a.storage.pointer + batch * m * k, b.storage.pointer + batch * n * k)
            guard ck_multiply_transposed(left, right, out.baseAddress! + batch * m * n, m, n, k) else {
                throw TensorError.kernel(op: "matmulTransposed", message: "no memory for [\(n), \(k)]")
            }
        }
    }
}
