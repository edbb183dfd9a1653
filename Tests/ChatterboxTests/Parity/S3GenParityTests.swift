import Chatterbox
import Tensors
import Testing

/// S3Gen's flow against the reference's class, stage by stage, from recorded noise.
@Suite struct S3GenParityTests {
    private static func model(_ name: String) throws -> (Fixture, S3Gen) {
        let fixture = try Fixture(name)
        return (
            fixture,
            try S3Gen(
                fixture.weights, configuration: fixture.configuration(S3GenConfiguration.self), precision: .float32)
        )
    }

    @Test(arguments: ["flow_meanflow 1", "flow_meanflow 2", "flow_guided 3"], ["plain", "held", "prompted"])
    func stages(_ modelAndSteps: String, _ name: String) throws {
        let parts = modelAndSteps.split(separator: " ")
        let stepCount = try #require(Int(parts[1]))
        let (fixture, s3gen) = try Self.model(String(parts[0]))
        let prompted = name == "prompted"
        let prompt = try fixture.tensor("in.prompt_feat")
        let reference = S3GenReference(
            embedding: try fixture.tensor("in.embedding"),
            promptToken: prompted ? try fixture.integers("in.prompt_token") : [],
            promptFeat: prompted ? try prompt.reshaped([1, prompt.shape[0], 80]) : nil)
        func golden(_ stage: String) throws -> Tensor { try fixture.tensor("out.\(name).\(stepCount).\(stage)") }
        var trace: S3Gen.Trace?
        let mel = try s3gen.mel(
            tokens: fixture.integers("in.tokens"), context: 0, firstToken: 0, reference: reference,
            noise: .recorded(golden("noise").transposed(1, 2)), finalize: name != "held", stepCount: stepCount
        ) { trace = $0 }
        let seen = try #require(trace)
        let label = "\(modelAndSteps) \(name)"
        expectParity(seen.speaker, try golden("speaker"), "\(label): speaker")
        expectParity(seen.encoded, try golden("encoded"), "\(label): encoder")
        expectParity(seen.mu, try golden("mu"), "\(label): mu")
        let states = try golden("states")
        let velocities = try golden("velocities")
        #expect(seen.states.count == stepCount)
        for step in 0..<stepCount {
            let state = try states.sliced(axis: 0, from: step, to: step + 1)
            expectParity(try seen.states[step].transposed(1, 2), state, "\(label): state \(step)")
            let velocity = try velocities.sliced(axis: 0, from: step, to: step + 1)
            expectParity(try seen.velocities[step].transposed(1, 2), velocity, "\(label): velocity \(step)")
        }
        #expect(try mel.shape == golden("mel").shape)
        expectParity(mel, try golden("mel"), "\(label): mel")
    }

    /// The same frames whether asked for as context and chunk or whole, as long as the pass is the same.
    @Test func contextIsCutOff() throws {
        let (fixture, s3gen) = try Self.model("flow_meanflow")
        let tokens = try fixture.integers("in.tokens")
        let reference = S3GenReference(embedding: try fixture.tensor("in.embedding"))
        func mel(_ context: Int, first: Int, finalize: Bool = true) throws -> Tensor {
            try s3gen.mel(
                tokens: tokens, context: context, firstToken: first, reference: reference, seed: 5, finalize: finalize)
        }
        let whole = try mel(0, first: 10)
        #expect(whole.shape == [1, 80, 18])
        #expect(try mel(4, first: 10) == whole.sliced(axis: 2, from: 8, to: 18))
        #expect(try mel(4, first: 10, finalize: false).shape == [1, 80, 4])
        #expect(try mel(7, first: 10, finalize: false).shape == [1, 80, 0])
        // Elsewhere in the utterance, other noise.
        #expect(try mel(0, first: 11) != whole)
    }

    @Test func refusesBadInput() throws {
        let (fixture, s3gen) = try Self.model("flow_meanflow")
        let reference = S3GenReference(embedding: try fixture.tensor("in.embedding"))
        #expect(throws: ChatterboxError.token(kind: "speech", id: 40, vocabularySize: 40)) {
            try s3gen.mel(tokens: [40], context: 0, firstToken: 0, reference: reference, seed: 1, finalize: true)
        }
        #expect(throws: ChatterboxError.self) {
            try s3gen.mel(tokens: [1], context: 2, firstToken: 0, reference: reference, seed: 1, finalize: true)
        }
        struct Cancelled: Error {}
        #expect(throws: Cancelled.self) {
            try s3gen.mel(
                tokens: [1, 2], context: 0, firstToken: 0, reference: reference, seed: 1, finalize: true,
                checkpoint: { throw Cancelled() })
        }
    }
}

@Suite struct GaussianNoiseTests {
    @Test func rowsAreIndependentOfOrder() {
        let noise = GaussianNoise(seed: 3, stream: .flow)
        let row = noise.row(-5, count: 80)
        #expect(noise.row(-5, count: 80) == row)
        #expect(Array(noise.row(-5, count: 81).prefix(80)) == row)
        #expect(noise.row(-4, count: 80) != row)
        #expect(GaussianNoise(seed: 4, stream: .flow).row(-5, count: 80) != row)
        #expect(GaussianNoise(seed: 3, stream: .hift).row(-5, count: 80) != row)
    }

    @Test func isGaussian() {
        let noise = GaussianNoise(seed: 1, stream: .flow)
        let values = (0..<200).flatMap { noise.row($0, count: 101) }
        let mean = values.reduce(0, +) / Float(values.count)
        let variance = values.reduce(0) { $0 + $1 * $1 } / Float(values.count)
        let within = Float(values.filter { abs($0) < 1 }.count) / Float(values.count)
        #expect(abs(mean) < 0.03)
        #expect(abs(variance - 1) < 0.05)
        #expect(abs(within - 0.6827) < 0.01)
    }
}
