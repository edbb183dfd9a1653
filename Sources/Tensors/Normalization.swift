import CKernels

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias` along the last axis.
public struct LayerNorm: Sendable {
    let weight: Tensor
    let bias: Tensor?
    let epsilon: Float

    /// - Parameters:
    ///   - weight: `[C]`.
    ///   - bias: `[C]`.
    public init(weight: Tensor, bias: Tensor?, epsilon: Float = 1e-5) throws {
        guard weight.shape.count == 1, bias == nil || bias?.shape == weight.shape else {
            throw TensorError.shape(op: "LayerNorm", expected: "weight and bias of [C]", found: weight.shape)
        }
        (self.weight, self.bias, self.epsilon) = (weight, bias, epsilon)
    }

    /// - Parameter x: `[..., C]`.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        let width = weight.count
        guard x.shape.last == width else {
            throw TensorError.shape(op: "LayerNorm", expected: "[..., \(width)]", found: x.shape)
        }
        return Tensor(shape: x.shape) { out in
            ck_layer_norm(
                x.storage.pointer, weight.storage.pointer, bias?.storage.pointer, out.baseAddress!,
                x.count / max(width, 1),
                width, epsilon)
        }
    }
}

/// `x / sqrt(mean(x²) + epsilon) * weight` along the last axis.
public struct RMSNorm: Sendable {
    let weight: Tensor
    let epsilon: Float

    /// - Parameter weight: `[C]`.
    public init(weight: Tensor, epsilon: Float) throws {
        guard weight.shape.count == 1 else {
            throw TensorError.shape(op: "RMSNorm", expected: "a weight of [C]", found: weight.shape)
        }
        (self.weight, self.epsilon) = (weight, epsilon)
    }

    /// - Parameter x: `[..., C]`.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        let width = weight.count
        guard x.shape.last == width else {
            throw TensorError.shape(op: "RMSNorm", expected: "[..., \(width)]", found: x.shape)
        }
        return Tensor(shape: x.shape) { out in
            ck_rms_norm(
                x.storage.pointer, weight.storage.pointer, out.baseAddress!, x.count / max(width, 1), width, epsilon)
        }
    }
}

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias` along the last axis, with the mean and the variance that
/// training has measured: torch's `BatchNorm` in evaluation.
public struct BatchNorm: Sendable {
    private let scale: Tensor
    private let shift: Tensor

    /// All of `[C]`.
    public init(mean: Tensor, variance: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Float = 1e-5) throws {
        for part in [mean, variance, weight ?? mean, bias ?? mean] where part.shape != [mean.count] {
            throw TensorError.shape(op: "BatchNorm", expected: "four times [\(mean.count)]", found: part.shape)
        }
        let inverse = Tensor(shape: variance.shape) { out in
            for i in 0..<out.count { out[i] = 1 / (variance.storage.pointer[i] + epsilon).squareRoot() }
        }
        scale = try weight.map { try inverse * $0 } ?? inverse
        let centre = try mean * scale
        shift = try bias.map { try $0 - centre } ?? centre * -1
    }

    /// - Parameter x: `[..., C]`.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        guard x.shape.last == scale.count else {
            throw TensorError.shape(op: "BatchNorm", expected: "[..., \(scale.count)]", found: x.shape)
        }
        return try x * scale + shift
    }
}
