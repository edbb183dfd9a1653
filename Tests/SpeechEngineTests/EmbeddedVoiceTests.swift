import AudioDSP
import Chatterbox
import Foundation
import SpeechEngine
import Tensors
import Testing

/// The embedded voice itself, through the engine's own path.
@Suite struct EmbeddedVoiceTests {
    private static let model = load(.float32)

    private static func load(_ precision: Precision) -> Result<ChatterboxSpeechModel, any Error> {
        Result {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let model = try ChatterboxModel.load(folder: root.appending(path: "Models/embedded"), precision: precision)
            return ChatterboxSpeechModel(model: model, text: model.text)
        }
    }

    private static let request = SpeechRequest(
        input:
            "The river was so clear that we could see every stone, and nobody wanted to go home until the last light "
            + "had gone from the water.")

    /// Speech tokens of the request, greedily drawn.
    private static let tokens: Result<[Int32], any Error> = Result {
        let model = try Self.model.get()
        let piece = try #require(try model.pieces(of: request).next()).tokens
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
            try model.model.t3.step(token, state: &decoding)
        }
        return tokens
    }

    /// - Parameter chunks: their tokens; the last is that of all others, too. Empty is one shot.
    private func samples(
        chunks: [Int], contextWindow: Int = 50, seed: UInt64 = 1, precision: Precision = .float32
    ) throws -> [Float] {
        let model = try precision == .float32 ? Self.model.get() : Self.load(precision).get()
        let tokens = try Self.tokens.get()
        var request = Self.request
        request.contextWindow = contextWindow
        let voice = try #require(model.voice("alloy"))
        var synthesizer = ChunkSynthesizer(model: model, voice: voice, request: request, seed: seed)
        var samples: [Float] = []
        let joins = try joins(chunks)
        for (start, end) in zip([0] + joins, joins + [tokens.count]) {
            samples += try synthesizer.step(Array(tokens[start..<end]), endsPiece: end == tokens.count)
        }
        return try samples + synthesizer.flush()
    }

    /// The tokens that chunks after the first begin with.
    private func joins(_ chunks: [Int]) throws -> [Int] {
        let count = try Self.tokens.get().count
        var (joins, sizes) = ([0], chunks[...])
        while let size = sizes.count > 1 ? sizes.popFirst() : sizes.first, joins[joins.count - 1] + size < count {
            joins.append(joins[joins.count - 1] + size)
        }
        return Array(joins.dropFirst())
    }

    /// Of equal size, growing, and going back.
    private static let chunkings = [[10], [25], [50], [100], [25, 50, 100], [10, 20, 40, 80], [50, 100, 25]]

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
        #expect((110...220).contains(tokens.count))
        #expect(Set(tokens).count > 40)
        let samples = try samples(chunks: [25])
        #expect(samples.count == tokens.count * 960 + 6 * 480)
        #expect(samples.allSatisfy { $0.isFinite })
        #expect(samples.map(abs).max()! > 0.05)
    }

    /// Streaming differs from one shot by no more than two seeds of the noise differ.
    @Test(arguments: chunkings, [25, 50, 200])
    func streamedIsAsGoodAsOneShot(chunks: [Int], contextWindow: Int) throws {
        let whole = try samples(chunks: [])
        let seeds = try distance(whole, samples(chunks: [], seed: 2))
        let streamed = try distance(whole, samples(chunks: chunks, contextWindow: contextWindow))
        #expect(streamed <= seeds, "streamed \(streamed), two seeds \(seeds)")
    }

    /// S3Gen and the vocoder in other precisions differ from 32 bits, given the same tokens, by less than half of what two
    /// seeds of the noise differ.
    @Test(arguments: [Precision.bfloat16, .int8]) func lowerPrecisionIsNotHeard(_ precision: Precision) throws {
        let whole = try samples(chunks: [25])
        let seeds = try distance(whole, samples(chunks: [25], seed: 2))
        let rounded = try distance(whole, samples(chunks: [25], precision: precision))
        #expect(rounded > 0)
        #expect(rounded < seeds / 2, "\(precision) \(rounded), two seeds \(seeds)")
    }

    @Test func sameSeedSameSamples() throws {
        #expect(try samples(chunks: [25]) == samples(chunks: [25]))
        #expect(try samples(chunks: [25]) != samples(chunks: [25], seed: 3))
    }

    /// Where two passes of S3Gen meet, the wave kinks and dips no more than one shot does anywhere, and exceeds one shot
    /// there no more than it does far from joins. The places are those of the passes, not of the chunks: the vocoder holds
    /// samples back, so that a chunk ends elsewhere.
    @Test(arguments: chunkings) func joinsAreLikeAnyOtherPlace(chunks: [Int]) throws {
        let (streamed, whole) = (try samples(chunks: chunks), try samples(chunks: []))
        let joins = try joins(chunks).map { ($0 - 3) * 960 - 480 }
        try #require(!joins.isEmpty)
        try #require(streamed.count == whole.count)
        let others = stride(from: 1200, to: whole.count - 1200, by: 97).filter { place in
            joins.allSatisfy { abs($0 - place) > 1200 }
        }
        for measure in [kink, dip] {
            let largest = (joins + others).map { measure(whole, $0) }.max()!
            func excess(_ place: Int) -> Float { measure(streamed, place) - measure(whole, place) }
            let elsewhere = others.map(excess).sorted()
            // One shot's largest may be at a join: there, too, streaming may change what it changes elsewhere.
            let tolerance = max(0, elsewhere[elsewhere.count * 9 / 10])
            #expect(joins.map { measure(streamed, $0) }.max()! <= largest + tolerance)
            let ranks = joins.map { place in
                Double(elsewhere.firstIndex { $0 >= excess(place) } ?? elsewhere.count) / Double(elsewhere.count)
            }
            let mean = ranks.reduce(0, +) / Double(ranks.count)
            // 0.5 and 0.29 / √n are mean and deviation of ranks that have nothing to do with the joins.
            #expect(mean < 0.5 + 3.5 * 0.29 / Double(ranks.count).squareRoot(), "mean rank \(mean)")
        }
    }

    /// Largest second difference within the blended frame, which begins at `place`, and 2 ms about it; in nepers.
    private func kink(_ samples: [Float], _ place: Int) -> Float {
        var largest: Float = 1e-4
        for at in place - 48..<place + 528 {
            largest = max(largest, abs(samples[at - 1] - 2 * samples[at] + samples[at + 1]))
        }
        return log(largest)
    }

    /// Level of the frame at `place` below that of its neighbours, in dB.
    private func dip(_ samples: [Float], _ place: Int) -> Float {
        func power(_ range: Range<Int>) -> Float {
            range.reduce(1e-7) { $0 + samples[$1] * samples[$1] / Float(range.count) }
        }
        let around = (power(place - 480..<place) + power(place + 480..<place + 960)) / 2
        return 10 * log10(around / power(place..<place + 480))
    }

    private func spoken(_ request: SpeechRequest, on scheduler: Scheduler<ChatterboxSpeechModel>) throws -> SpeechStream
    {
        try scheduler.start(
            request, voiceName: request.voice ?? "alloy",
            voices: Self.model.get().model.configuration.voices.names, seed: 7, maxUnreadChunks: 4)
    }

    @Test(arguments: Precision.allCases) func othersDoNotChangeTheSamples(_ precision: Precision) async throws {
        let scheduler = Scheduler(
            model: try Self.load(precision).get(), threads: 2, admission: .fixed(12), maxWaiting: 4)
        defer { scheduler.stop() }
        @Sendable func samples(_ request: SpeechRequest) async throws -> [Int16] {
            var samples: [Int16] = []
            for try await case .chunk(let chunk) in try spoken(request, on: scheduler) { samples += chunk.samples }
            return samples
        }
        let requests = [
            SpeechRequest(input: "Good evening. Come in!", chunkSize: 10),
            SpeechRequest(input: "Not now.", voice: "onyx"),
            SpeechRequest(input: "The kettle is on, and there is bread.", exaggeration: 1.2, cfgWeight: 0),
        ]
        var alone: [[Int16]] = []
        for request in requests { alone.append(try await samples(request)) }
        #expect(Set(alone).count == requests.count && alone.allSatisfy { !$0.isEmpty })
        try await withThrowingTaskGroup(of: (Int, [Int16]).self) { group in
            for index in 0..<12 { group.addTask { (index % 3, try await samples(requests[index % 3])) } }
            for try await (index, found) in group { #expect(found == alone[index], "request \(index)") }
        }
    }

    /// Neither cut off nor endless, and to be heard.
    @Test(arguments: ["Hi!", "Yes.", "No?", "A"]) func shortTexts(text: String) async throws {
        let scheduler = Scheduler(model: try Self.model.get(), threads: 2, admission: .fixed(4), maxWaiting: 4)
        defer { scheduler.stop() }
        var (samples, seconds): ([Int16], Double) = ([], 0)
        for try await event in try spoken(SpeechRequest(input: text), on: scheduler) {
            switch event {
            case .chunk(let chunk): samples += chunk.samples
            case .finished(let summary): seconds = summary.audioDuration
            }
        }
        #expect((0.3...1.8).contains(seconds), "\(seconds) s")
        #expect(samples.map { abs(Int($0)) }.max()! > 1500)
    }

    @Test func voicesAndExaggerationAct() throws {
        let model = try Self.model.get()
        #expect(model.model.configuration.voices.names.count >= 4)
        let piece = try #require(try model.pieces(of: Self.request).next()).tokens
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

    /// Every written word once, in order, within the audio; "$5" and "3:30" are one word each.
    @Test(arguments: [
        "It costs $5 at 3:30 p.m., Dr. Smith said.", "Hi!", "One. Two! Three? Four - five…",
        "We met at the station on Monday. The train was late, and so were we; nobody minded.\n\nThe end & more.",
    ])
    func everyWordHasItsTime(_ text: String) async throws {
        let scheduler = Scheduler(model: try Self.model.get(), threads: 2, admission: .fixed(4), maxWaiting: 4)
        defer { scheduler.stop() }
        let request = SpeechRequest(input: text, chunkSize: 20, includeTimestamps: true)
        var (words, seconds): ([WordTimestamp], Double) = ([], 0)
        for try await event in try spoken(request, on: scheduler) {
            switch event {
            case .chunk(let chunk):
                // A word is told when it has been sent, but for what the synthesis holds back.
                #expect(chunk.words.allSatisfy { $0.end <= chunk.audioDuration + 0.5 })
                words += chunk.words
            case .finished(let summary):
                words += summary.words
                seconds = summary.audioDuration
            }
        }
        let written = text.split(whereSeparator: \.isWhitespace).map(String.init).filter { word in
            word.contains { $0.isLetter || $0.isNumber }
        }
        #expect(words.map(\.word) == written)
        #expect(words.allSatisfy { $0.start <= $0.end && $0.start >= 0 && $0.end <= seconds })
        #expect(zip(words, words.dropFirst()).allSatisfy { $0.end <= $1.start })
        // What is said takes time.
        #expect(words.count { $0.end > $0.start } * 10 >= words.count * 9, "\(words)")
    }

    /// Sentences begin where the timestamps say, within 0.12 s, three speech tokens, and end within 0.3 s.
    @Test func timesAreThoseOfTheSound() async throws {
        let scheduler = Scheduler(model: try Self.model.get(), threads: 2, admission: .fixed(4), maxWaiting: 4)
        defer { scheduler.stop() }
        let text =
            "The garden was quiet all the long afternoon, and the bees had gone back home. "
            + "Nobody came to see us until the moon stood over the trees by the river."
        var (words, samples): ([WordTimestamp], [Int16]) = ([], [])
        let request = SpeechRequest(input: text, includeTimestamps: true)
        for try await event in try spoken(request, on: scheduler) {
            switch event {
            case .chunk(let chunk): (words, samples) = (words + chunk.words, samples + chunk.samples)
            case .finished(let summary): words += summary.words
            }
        }
        /// Where it is loud, in steps of 10 ms.
        let loud = stride(from: 0, to: samples.count - 240, by: 240).map { start in
            samples[start..<start + 240].reduce(0) { $0 + Int($1) * Int($1) } / 240 > 200 * 200
        }
        let first = Double(try #require(loud.firstIndex(of: true))) / 100
        let last = Double(try #require(loud.lastIndex(of: true)) + 1) / 100
        let home = try #require(words.first { $0.word == "home." })
        let nobody = try #require(words.first { $0.word == "Nobody" })
        // The longest silence that touches the time between the sentences.
        var (silence, start): (Range<Int>, Int?) = (0..<0, nil)
        for (step, isLoud) in loud.enumerated() {
            if !isLoud, start == nil { start = step }
            if isLoud, let begun = start {
                if step - begun > silence.count, abs(Double(begun) / 100 - home.end) < 1 { silence = begun..<step }
                start = nil
            }
        }
        let starts = [words[0].start - first, nobody.start - Double(silence.upperBound) / 100]
        #expect(starts.allSatisfy { abs($0) <= 0.12 }, "\(starts)")
        // Attention rests on the last sound for a while.
        let ends = [home.end - Double(silence.lowerBound) / 100, words[words.count - 1].end - last]
        #expect(ends.allSatisfy { abs($0) <= 0.3 }, "\(ends)")
    }

    /// Left alone, T3 goes back in most of these and says some words twice; where it may read no more of what is said, it
    /// doesn't.
    @Test func longSentencesAreReadOnce() throws {
        let model = try Self.model.get()
        let seeds: ClosedRange<UInt64> = 1...6
        var (guided, free) = (0, 0)
        for text in [
            "She had promised to send the letter before the end of the week, but the storm had closed every road to the "
                + "village.",
            "The company will open two new factories next spring, and it expects to hire several hundred workers from the "
                + "region.",
            "The scientist explained that the light of the nearest stars takes more than four years to travel through "
                + "space to us.",
        ] {
            var request = SpeechRequest(input: text)
            let counts = try seeds.map { seed in
                let result = try SpeechEngineTests.spoken(model, request, seed: seed)
                #expect(result.reason == .stopToken)
                return result.tokens
            }
            let (fewest, most) = try (#require(counts.min()), #require(counts.max()))
            #expect(Double(most) < 1.12 * Double(fewest), "\(counts)")
            guided += counts.reduce(0, +)
            request.enableAlignmentMonitoring = false
            free += try seeds.reduce(0) { try $0 + SpeechEngineTests.spoken(model, request, seed: $1).tokens }
        }
        #expect(Double(guided) < 0.97 * Double(free), "\(guided) and \(free) tokens")
    }
}
