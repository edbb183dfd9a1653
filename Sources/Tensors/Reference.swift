#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Every operation written out naively, sums in double precision: what the fast kernels are tested against.
package enum Reference {
    package typealias Input = UnsafePointer<Float>
    package typealias Output = UnsafeMutablePointer<Float>

    package static func relu(_ x: Float) -> Float { max(x, 0) }
    package static func leakyReLU(_ x: Float, slope: Float) -> Float { x > 0 ? x : x * slope }
    package static func elu(_ x: Float) -> Float { x > 0 ? x : Float(expm1(Double(x))) }
    package static func sigmoid(_ x: Float) -> Float { Float(1 / (1 + doubleExp(-Double(x)))) }
    package static func silu(_ x: Float) -> Float { Float(Double(x) / (1 + doubleExp(-Double(x)))) }
    package static func gelu(_ x: Float) -> Float { Float(0.5 * Double(x) * (1 + erf(Double(x) / 2.0.squareRoot()))) }
    package static func geluTanh(_ x: Float) -> Float {
        let x = Double(x)
        return Float(0.5 * x * (1 + doubleTanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))))
    }
    package static func mish(_ x: Float) -> Float {
        Float(Double(x) * doubleTanh(x > 30 ? Double(x) : log1p(doubleExp(Double(x)))))
    }
    package static func tanh(_ x: Float) -> Float { Float(doubleTanh(Double(x))) }
    package static func exp(_ x: Float) -> Float { Float(doubleExp(Double(x))) }
    package static func sin(_ x: Float) -> Float { Float(doubleSin(Double(x))) }
    package static func cos(_ x: Float) -> Float { Float(doubleCos(Double(x))) }
    package static func snake(_ x: Float, alpha: Float) -> Float {
        let wave = doubleSin(Double(x) * Double(alpha))
        return Float(Double(x) + wave * wave / (Double(alpha) + 1e-9))
    }

    package static func softmax(_ x: Input, _ out: Output, _ count: Int) {
        var top = -Float.infinity
        for i in 0..<count { top = max(top, x[i]) }
        var sum = 0.0
        for i in 0..<count { sum += doubleExp(Double(x[i] - top)) }
        for i in 0..<count { out[i] = Float(doubleExp(Double(x[i] - top)) / sum) }
    }

    package static func layerNorm(
        _ x: Input, _ weight: Input, _ bias: Input?, _ out: Output, _ count: Int, _ epsilon: Float
    ) {
        var (mean, square) = (0.0, 0.0)
        for i in 0..<count { mean += Double(x[i]) }
        mean /= Double(count)
        for i in 0..<count { square += (Double(x[i]) - mean) * (Double(x[i]) - mean) }
        let scale = 1 / (square / Double(count) + Double(epsilon)).squareRoot()
        for i in 0..<count {
            out[i] = Float((Double(x[i]) - mean) * scale * Double(weight[i]) + Double(bias?[i] ?? 0))
        }
    }

    package static func rmsNorm(_ x: Input, _ weight: Input, _ out: Output, _ count: Int, _ epsilon: Float) {
        var square = 0.0
        for i in 0..<count { square += Double(x[i]) * Double(x[i]) }
        let scale = 1 / (square / Double(count) + Double(epsilon)).squareRoot()
        for i in 0..<count { out[i] = Float(Double(x[i]) * scale * Double(weight[i])) }
    }

    package static func rotate(_ x: Input, _ cosine: Input, _ sine: Input, _ out: Output, _ half: Int) {
        for i in 0..<half {
            out[i] = x[i] * cosine[i] - x[i + half] * sine[i]
            out[i + half] = x[i + half] * cosine[i] + x[i] * sine[i]
        }
    }

    /// Every row of `[outputs, ...]` in 255 even steps up to its largest value.
    package static func roundedToInt8(_ x: Tensor) -> Tensor {
        let width = x.count / max(x.shape.first ?? 1, 1)
        return Tensor(shape: x.shape) { out in
            x.withUnsafeBufferPointer { x in
                for start in stride(from: 0, to: x.count, by: max(width, 1)) {
                    let row = start..<start + width
                    let scale = row.reduce(0) { max($0, abs(x[$1])) } / 127
                    for i in row { out[i] = scale > 0 ? (x[i] / scale).rounded(.toNearestOrEven) * scale : 0 }
                }
            }
        }
    }

    /// To the nearest bfloat16, ties to even.
    package static func roundedToBFloat16(_ x: Float) -> Float {
        let bits = x.bitPattern
        return x.isNaN ? x : Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
    }

    package static func roundedToBFloat16(_ x: Tensor) -> Tensor {
        Tensor(shape: x.shape) { out in for i in 0..<x.count { out[i] = roundedToBFloat16(x.storage.pointer[i]) } }
    }

    /// `weight [outputs, inputs]`.
    package static func linear(
        _ x: Input, _ weight: Input, _ bias: Input?, _ out: Output, rows: Int, inputs: Int, outputs: Int
    ) {
        for row in 0..<rows {
            for o in 0..<outputs {
                var sum = Double(bias?[o] ?? 0)
                for i in 0..<inputs { sum += Double(x[row * inputs + i]) * Double(weight[o * inputs + i]) }
                out[row * outputs + o] = Float(sum)
            }
        }
    }

    /// `x [inputs, time]`, `weight [outputs, inputs / groups, kernel]`; no padding.
    package static func conv1d(
        _ x: Input, _ weight: Input, _ bias: Input?, _ out: Output, inputs: Int, outputs: Int, kernel: Int, stride: Int,
        dilation: Int, groups: Int, time: Int
    ) {
        let span = (kernel - 1) * dilation + 1
        let length = time < span ? 0 : (time - span) / stride + 1
        let (inner, outer) = (inputs / groups, outputs / groups)
        for o in 0..<outputs {
            for t in 0..<length {
                var sum = Double(bias?[o] ?? 0)
                for i in 0..<inner {
                    for j in 0..<kernel {
                        let at = (o / outer * inner + i) * time + t * stride + j * dilation
                        sum += Double(x[at]) * Double(weight[(o * inner + i) * kernel + j])
                    }
                }
                out[o * length + t] = Float(sum)
            }
        }
    }

    /// `x [time, inputs]`, `weight [inputs, outputs, kernel]`, `out [(time - 1) * stride + kernel, outputs]`; no bias.
    package static func convTranspose1d(
        _ x: Input, _ weight: Input, _ out: Output, inputs: Int, outputs: Int, kernel: Int, stride: Int, time: Int
    ) {
        out.update(repeating: 0, count: (time == 0 ? 0 : (time - 1) * stride + kernel) * outputs)
        for t in 0..<time {
            for o in 0..<outputs {
                for j in 0..<kernel {
                    var sum = 0.0
                    for i in 0..<inputs {
                        sum += Double(x[t * inputs + i]) * Double(weight[(i * outputs + o) * kernel + j])
                    }
                    out[(t * stride + j) * outputs + o] += Float(sum)
                }
            }
        }
    }

    /// `x [rows, time, inputs]`, `weight [outputs, inputs, kernel, span]`, `out [rows', time', outputs]`.
    package static func conv2d(
        _ x: Input, _ weight: Input, _ out: Output, inputs: Int, outputs: Int, kernel: Int, span: Int, stride: Int,
        padding: Int, rows: Int, time: Int
    ) {
        let (height, length) = ((rows + 2 * padding - kernel) / stride + 1, time + 2 * padding - span + 1)
        for f in 0..<height {
            for t in 0..<length {
                for o in 0..<outputs {
                    var sum = 0.0
                    for i in 0..<inputs {
                        for j in 0..<kernel {
                            for k in 0..<span {
                                let (row, column) = (f * stride + j - padding, t + k - padding)
                                guard (0..<rows).contains(row), (0..<time).contains(column) else { continue }
                                sum +=
                                    Double(x[(row * time + column) * inputs + i])
                                    * Double(weight[((o * inputs + i) * kernel + j) * span + k])
                            }
                        }
                    }
                    out[(f * length + t) * outputs + o] = Float(sum)
                }
            }
        }
    }

    /// One sequence: `x [time, inputs]`, weights `[4 width, inputs]` and `[4 width, width]`, `out [time, width]`.
    package static func lstm(
        _ x: Input, _ weight: Input, _ recurrent: Input, _ inputBias: Input, _ recurrentBias: Input, _ out: Output,
        inputs: Int, width: Int, time: Int
    ) {
        var cell = [Double](repeating: 0, count: width)
        var hidden = cell
        for t in 0..<time {
            let gates = (0..<4 * width).map { row in
                var sum = Double(inputBias[row]) + Double(recurrentBias[row])
                for i in 0..<inputs { sum += Double(weight[row * inputs + i]) * Double(x[t * inputs + i]) }
                for i in 0..<width { sum += Double(recurrent[row * width + i]) * hidden[i] }
                return sum
            }
            for i in 0..<width {
                let (enter, forget, leave) = (gates[i], gates[width + i], gates[3 * width + i])
                cell[i] =
                    cell[i] / (1 + doubleExp(-forget)) + doubleTanh(gates[2 * width + i]) / (1 + doubleExp(-enter))
                hidden[i] = doubleTanh(cell[i]) / (1 + doubleExp(-leave))
                out[t * width + i] = Float(hidden[i])
            }
        }
    }

    /// One head: `q [rows, width]`, `k` and `v` `[length, width]`, `out [rows, width]`, `probabilities [rows, length]`.
    package static func attention(
        q: Input, k: Input, v: Input, out: Output, rows: Int, length: Int, width: Int, scale: Float, causal: Bool,
        probabilities: Output?, bias: (_ row: Int, _ column: Int) -> Float
    ) {
        for row in 0..<rows {
            let visible = causal ? length - rows + row + 1 : length
            var scores = [Float](repeating: -.infinity, count: length)
            for column in 0..<visible {
                var sum = 0.0
                for i in 0..<width { sum += Double(q[row * width + i]) * Double(k[column * width + i]) }
                scores[column] = Float(sum) * scale + bias(row, column)
            }
            var weights = scores
            weights.withUnsafeMutableBufferPointer { softmax(scores, $0.baseAddress!, length) }
            for i in 0..<width {
                var sum = 0.0
                for column in 0..<visible { sum += Double(weights[column]) * Double(v[column * width + i]) }
                out[row * width + i] = Float(sum)
            }
            if let probabilities { (probabilities + row * length).update(from: weights, count: length) }
        }
    }

    /// `[outer, n, middle, m, inner]` to `[outer, m, middle, n, inner]`.
    package static func transpose(
        _ x: Input, _ out: Output, _ outer: Int, _ n: Int, _ middle: Int, _ m: Int, _ inner: Int
    ) {
        for o in 0..<outer {
            for i in 0..<n {
                for j in 0..<middle {
                    for k in 0..<m {
                        for l in 0..<inner {
                            out[(((o * m + k) * middle + j) * n + i) * inner + l] =
                                x[(((o * n + i) * middle + j) * m + k) * inner + l]
                        }
                    }
                }
            }
        }
    }

    /// `out[i] = f(a[i], b[place of i])`, `strides` telling how `b` moves along the axes of `shape`.
    package static func combine(
        _ a: Input, _ b: Input, _ out: Output, _ shape: [Int], _ strides: [Int], _ f: (Float, Float) -> Float
    ) {
        for i in 0..<shape.reduce(1, *) {
            var (rest, place) = (i, 0)
            for axis in shape.indices.reversed() {
                place += rest % shape[axis] * strides[axis]
                rest /= shape[axis]
            }
            out[i] = f(a[i], b[place])
        }
    }
}

private func doubleExp(_ x: Double) -> Double { exp(x) }
private func doubleTanh(_ x: Double) -> Double { tanh(x) }
private func doubleSin(_ x: Double) -> Double { sin(x) }
private func doubleCos(_ x: Double) -> Double { cos(x) }
