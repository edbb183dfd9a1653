/// How a layer keeps its weights. Sums are always in 32 bits.
public enum Precision: String, Sendable, Codable, CaseIterable {
    case float32
    /// Half the memory to read. With many rows at a time the activations are rounded to bfloat16 as well.
    case bfloat16
}

/// `y = x Wᵀ + b`.
public struct Linear: Sendable {
    public let inputs: Int
    public let outputs: Int
    let weight: Tensor
    let bias: Tensor?

    /// - Parameters:
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`.
    /// - Throws: `TensorError.shape` if they do not fit.
    public init(weight: Tensor, bias: Tensor?, precision: Precision) throws {
        guard weight.shape.count == 2 else {
            throw TensorError.shape(op: "Linear", expected: "a weight of [outputs, inputs]", found: weight.shape)
        }
        (outputs, inputs) = (weight.shape[0], weight.shape[1])
        guard bias == nil || bias?.shape == [outputs] else {
            throw TensorError.shape(op: "Linear", expected: "a bias of [\(outputs)]", found: bias?.shape ?? [])
        }
        self.weight = precision == .bfloat16 ? Reference.roundedToBFloat16(weight) : weight
        self.bias = bias
    }

    /// - Parameter x: `[..., inputs]`.
    /// - Returns: `[..., outputs]`.
    /// - Throws: `TensorError.shape` if the last axis is not `inputs`.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        guard x.shape.last == inputs else {
            throw TensorError.shape(op: "Linear", expected: "[..., \(inputs)]", found: x.shape)
        }
        return Tensor(shape: x.shape.dropLast() + [outputs]) { out in
            Reference.linear(
                x.storage.pointer, weight.storage.pointer, bias?.storage.pointer, out.baseAddress!,
                rows: x.count / max(inputs, 1), inputs: inputs, outputs: outputs)
        }
    }
}
