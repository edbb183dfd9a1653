import Tensors
import Testing

/// Reproducible values, roughly normal.
struct Samples {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> Float {
        var sum: Float = 0
        for _ in 0..<4 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            sum += Float(state >> 40) / Float(1 << 24) - 0.5
        }
        return sum * 1.7
    }

    mutating func tensor(_ shape: [Int], scale: Float = 1) -> Tensor {
        Tensor(shape: shape) { for i in $0.indices { $0[i] = next() * scale } }
    }
}

/// Every way that a product can be computed on this CPU.
struct Route: Sendable, CustomStringConvertible {
    let path: KernelPath
    let oneDNN: Bool
    var description: String { "\(path)\(oneDNN ? " + oneDNN" : "")" }

    static let all = KernelPath.allCases.filter(\.isAvailable).flatMap {
        [Route(path: $0, oneDNN: false), Route(path: $0, oneDNN: true)]
    }

    func use<R>(_ body: () throws -> R) rethrows -> R { try path.use(oneDNN: oneDNN, body) }
}

/// Equal shapes, and no element further off than `tolerance` times the largest one expected.
func expectClose(
    _ found: Tensor, _ expected: Tensor, _ tolerance: Float, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.shape == expected.shape, comment, sourceLocation: sourceLocation)
    guard found.shape == expected.shape else { return }
    let scale = expected.values.reduce(1e-6) { max($0, abs($1)) }
    var (worst, place) = (Float(0), 0)
    for (i, (a, b)) in zip(found.values, expected.values).enumerated() where !(abs(a - b) <= worst) {
        (worst, place) = (abs(a - b), i)
    }
    #expect(
        worst <= tolerance * scale,
        "\(comment?.rawValue ?? "") off by \(worst) at \(place) of \(expected.shape), scale \(scale)",
        sourceLocation: sourceLocation)
}

/// `float32` exactly; others up to the rounding of activations, while that of weights is known to the reference.
func tolerance(_ precision: Precision) -> Float {
    switch precision {
    case .float32: 2e-6
    case .bfloat16: 8e-3
    case .int8: 1e-4
    }
}

/// A weight `[outputs, ...]` as a layer keeps it.
func rounded(_ x: Tensor, _ precision: Precision) -> Tensor {
    switch precision {
    case .float32: x
    case .bfloat16: Reference.roundedToBFloat16(x)
    case .int8: Reference.roundedToInt8(x)
    }
}
