import Foundation
import Tensors

/// Carries noise to mel along the decoder's velocity, in Euler steps.
/// Source: resemble-ai/chatterbox models/s3gen/flow_matching.py
struct CausalConditionalCFM: Sendable {
    private let estimator: ConditionalDecoder
    private let meanflow: Bool
    private let cfgRate: Float
    private let melBins: Int

    init(_ layers: LayerReader, configuration: S3GenConfiguration) throws {
        estimator = try ConditionalDecoder(layers.scope("estimator"), configuration: configuration)
        meanflow = configuration.decoder.meanflow
        cfgRate = configuration.decoder.cfgRate
        melBins = configuration.outputSize
    }

    /// - Parameters:
    ///   - noise: `[1, T, mel]`, the state at time 0.
    ///   - mu: `[1, T, mel]`, what the encoder says.
    ///   - speaker: `[1, mel]`.
    ///   - prompt: `[1, T, mel]`, mel where it is known and zeros elsewhere.
    ///   - trace: called with each state and velocity (the guided pair is `[2, T, mel]`); for parity tests.
    /// - Returns: `[1, T, mel]`, the state at time 1.
    func callAsFunction(
        noise: Tensor, mu: Tensor, speaker: Tensor, prompt: Tensor, stepCount: Int,
        checkpoint: () throws -> Void = {}, trace: ((Tensor, Tensor) -> Void)? = nil
    ) throws -> Tensor {
        let length = mu.shape[1]
        let spoken = try Tensor(zeros: [1, length, melBins]) + speaker
        let conditions = try Tensor.concatenated([mu, spoken, prompt], axis: 2)
        let unconditional = Tensor(zeros: conditions.shape)
        let times = (0...stepCount).map { step -> Float in
            let time = Float(step) / Float(stepCount)
            return meanflow ? time : 1 - cosf(time * 0.5 * Float.pi)
        }
        var x = noise
        for (t, r) in zip(times, times.dropFirst()) {
            try checkpoint()
            let input = try Tensor.concatenated([x, conditions], axis: 2)
            let velocity: Tensor
            if meanflow {
                velocity = try estimator(input, t: t, r: r)
                trace?(x, velocity)
            } else {
                let other = try Tensor.concatenated([x, unconditional], axis: 2)
                let pair = try estimator(Tensor.concatenated([input, other], axis: 0), t: t, r: r)
                trace?(x, pair)
                velocity =
                    try pair.sliced(axis: 0, from: 0, to: 1) * (1 + cfgRate)
                    - pair.sliced(axis: 0, from: 1, to: 2) * cfgRate
            }
            x = try x + velocity * (r - t)
        }
        return x
    }
}
