import Chatterbox
import Tensors
import Testing

/// How a mel is cut for streaming: sizes in turn until it is used up.
private let chunkings: [[Int]] = [[1], [2], [3], [5, 1, 4], [7], [13], [100]]

private func chunks(_ mel: Tensor, _ sizes: [Int]) throws -> [Tensor] {
    var (at, pieces): (Int, [Tensor]) = (0, [])
    while at < mel.shape[2] {
        let end = min(at + sizes[pieces.count % sizes.count], mel.shape[2])
        pieces.append(try mel.sliced(axis: 2, from: at, to: end))
        at = end
    }
    return pieces
}

@Suite struct SourceFilterVocoderTests {
    private static func model() throws -> (Fixture, SourceFilterVocoder, NoiseSource) {
        let fixture = try Fixture("source_filter")
        guard case .sourceFilter(let configuration) = try fixture.configuration(VocoderConfiguration.self) else {
            throw ChatterboxError.input(what: "fixture", expected: "source_filter", found: "another vocoder")
        }
        let noise = try fixture.tensor("in.noise")
        return (
            fixture, try SourceFilterVocoder(fixture.weights, configuration: configuration, precision: .float32),
            .recorded(try noise.reshaped([noise.shape[0], -1]))
        )
    }

    private static func run(_ vocoder: SourceFilterVocoder, _ noise: NoiseSource, _ pieces: [Tensor]) throws -> [Float]
    {
        var state = vocoder.makeState(noise: noise)
        var samples: [Float] = []
        for piece in pieces { samples += try vocoder.step(piece, state: &state) }
        return try samples + vocoder.flush(state: &state)
    }

    @Test func oneShot() throws {
        let (fixture, vocoder, noise) = try Self.model()
        let mel = try fixture.tensor("in.mel")
        try expectParity(vocoder.f0(mel), fixture.tensor("out.f0"), "source-filter F0")
        try expectParity(Self.run(vocoder, noise, [mel]), fixture.tensor("out.wave"), "source-filter wave")
    }

    @Test(arguments: chunkings)
    func streamed(_ sizes: [Int]) throws {
        let (fixture, vocoder, noise) = try Self.model()
        let pieces = try chunks(fixture.tensor("in.mel"), sizes)
        try expectParity(Self.run(vocoder, noise, pieces), fixture.tensor("out.wave"), "source-filter by \(sizes)")
    }

    /// No more is held back than `lookaheadFrames` says.
    @Test func holdsBackWhatItSays() throws {
        let (fixture, vocoder, noise) = try Self.model()
        var state = vocoder.makeState(noise: noise)
        let (mel, perFrame) = (try fixture.tensor("in.mel"), vocoder.samplesPerFrame)
        let samples = try vocoder.step(mel, state: &state)
        #expect(samples.count == (mel.shape[2] - vocoder.lookaheadFrames) * perFrame)
        #expect(try vocoder.flush(state: &state).count == vocoder.lookaheadFrames * perFrame)
        #expect(try vocoder.flush(state: &state).isEmpty)
        #expect(throws: ChatterboxError.self) { try vocoder.step(mel, state: &state) }
    }

    @Test(arguments: [0, 1, 2])
    func short(_ frames: Int) throws {
        let (fixture, vocoder, noise) = try Self.model()
        let mel = try fixture.tensor("in.mel").sliced(axis: 2, from: 0, to: frames)
        #expect(try Self.run(vocoder, noise, [mel]).count == frames * vocoder.samplesPerFrame)
    }

    /// The same seed, the same samples, however the mel is cut; another seed, others.
    @Test func seeded() throws {
        let (fixture, vocoder, _) = try Self.model()
        let mel = try fixture.tensor("in.mel")
        func run(_ seed: UInt64, _ sizes: [Int]) throws -> [Float] {
            var state = vocoder.makeState(seed: seed)
            let samples = try chunks(mel, sizes).flatMap { try vocoder.step($0, state: &state) }
            return try samples + vocoder.flush(state: &state)
        }
        let whole = try run(1, [100])
        #expect(relativeError(try run(1, [3]), whole) <= parityTolerance)
        #expect(relativeError(try run(2, [100]), whole) > 0.01)
        #expect(throws: TensorError.self) {
            var state = vocoder.makeState(seed: 1)
            _ = try vocoder.step(Tensor(zeros: [1, 79, 3]), state: &state)
        }
    }
}

@Suite struct HiFTGeneratorTests {
    private static func model() throws -> (Fixture, HiFTGenerator, NoiseSource) {
        let fixture = try Fixture("hift")
        guard case .hift(let configuration) = try fixture.configuration(VocoderConfiguration.self) else {
            throw ChatterboxError.input(what: "fixture", expected: "hift", found: "another vocoder")
        }
        // [sines, samples] as recorded; a row for each mel frame here.
        let noise = try fixture.tensor("in.noise")
        let (sines, frames) = (noise.shape[0], noise.shape[1] / 480)
        return (
            fixture, try HiFTGenerator(fixture.weights, configuration: configuration, precision: .float32),
            .recorded(
                try noise.reshaped([sines, frames, 480]).transposed(0, 1).reshaped([frames, sines * 480]))
        )
    }

    private static func run(_ sizes: [Int], mel: Tensor? = nil) throws -> ([Float], Fixture) {
        let (fixture, vocoder, noise) = try model()
        var state = vocoder.makeState(noise: noise, phaseOffsets: try fixture.tensor("in.phase").values)
        var samples: [Float] = []
        for piece in try chunks(mel ?? fixture.tensor("in.mel"), sizes) {
            samples += try vocoder.step(piece, state: &state)
        }
        return (try samples + vocoder.flush(state: &state), fixture)
    }

    @Test func stages() throws {
        let (fixture, vocoder, _) = try Self.model()
        let mel = try fixture.tensor("in.mel")
        try expectParity(vocoder.f0(mel), fixture.tensor("out.f0"), "HiFT F0")
        let wave = try vocoder.decode(mel, source: fixture.tensor("out.source").values)
        try expectParity(wave, fixture.tensor("out.wave"), "HiFT decode")
    }

    /// What is held back is what the layers reach: 19¼ frames of 20 ms.
    @Test func holdsBackNoMore() throws {
        let (fixture, vocoder, _) = try Self.model()
        let mel = try fixture.tensor("in.mel")
        let long = try Tensor.concatenated([Tensor](repeating: mel, count: 4), axis: 2)
        var state = vocoder.makeState(seed: 2)
        let samples = try vocoder.step(long, state: &state)
        #expect(samples.count == (4 * (long.shape[2] - 20) + 3) * 120)
        #expect(try samples.count + vocoder.flush(state: &state).count == long.shape[2] * 480)
        #expect(try vocoder.flush(state: &state).isEmpty)
        #expect(throws: ChatterboxError.self) { try vocoder.step(mel, state: &state) }
    }

    @Test(arguments: [0, 1, 2])
    func short(_ frames: Int) throws {
        let mel = try Fixture("hift").tensor("in.mel").sliced(axis: 2, from: 0, to: frames)
        #expect(try Self.run([100], mel: mel).0.count == frames * 480)
    }

    @Test(arguments: chunkings)
    func wave(_ sizes: [Int]) throws {
        let (samples, fixture) = try Self.run(sizes)
        try expectParity(samples, fixture.tensor("out.wave"), "HiFT by \(sizes)")
    }

    /// Long enough that nothing of the start is in sight any more.
    @Test func longStream() throws {
        let (fixture, vocoder, _) = try Self.model()
        let mel = try fixture.tensor("in.mel")
        let long = try Tensor.concatenated([Tensor](repeating: mel, count: 7), axis: 2)
        func run(_ sizes: [Int]) throws -> [Float] {
            var state = vocoder.makeState(seed: 2)
            let samples = try chunks(long, sizes).flatMap { try vocoder.step($0, state: &state) }
            return try samples + vocoder.flush(state: &state)
        }
        let whole = try run([1000])
        #expect(whole.count == 70 * 480)
        for sizes in [[3], [17, 5], [25]] {
            #expect(relativeError(try run(sizes), whole) <= parityTolerance, "chunks of \(sizes)")
        }
    }
}
