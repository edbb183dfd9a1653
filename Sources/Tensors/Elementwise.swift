import CKernels

// One element in, one out; and rows into rows.

extension Tensor {
    private func applied(_ function: ck_function, parameter: Float = 0) -> Tensor {
        Tensor(shape: shape) { ck_apply(function, storage.pointer, $0.baseAddress!, count, parameter) }
    }

    public func relu() -> Tensor { applied(CK_RELU) }
    public func leakyReLU(slope: Float) -> Tensor { applied(CK_LEAKY_RELU, parameter: slope) }
    /// `x` above 0, `exp(x) - 1` below.
    public func elu() -> Tensor { applied(CK_ELU) }
    public func silu() -> Tensor { applied(CK_SILU) }
    /// The exact form, by the error function.
    public func gelu() -> Tensor { applied(CK_GELU) }
    /// The form by tanh, GPT-2's `gelu_new`.
    public func geluTanh() -> Tensor { applied(CK_GELU_TANH) }
    public func mish() -> Tensor { applied(CK_MISH) }
    public func tanh() -> Tensor { applied(CK_TANH) }
    public func sigmoid() -> Tensor { applied(CK_SIGMOID) }
    public func exp() -> Tensor { applied(CK_EXP) }
    public func sin() -> Tensor { applied(CK_SIN) }
    public func cos() -> Tensor { applied(CK_COS) }
    public func clamped(_ range: ClosedRange<Float>) -> Tensor {
        Tensor(shape: shape) { ck_clamp(storage.pointer, range.lowerBound, range.upperBound, $0.baseAddress!, count) }
    }

    /// `silu(first half) * second half` of the last axis: the middle of a SwiGLU.
    public func siluGated() throws -> Tensor {
        guard let last = shape.last, last % 2 == 0 else {
            throw TensorError.shape(op: "siluGated", expected: "an even last axis", found: shape)
        }
        let half = last / 2
        return Tensor(shape: shape.dropLast() + [half]) { out in
            ck_silu_gate(storage.pointer, out.baseAddress!, out.count / max(half, 1), half)
        }
    }

    /// Along the last axis.
    public func softmax() throws -> Tensor {
        guard let last = shape.last else {
            throw TensorError.shape(op: "softmax", expected: "at least one axis", found: shape)
        }
        return Tensor(shape: shape) { out in
            ck_softmax(storage.pointer, out.baseAddress!, count / max(last, 1), last)
        }
    }

    /// `x + sin²(alpha x) / alpha`, the Snake activation.
    /// - Parameter alpha: `[C]`; self is `[..., C]`.
    public func snake(alpha: Tensor) throws -> Tensor {
        guard let channels = shape.last, alpha.shape == [channels] else {
            throw TensorError.shape(op: "snake", expected: "alpha of \(shape.suffix(1))", found: alpha.shape)
        }
        return Tensor(shape: shape) { out in
            ck_snake(storage.pointer, alpha.storage.pointer, out.baseAddress!, count / max(channels, 1), channels)
        }
    }
}
