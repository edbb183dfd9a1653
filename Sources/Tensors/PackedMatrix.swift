import CKernels

/// A weight and its bias, packed once for the product kernels.
///
/// `@unchecked Sendable`: the C side never writes to a matrix after it has made it.
final class PackedMatrix: @unchecked Sendable {
    let inputs: Int
    let outputs: Int
    private let matrix: OpaquePointer
    /// What has the panels, if they aren't this matrix's own.
    private let kept: PackedBytes?

    /// - Parameters:
    ///   - weight: Element (output, input) at `output * outputStep + input * inputStep`.
    ///   - bias: `outputs` floats.
    init(
        weight: UnsafePointer<Float>, outputs: Int, inputs: Int, outputStep: Int, inputStep: Int,
        bias: UnsafePointer<Float>?,
        precision: Precision
    ) throws {
        guard
            let matrix = ck_matrix_create(weight, outputs, inputs, outputStep, inputStep, bias, precision.raw)
        else { throw TensorError.kernel(op: "PackedMatrix", message: "no memory for [\(outputs), \(inputs)]") }
        (self.matrix, self.inputs, self.outputs, kept) = (matrix, inputs, outputs, nil)
    }

    private init(kept: PackedBytes, outputs: Int, inputs: Int, bias: UnsafePointer<Float>?, precision: Precision) throws
    {
        guard let matrix = ck_matrix_adopt(kept.bytes.baseAddress, outputs, inputs, bias, precision.raw) else {
            throw TensorError.kernel(op: "PackedMatrix", message: "no memory for [\(outputs), \(inputs)]")
        }
        (self.matrix, self.inputs, self.outputs, self.kept) = (matrix, inputs, outputs, kept)
    }

    /// The matrix that the weight's store has kept; else a new one, for the store to keep.
    static func of(
        _ weight: Weight, outputs: Int, inputs: Int, outputStep: Int, inputStep: Int, bias: Tensor?,
        precision: Precision
    ) throws -> PackedMatrix {
        func packed() throws -> PackedMatrix {
            try weight.tensor().withUnsafeBufferPointer {
                try PackedMatrix(
                    weight: $0.baseAddress!, outputs: outputs, inputs: inputs, outputStep: outputStep,
                    inputStep: inputStep, bias: bias?.storage.pointer, precision: precision)
            }
        }
        let byteCount = ck_matrix_bytes(outputs, inputs, precision.raw)
        guard let store = weight.store, byteCount > 0 else { return try packed() }
        let key = "\(weight.key) \(precision.rawValue) \(outputs)x\(inputs)"
        if let kept = store.packed(key, byteCount: byteCount) {
            return try PackedMatrix(
                kept: kept, outputs: outputs, inputs: inputs, bias: bias?.storage.pointer, precision: precision)
        }
        let new = try packed()
        store.keep(
            PackedBytes(UnsafeRawBufferPointer(start: ck_matrix_packed(new.matrix), count: byteCount), owner: new),
            as: key)
        return new
    }

    deinit { ck_matrix_destroy(matrix) }

    /// "oneDNN" or "own": what products of many rows run on.
    var backend: String { String(cString: ck_matrix_backend(matrix)) }

    /// `out [rows, outputs]`. A row of `x` is `taps` pieces, `tapStep` apart; rows are `rowStep` apart.
    func multiply(
        _ x: UnsafePointer<Float>, rowStep: Int, taps: Int = 1, tapStep: Int = 0, rows: Int,
        into out: UnsafeMutablePointer<Float>
    ) throws {
        guard ck_matrix_multiply(matrix, x, rowStep, taps, tapStep, out, rows) else {
            throw TensorError.kernel(op: "product", message: "no memory for \(rows) rows of \(inputs)")
        }
    }
}

extension Precision {
    fileprivate var raw: ck_precision {
        switch self {
        case .float32: CK_FLOAT32
        case .bfloat16: CK_BFLOAT16
        case .int8: CK_INT8
        }
    }
}
