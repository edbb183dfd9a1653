import Chatterbox
import Foundation
import Tensors

/// Finds the heads of T3 whose attention moves over the text as it is spoken, by speaking some sentences and looking at
/// every head: what the reference knows of the english model, measured for any.
public struct AlignmentCalibration: Sendable {
    /// How well a head follows the text; all from 0 to 1, means over the sentences.
    public struct Score: Sendable, Equatable {
        public var layer: Int
        public var head: Int
        /// Mean over frames of the largest attention to a text token: attention to anything else, or to many tokens at
        /// once, lowers it.
        public var peaked: Double
        /// Correlation of time with the most attended text token, 0 if negative: attention that rests or jumps has none.
        public var monotonic: Double
        /// Share of the text between the first and the last tenth of what was attended to most: attention must have gone
        /// through the text.
        public var covering: Double
        /// The product of the three.
        public var total: Double { peaked * monotonic * covering }
    }

    /// A head below it doesn't follow the text.
    public static let least = 0.2
    /// Heads that are watched together: one more than the reference's three, and none far below the best.
    private static let most = 4
    private static let shareOfBest = 0.7

    public static let sentences = [
        "The old clock in the hall struck seven, and nobody said a word.",
        "Please send the report to my office before the end of the week.",
        "A cold wind came down from the hills and shook the windows all night.",
        "She opened the letter, read it twice, and put it back into the drawer.",
        "We walked along the river until the lights of the village were gone.",
    ]

    /// Of every head, the best first.
    public let scores: [Score]

    /// The heads to watch, `[layer, head]` each, in order of layers; empty if none follows the text.
    public var heads: [[Int]] {
        guard let best = scores.first?.total else { return [] }
        return scores.prefix(Self.most).filter { $0.total >= max(Self.least, best * Self.shareOfBest) }
            .map { [$0.layer, $0.head] }.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }
    }

    /// Speaks and measures; takes about as long as speaking so much without sound.
    /// - Parameters:
    ///   - model: loaded with `watchingAllHeads`.
    ///   - maxFrames: speech tokens of a sentence; a sound model needs a hundred.
    ///   - progress: called with the number of sentences that are done.
    /// - Throws: `ChatterboxError`; `.input` if the model doesn't tell all heads.
    public init(
        model: ChatterboxModel, sentences: [String] = Self.sentences, maxFrames: Int = 200, seed: UInt64 = 1,
        progress: (Int) -> Void = { _ in }
    ) throws {
        let t3 = model.configuration.t3
        guard t3.alignmentHeads == t3.allHeads else {
            throw ChatterboxError.input(
                what: "t3.alignment_heads", expected: "all \(t3.allHeads.count) heads",
                found: "\(t3.alignmentHeads.count)")
        }
        let speech = ChatterboxSpeechModel(model: model, text: model.text)
        var sums = t3.allHeads.map { Score(layer: $0[0], head: $0[1], peaked: 0, monotonic: 0, covering: 0) }
        var spoken = 0
        for sentence in sentences {
            guard let piece = try speech.pieces(of: SpeechRequest(input: sentence)).next() else { continue }
            let matrices = try Self.attention(
                speech, piece.tokens, request: SpeechRequest(input: sentence), maxFrames: maxFrames, seed: seed)
            for (index, matrix) in matrices.enumerated() {
                let found = Self.measure(matrix)
                sums[index].peaked += found.peaked
                sums[index].monotonic += found.monotonic
                sums[index].covering += found.covering
            }
            spoken += 1
            progress(spoken)
        }
        scores = sums.map { sum in
            var mean = sum
            mean.peaked /= Double(max(1, spoken))
            mean.monotonic /= Double(max(1, spoken))
            mean.covering /= Double(max(1, spoken))
            return mean
        }.sorted { $0.total > $1.total }
    }

    /// By head: for each frame the attention over the piece's own tokens.
    private static func attention(
        _ model: ChatterboxSpeechModel, _ piece: [Int32], request: SpeechRequest, maxFrames: Int, seed: UInt64
    ) throws -> [[[Float]]] {
        let voices = model.model.configuration.voices
        let voice = try model.model.voice(voices.default)
        var sampler = model.sampler(for: request, seed: seed)
        var decoding = try model.prefill(piece, voice: voice, request: request)
        let own = model.alignmentOffset..<model.alignmentOffset + piece.count
        var matrices = [[[Float]]](repeating: [], count: decoding.headAlignments.count)
        var history: [Int32] = []
        while true {
            for (head, row) in decoding.headAlignments.enumerated() { matrices[head].append(Array(row[own])) }
            var logits = decoding.logits
            for token in model.forbiddenTokens where token != model.stopToken { logits[Int(token)] = -.infinity }
            let token = sampler.sample(logits: logits, history: history)
            history.append(token)
            if token == model.stopToken || history.count >= min(maxFrames, model.maxTokensPerPiece) { return matrices }
            try model.model.t3.step(token, state: &decoding)
        }
    }

    /// - Parameter matrix: attention by frame and text token.
    package static func measure(_ matrix: [[Float]]) -> (peaked: Double, monotonic: Double, covering: Double) {
        guard matrix.count > 1, let length = matrix.first?.count, length > 1 else { return (0, 0, 0) }
        var peaked = 0.0
        var places: [Double] = []
        for row in matrix {
            let place = row.indices.max { row[$0] < row[$1] } ?? 0
            peaked += Double(row[place]) / Double(matrix.count)
            places.append(Double(place))
        }
        let sorted = places.sorted()
        let tenth = (sorted.count - 1) / 10
        let span = sorted[sorted.count - 1 - tenth] - sorted[tenth]
        return (
            peaked, max(0, correlation(places)), min(1, span / (0.8 * Double(length - 1)))
        )
    }

    /// Pearson's, with time.
    private static func correlation(_ places: [Double]) -> Double {
        let count = Double(places.count)
        let (middle, mean) = ((count - 1) / 2, places.reduce(0, +) / count)
        var (both, times, squares) = (0.0, 0.0, 0.0)
        for (time, place) in places.enumerated() {
            let (t, p) = (Double(time) - middle, place - mean)
            both += t * p
            times += t * t
            squares += p * p
        }
        return squares > 0 ? both / (times * squares).squareRoot() : 0
    }
}
