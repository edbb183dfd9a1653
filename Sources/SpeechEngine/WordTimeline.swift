import Foundation

/// From attention to times: which frames speak which word. Attention flickers ahead and back, so it isn't taken frame by
/// frame: of all ways through the text that never go back, the one with the most attention is taken (Viterbi). What is
/// told stays told, therefore a word is told some frames after its end, or at the end of its piece.
package struct WordTimeline: Sendable {
    /// How a piece goes on.
    package enum Ending: Sendable {
        case no
        /// All of its text was spoken.
        case whole
        /// The request's tokens are used up.
        case cut
    }

    /// Frames that a way may still change its mind for.
    private static let margin = 6
    private static let leastAttention: Float = 1e-4

    private let words: [String]
    private let secondsPerToken: Double
    /// The first word that isn't told.
    private var next = 0
    /// Where the last word ended.
    private var end = 0.0
    private var piece = Piece()

    private struct Piece: Sendable {
        /// By position of the alignment.
        var words: [Int?] = []
        var start = 0.0
        /// The attention of each frame that is not told.
        var rows: [[Float]] = []
        /// Frames that are.
        var told = 0
        /// Where the way goes on.
        var position = 0
    }

    /// - Parameters:
    ///   - words: of the whole text.
    ///   - secondsPerToken: of audio; each speech token is a frame here.
    package init(words: [String], secondsPerToken: Double) {
        self.words = words
        self.secondsPerToken = secondsPerToken
    }

    /// - Parameters:
    ///   - words: the word of each token, nil for none.
    ///   - offset: positions of the alignment in front of them.
    ///   - start: seconds, where the piece's audio begins.
    package mutating func begin(_ words: [Int?], offset: Int, start: Double) {
        piece = Piece(words: [Int?](repeating: nil, count: offset) + words, start: start)
    }

    /// - Parameter attention: that a speech token was drawn with, over the piece's text.
    package mutating func observe(_ attention: [Float]) { piece.rows.append(attention) }

    /// The words that are known to have ended, each once and in order.
    package mutating func take(ending: Ending) -> [WordTimestamp] {
        let way = way()
        var spans: [(word: Int, frames: Range<Int>, position: Int)] = []
        for (frame, position) in way.enumerated() {
            guard position < piece.words.count, let word = piece.words[position], word >= next else { continue }
            if spans.last?.word == word {
                spans[spans.count - 1].frames = spans[spans.count - 1].frames.lowerBound..<frame + 1
                spans[spans.count - 1].position = position
            } else {
                spans.append((word, frame..<frame + 1, position))
            }
        }
        if ending == .no {
            let settled = way.count - Self.margin
            // The last word may still be spoken.
            spans = spans.dropLast().filter { $0.frames.upperBound <= settled }
        }
        var told: [WordTimestamp] = []
        for span in spans {
            let start = piece.start + Double(piece.told + span.frames.lowerBound) * secondsPerToken
            told += skipped(to: span.word, at: max(end, start))
            let stop = piece.start + Double(piece.told + span.frames.upperBound) * secondsPerToken
            told.append(WordTimestamp(word: words[span.word], start: max(end, start), end: max(end, stop)))
            (next, end) = (span.word + 1, max(end, stop))
        }
        if ending == .whole, let last = piece.words.compactMap(\.self).last {
            end = max(end, piece.start + Double(piece.told + way.count) * secondsPerToken)
            told += skipped(to: last + 1, at: end)
        }
        if let last = spans.last {
            piece.rows.removeFirst(last.frames.upperBound)
            piece.told += last.frames.upperBound
            piece.position = last.position + 1
        }
        return told
    }

    /// The words behind the last piece, which have no sound.
    package mutating func rest() -> [WordTimestamp] { skipped(to: words.count, at: end) }

    /// Words that no frame was spent on.
    private mutating func skipped(to word: Int, at time: Double) -> [WordTimestamp] {
        defer { next = max(next, word) }
        guard next < word else { return [] }
        return words[next..<word].map { WordTimestamp(word: $0, start: time, end: time) }
    }

    /// A position for each frame.
    private func way() -> [Int] {
        guard let first = piece.rows.first, piece.position < first.count else {
            return [Int](repeating: piece.words.count, count: piece.rows.count)
        }
        let positions = piece.position..<first.count
        var scores = [Float](repeating: 0, count: positions.count)
        /// By frame: where the best way to each position came from.
        var origins: [[Int32]] = []
        for (frame, row) in piece.rows.enumerated() {
            var from = [Int32](repeating: 0, count: positions.count)
            var best = 0
            for index in positions.indices.lazy.map({ $0 - positions.lowerBound }) {
                if frame > 0, scores[index] > scores[best] { best = index }
                from[index] = Int32(best)
            }
            let arrived = from.map { frame == 0 ? 0 : scores[Int($0)] }
            for index in scores.indices {
                scores[index] = arrived[index] + log(max(row[positions.lowerBound + index], Self.leastAttention))
            }
            origins.append(from)
        }
        var at = scores.indices.max { scores[$0] < scores[$1] } ?? 0
        var way: [Int] = []
        for from in origins.reversed() {
            way.append(positions.lowerBound + at)
            at = Int(from[at])
        }
        return way.reversed()
    }
}
