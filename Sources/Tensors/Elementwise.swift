// One element in, one out; and rows into rows.

extension Tensor {
    private func map(_ f: (Float) -> Float) -> Tensor {
        Tensor(shape: shape) { out in for i in 0..<count { out[i] = f(storage.pointer[i]) } }
    }

    public func relu() -> Tensor { map(Reference.relu) }
    public func leakyReLU(slope: Float) -> Tensor { map { Reference.leakyReLU($0, slope: slope) } }
    /// `x` above 0, `exp(x) - 1` below.
    public func elu() -> Tensor { map(Reference.elu) }
    public func silu() -> Tensor { map(Reference.silu) }
    /// The exact form, by the error function.
    public func gelu() -> Tensor { map(Reference.gelu) }
    /// The form by tanh, GPT-2's `gelu_new`.
    public func geluTanh() -> Tensor { map(Reference.geluTanh) }
    public func mish() -> Tensor { map(Reference.mish) }
    public func tanh() -> Tensor { map(Reference.tanh) }
    public func sigmoid() -> Tensor { map(Reference.sigmoid) }
    public func exp() -> Tensor { map(Reference.exp) }
    public func sin() -> Tensor { map(Reference.sin) }
    public func cos() -> Tensor { map(Reference.cos) }
    public func clamped(_ range: ClosedRange<Float>) -> Tensor {
        map { Swift.min(Swift.max($0, range.lowerBound), range.upperBound) }
    }

    /// `silu(first half) * second half` of the last axis: the middle of a SwiGLU.
    public func siluGated() throws -> Tensor {
        guard let last = shape.last, last % 2 == 0 else {
            throw TensorError.shape(op: "siluGated", expected: "an even last axis", found: shape)
        }
        let half = last / 2
        return Tensor(shape: shape.dropLast() + [half]) { out in
            for row in 0..<(half > 0 ? out.count / half : 0) {
                for i in 0..<half {
                    let x = storage.pointer + row * last + i
                    out[row * half + i] = Reference.silu(x[0]) * x[half]
                }
            }
        }
    }

    /// Along the last axis.
    public func softmax() throws -> Tensor {
        guard let last = shape.last else {
            throw TensorError.shape(op: "softmax", expected: "at least one axis", found: shape)
        }
        return Tensor(shape: shape) { out in
            for row in 0..<(last > 0 ? count / last : 0) {
                Reference.softmax(storage.pointer + row * last, out.baseAddress! + row * last, last)
            }
        }
    }

    /// `x + sin²(alpha x) / alpha`, the Snake activation.
    /// - Parameter alpha: `[C]`; self is `[B, C, T]`.
    public func snake(alpha: Tensor) throws -> Tensor {
        guard shape.count == 3 else {
            throw TensorError.shape(op: "snake", expected: "[B, C, T]", found: shape)
        }
        guard alpha.shape == [shape[1]] else {
            throw TensorError.shape(op: "snake", expected: "alpha of [\(shape[1])]", found: alpha.shape)
        }
        let length = shape[2]
        return Tensor(shape: shape) { out in
            for row in 0..<(shape[0] * shape[1]) {
                let a = alpha.storage.pointer[row % shape[1]]
                for i in (row * length)..<((row + 1) * length) { out[i] = Reference.snake(storage.pointer[i], alpha: a) }
            }
        }
    }
}
