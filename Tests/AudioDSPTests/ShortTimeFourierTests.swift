import AudioDSP
import Tensors
import Testing

@Suite struct ShortTimeFourierTests {
    /// (frame, hop): HiFT's, the source-filter vocoder's, the mel front end's, and odd ones.
    static let sizes = [(16, 4), (960, 240), (1024, 256), (1920, 480), (30, 7), (12, 6)]

    @Test(arguments: sizes) func framesAreThoseOfTheDefinition(size: Int, hop: Int) throws {
        let fourier = try ShortTimeFourier(size: size, hop: hop)
        let samples = noise(size * 2 + 3)
        let spectra = try fourier.centredFrames(samples)
        #expect(spectra.real.shape == [samples.count / hop + 1, size / 2 + 1])
        let transform = try RealFourierTransform(size: size)
        for frame in [0, 1, samples.count / hop] {
            // The frame by hand, reflected at both ends.
            let values = (0..<size).map { i -> Float in
                var at = frame * hop + i - size / 2
                if at < 0 { at = -at }
                if at >= samples.count { at = 2 * (samples.count - 1) - at }
                return samples[at] * fourier.window[i]
            }
            let (real, imaginary) = try transform.forward(Tensor(values, shape: [size]))
            #expect(close(real.values, try row(spectra.real, frame), 1e-5))
            #expect(close(imaginary.values, try row(spectra.imaginary, frame), 1e-5))
        }
    }

    @Test(arguments: sizes) func framesComeAsSamplesDo(size: Int, hop: Int) throws {
        let fourier = try ShortTimeFourier(size: size, hop: hop)
        let samples = noise(size * 3 + 5)
        let whole = try fourier.centredFrames(samples)
        for piece in [1, hop, size / 2, size + 1] {
            var state = fourier.makeState()
            var real: [Float] = []
            for at in stride(from: 0, to: samples.count, by: piece) {
                let end = min(at + piece, samples.count)
                real += try fourier.step(Array(samples[at..<end]), ends: end == samples.count, state: &state).real
                    .values
            }
            #expect(real == whole.real.values, "pieces of \(piece)")
        }
        var state = fourier.makeState()
        #expect(throws: AudioError.self) { try fourier.step(noise(size / 2), ends: true, state: &state) }
    }

    @Test func aToneStandsInItsBin() throws {
        // Torch's own numbers for a unit cosine of 5 turns a frame under Hann's window: half of it, and a quarter beside.
        let fourier = try ShortTimeFourier(size: 40, hop: 10)
        let tone = (0..<400).map { Reference.cos(2 * .pi * Float($0 % 8) / 8) }
        let spectra = try fourier.frames(tone)
        #expect(abs(spectra.real[0, 5] - 10) < 1e-4)
        #expect(abs(spectra.real[0, 4] + 5) < 1e-4)
        #expect(abs(spectra.real[0, 8]) < 1e-4)
        #expect(abs(ShortTimeFourier.hann(4)[1] - 0.5) < 1e-7 && ShortTimeFourier.hann(4)[2] == 1)
    }

    @Test(arguments: sizes) func theInverseGivesTheSignalBack(size: Int, hop: Int) throws {
        let fourier = try ShortTimeFourier(size: size, hop: hop)
        let samples = noise(hop * 12 + size)
        let back = try fourier.inverse(fourier.centredFrames(samples))
        #expect(back.count == samples.count / hop * hop)
        #expect(close(back, Array(samples.prefix(back.count)), 2e-5))
    }

    @Test(arguments: sizes) func streamedInverseEqualsOneShot(size: Int, hop: Int) throws {
        let fourier = try ShortTimeFourier(size: size, hop: hop)
        let spectra = try fourier.centredFrames(noise(hop * 13 + size))
        let count = spectra.real.shape[0]
        let whole = try fourier.inverse(spectra)
        #expect(whole.count == (count - 1) * hop)
        for chunk in [1, 2, 3, 5, count] {
            var state = fourier.makeInverseState()
            for _ in 0..<2 {  // a flushed state starts anew
                var samples: [Float] = []
                for start in stride(from: 0, to: count, by: chunk) {
                    let end = min(count, start + chunk)
                    samples += try fourier.step(
                        Spectrogram(
                            real: spectra.real.sliced(axis: 0, from: start, to: end),
                            imaginary: spectra.imaginary.sliced(axis: 0, from: start, to: end)), state: &state)
                }
                samples += fourier.flush(state: &state)
                #expect(samples == whole, "chunks of \(chunk)")
            }
        }
    }

    @Test func numbersAreChecked() throws {
        #expect(throws: AudioError.transform(expected: "a hop in 1...8", found: 9)) {
            try ShortTimeFourier(size: 16, hop: 9)
        }
        #expect(throws: AudioError.self) { try ShortTimeFourier(size: 16, hop: 4, window: [1]) }
        #expect(throws: TensorError.self) { try ShortTimeFourier(size: 15, hop: 4) }
        let fourier = try ShortTimeFourier(size: 16, hop: 4)
        #expect(throws: AudioError.transform(expected: "more than 8 samples", found: 8)) {
            try fourier.centredFrames(noise(8))
        }
        #expect(try fourier.frames(noise(15)).real.shape == [0, 9])
        var state = fourier.makeInverseState()
        #expect(fourier.flush(state: &state) == [])
    }

    private func row(_ x: Tensor, _ row: Int) throws -> [Float] { try x.sliced(axis: 0, from: row, to: row + 1).values }

    private func close(_ a: [Float], _ b: [Float], _ tolerance: Float) -> Bool {
        let scale = b.reduce(1e-6) { max($0, abs($1)) }
        return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * scale }
    }

    private func noise(_ count: Int) -> [Float] {
        var state: UInt32 = 12345
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return Float(state >> 8) / Float(1 << 23) - 1
        }
    }
}
