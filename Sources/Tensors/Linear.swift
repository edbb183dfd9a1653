/// How a layer keeps its weights. Sums are always in 32 bits.
public enum Precision: String, Sendable, Codable, CaseIterable {
    case float32
    /// Half the memory. Activations are rounded to bfloat16 as well where the CPU multiplies such pairs.
    case bfloat16
    /// A quarter of it: each output has a scale of its own. Activations keep 16 bits.
    case int8
}

/// `y = x Wᵀ + b`.
public struct Linear: Sendable {
    /// A product of up to so many rows gives each of them what it would get alone, bit for bit: what decoders of several
    /// sessions share a product for.
    public static let independentRows = 48

    public let inputs: Int
    public let outputs: Int
    let matrix: PackedMatrix

    /// - Parameters:
    ///   - weight: `[outputs, inputs]`, or `[inputs, outputs]` if it is transposed.
    ///   - bias: `[outputs]`.
    /// - Throws: `TensorError.shape` if they do not fit.
    public init(weight: Tensor, isTransposed: Bool = false, bias: Tensor?, precision: Precision) throws {
        try self.init(weight: Weight(weight), isTransposed: isTransposed, bias: bias, precision: precision)
    }

    /// The same, of a weight that may have been packed before.
    public init(weight: Weight, isTransposed: Bool = false, bias: Tensor?, precision: Precision) throws {
        guard weight.shape.count == 2 else {
            throw TensorError.shape(op: "Linear", expected: "a weight of [outputs, inputs]", found: weight.shape)
        }
        (outputs, inputs) = (weight.shape[isTransposed ? 1 : 0], weight.shape[isTransposed ? 0 : 1])
        guard bias == nil || bias?.shape == [outputs] else {
            throw TensorError.shape(op: "Linear", expected: "a bias of [\(outputs)]", found: bias?.shape ?? [])
        }
        matrix = try PackedMatrix.of(
            weight, outputs: outputs, inputs: inputs, outputStep: isTransposed ? 1 : inputs,
            inputStep: isTransposed ? outputs : 1, bias: bias, precision: precision)
    }

    /// - Parameter x: `[..., inputs]`.
    /// - Returns: `[..., outputs]`.
    /// - Throws: `TensorError.shape` if the last axis is not `inputs`.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        guard x.shape.last == inputs else {
            throw TensorError.shape(op: "Linear", expected: "[..., \(inputs)]", found: x.shape)
        }
        return try Tensor(shape: x.shape.dropLast() + [outputs]) { out in
            try matrix.multiply(
                x.storage.pointer, rowStep: inputs, rows: x.shape.dropLast().reduce(1, *), into: out.baseAddress!)
        }
    }
}
