import Checkpoints
import Foundation
import Tensors

/// F0 from mel. Source: Training/vocoder.py `F0Predictor`
struct F0Predictor: Sendable {
    static let maxHz: Float = 800
    private let input: Linear
    private let blocks: ConvNeXtStack
    private let norm: LayerNorm
    private let classifier: Linear

    typealias State = ConvNeXtStack.State

    init(_ layers: LayerReader, melBins: Int, width: Int, rights: [Int]) throws {
        // fp32: the steps of bf16 would be heard in the pitch.
        let exact = LayerReader(reader: layers.reader, precision: .float32)
        input = try exact.linear("input", melBins, width)
        blocks = try ConvNeXtStack(exact.scope("blocks"), channels: width, rights: rights)
        norm = try exact.layerNorm("norm", width)
        classifier = try exact.linear("classifier", width, 2)
    }

    func makeState() -> State { blocks.makeState() }

    /// - Parameter x: `[1, T, 80]`, normalised mel.
    /// - Returns: F0 in Hz of the frames whose context is complete, 0 where unvoiced.
    func step(_ x: Tensor, state: inout State) throws -> [Float] {
        try f0(blocks.step(input(x), state: &state))
    }

    func flush(state: inout State) throws -> [Float] { try f0(blocks.flush(nil, state: &state)) }

    private func f0(_ x: Tensor) throws -> [Float] {
        guard x.shape[1] > 0 else { return [] }
        return try classifier(norm(x)).withUnsafeBufferPointer { values in
            (0..<x.shape[1]).map { frame in
                let (pitch, voicing) = (values[2 * frame], values[2 * frame + 1])
                return voicing > 0 ? min(max(100 * exp2f(pitch), PulseTrain.minF0Hz), Self.maxHz) : 0
            }
        }
    }
}
