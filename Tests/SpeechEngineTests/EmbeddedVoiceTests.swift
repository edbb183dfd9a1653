import AudioDSP
import Chatterbox
import Foundation
import SpeechEngine
import Tensors
import Testing

/// The embedded voice itself, through the engine's own path.
@Suite struct EmbeddedVoiceTests {
    private static let model: Result<ChatterboxSpeechModel, any Error> = Result {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let model = try ChatterboxModel.load(folder: root.appending(path: "Models/embedded"), precision: .float32)
        return ChatterboxSpeechModel(model: model, text: model.text)
    }

    private static let request = SpeechRequest(
        input: "The river was so clear that we could see every stone, and nobody wanted to go home.")

    /// Speech tokens of the request, greedily drawn.
    private static let tokens: Result<[Int32], any Error> = Result {
        let model = try Self.model.get()
        var piece = model.pieces(of: request.input).next() ?? []
        if piece.isEmpty { piece = [2] }
        let voice = try #require(model.voice("alloy"))
        var sampler = model.sampler(for: request, seed: 1)
        var decoding = try model.prefill(piece, voice: voice, request: request)
        var tokens: [Int32] = []
        while tokens.count < 300 {
            var logits = decoding.logits
            for token in model.forbiddenTokens where token != model.stopToken { logits[Int(token)] = -.infinity }
            let token = sampler.sample(logits: logits, history: tokens)
            if token == model.stopToken { break }
            tokens.append(token)
            try model.step(token, &decoding)
        }
        return tokens
    }

    private func samples(chunkSize: Int?, contextWindow: Int = 50, seed: UInt64 = 1) throws -> [Float] {
        let (model, tokens) = (try Self.model.get(), try Self.tokens.get())
        var request = Self.request
        request.contextWindow = contextWindow
        let voice = try #require(model.voice("alloy"))
        var synthesizer = ChunkSynthesizer(model: model, voice: voice, request: request, seed: seed)
        var samples: [Float] = []
        for start in stride(from: 0, to: tokens.count, by: chunkSize ?? tokens.count) {
            let end = min(tokens.count, start + (chunkSize ?? tokens.count))
            samples += try synthesizer.step(Array(tokens[start..<end]), endsPiece: end == tokens.count)
        }
        return try samples + synthesizer.flush()
    }

    /// Mean distance of log magnitudes in 80 bands up to 8 kHz, 50 frames a second, in nepers.
    private func distance(_ a: [Float], _ b: [Float]) throws -> Float {
        let (x, y) = (try bands(a), try bands(b))
        #expect(x.count == y.count)
        return zip(x, y).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(x.count)
    }

    private func bands(_ samples: [Float]) throws -> [Float] {
        let spectrum = try ShortTimeFourier(size: 1920, hop: 480).frames(samples)
        let (real, imaginary) = (spectrum.real.values, spectrum.imaginary.values)
        let bins = 961
        return (0..<real.count / bins).flatMap { frame in
            (0..<80).map { band in
                let power = (0..<8).reduce(Float(0)) { sum, bin in
                    let at = frame * bins + band * 8 + bin
                    return sum + real[at] * real[at] + imaginary[at] * imaginary[at]
                }
                return log(max(1e-3, power.squareRoot()))
            }
        }
    }

    @Test func speaksAPlausibleLength() throws {
        let tokens = try Self.tokens.get()
        #expect((80...200).contains(tokens.count))
        #expect(Set(tokens).count > 40)
        let samples = try samples(chunkSize: 25)
        #expect(samples.count == tokens.count * 960 + 6 * 480)
        #expect(samples.allSatisfy { $0.isFinite })
        #expect(samples.map(abs).max()! > 0.05)
    }

    /// Streaming differs from one shot by no more than two seeds of the noise differ.
    @Test(arguments: [10, 25, 50, 100], [25, 50, 200])
    func streamedIsAsGoodAsOneShot(chunkSize: Int, contextWindow: Int) throws {
        let whole = try samples(chunkSize: nil)
        let seeds = try distance(whole, samples(chunkSize: nil, seed: 2))
        let streamed = try distance(whole, samples(chunkSize: chunkSize, contextWindow: contextWindow))
        #expect(streamed <= seeds, "streamed \(streamed), two seeds \(seeds)")
    }

    @Test func sameSeedSameSamples() throws {
        #expect(try samples(chunkSize: 25) == samples(chunkSize: 25))
        #expect(try samples(chunkSize: 25) != samples(chunkSize: 25, seed: 3))
    }

    @Test func voicesAndExaggerationAct() throws {
        let model = try Self.model.get()
        #expect(model.model.configuration.voices.names.count >= 4)
        let piece = try #require(model.pieces(of: Self.request.input).next())
        let voice = try #require(model.voice("alloy"))
        func logits(_ exaggeration: Double, _ voice: VoiceConditionals) throws -> [Float] {
            var request = Self.request
            request.exaggeration = exaggeration
            return try model.prefill(piece, voice: voice, request: request).logits
        }
        #expect(try logits(0.25, voice) != logits(2, voice))
        let other = try #require(model.voice("onyx"))
        #expect(try logits(0.5, voice) != logits(0.5, other))
    }
}
