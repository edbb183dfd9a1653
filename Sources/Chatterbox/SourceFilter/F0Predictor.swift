import Checkpoints
import Foundation
import Tensors

/// F0 from mel, one frame ahead. Source: Training/vocoder.py `F0Predictor`
struct F0Predictor: Sendable {
    static let convCount = 4
    private let convs: [Conv1d]
    private let classifier: Linear

    struct State: Sendable { fileprivate var convs: [Conv1dState] }

    init(_ layers: LayerReader, melBins: Int, width: Int) throws {
        // fp32: pitch is what bf16's steps would be heard in.
        let exact = LayerReader(reader: layers.reader, precision: .float32)
        convs = try (0..<Self.convCount).map { i in
            try exact.conv1d(
                "condnet.\(i)", i == 0 ? melBins : width, width, kernel: 3, padding: i == 0 ? (1, 1) : (2, 0))
        }
        classifier = try exact.linear("classifier", width, 2)
    }

    func makeState() -> State { State(convs: convs.map { $0.makeState() }) }

    /// - Parameter x: `[1, T, 80]`, normalised mel.
    /// - Returns: F0 in Hz of the frames whose context is complete, 0 where unvoiced.
    func step(_ x: Tensor, state: inout State) throws -> [Float] {
        var x = x
        for (i, conv) in convs.enumerated() { x = try conv.step(x, state: &state.convs[i]).elu() }
        return try f0(x)
    }

    func flush(state: inout State) throws -> [Float] {
        // Only the first convolution looks ahead; the others flush nothing of their own.
        var x = try convs[0].flush(state: &state.convs[0]).elu()
        for (i, conv) in convs.enumerated().dropFirst() { x = try conv.step(x, state: &state.convs[i]).elu() }
        return try f0(x)
    }

    private func f0(_ x: Tensor) throws -> [Float] {
        guard x.shape[1] > 0 else { return [] }
        return try classifier(x).withUnsafeBufferPointer { values in
            (0..<x.shape[1]).map { frame in
                let (pitch, voicing) = (values[2 * frame], values[2 * frame + 1])
                return voicing > 0 ? min(max(100 * exp2f(pitch), PulseTrain.minF0Hz), 800) : 0
            }
        }
    }
}
