/// Watches where T3's attention is in the text, and so knows when speech goes wrong: forbids an end before the text is
/// spoken, and forces one when the voice lingers, goes back or repeats itself. It also tells what
/// heads may look at next (`reach`): a model whose heads are kept to that doesn't go back at all.
///
/// Follows the reference's analyser (resemble-ai/chatterbox models/t3/inference/alignment_stream_analyzer.py), whose
/// limits are `Tuning.reference`, with these differences: limits scale with `threshold`, sums look back `window` frames at
/// most, an end is no more forbidden once the text was spoken, and speech that makes no progress is ended.
package struct AlignmentMonitor: Sendable {
    package enum Verdict: Sendable, Equatable {
        case allow
        /// The text isn't spoken yet: no stop token.
        case suppressEnd
        case forceEnd(Reason)
    }

    package enum Reason: String, Sendable {
        /// The last text tokens are held too long.
        case longTail
        /// Attention went back into the text after its end.
        case repeatedText
        /// The same speech token over and over.
        case repeatedToken
        /// No progress in the text.
        case stuck
    }

    /// Limits at the default threshold, in frames of 40 ms. They depend on what a text token is: a word's piece, or a
    /// phoneme, of which a word has five and on which attention rests shorter.
    package struct Tuning: Sendable, Equatable {
        /// Text tokens at the end that count as the end: a quarter of the text, but so many.
        var ending = 3...3
        /// Frames at the end of the text that make it reached.
        var arrival = 1
        /// Attention of so many frames on one of the ending tokens is a tail that is too long.
        var tail: Float = 5
        /// Attention of so many frames back in the text is a repetition.
        var repeatedText: Float = 5
        /// So many text tokens before the end may be attended to after it.
        var rehearsed = 2
        /// Equal speech tokens in a row that are a repetition.
        var tokenRun = 2
        /// No new text token for so long (or `window`, if longer).
        var stuck = 40
        /// A jump in the text of another size is no reading but a flicker.
        var jump = -3...6
        /// Whether text further on than there were frames is out of reach.
        var isPaced = true
        static let defaultThreshold = 0.15

        /// The reference's limits, for the heads it names in the english and multilingual models.
        package static let reference = Tuning()

        /// For heads that were found by measurement in models for which the reference has no monitor: their text tokens
        /// are whole words, which are spoken longer, and their pauses are made of equal tokens.
        package static let calibrated: Tuning = {
            var tuning = Tuning()
            (tuning.tail, tuning.tokenRun) = (20, 16)
            return tuning
        }()

        /// For a text of phonemes, from what healthy speech does: it ends with attention up to seven phonemes before the
        /// stop, after a silence of up to 17 frames. Its heads are kept within `reach`: left alone they flicker far ahead and
        /// back.
        package static let phonemes: Tuning = {
            var tuning = Tuning()
            (tuning.ending, tuning.arrival, tuning.tail) = (3...7, 2, 20)
            (tuning.repeatedText, tuning.rehearsed, tuning.tokenRun) = (6, 3, 16)
            (tuning.jump, tuning.isPaced) = (-3...5, false)
            return tuning
        }()
    }

    private let length: Int
    private let window: Int
    private let scale: Float
    private let tuning: Tuning
    private let ending: Int
    package private(set) var position = 0
    private var furthest = 0
    private var sinceProgress = 0
    private var arrived = 0
    /// Whether the end of the text was reached.
    package private(set) var isComplete = false
    /// Frames since completion, newest last: attention to each ending token, and to what was spoken before.
    private var tails: [[Float]] = []
    private var returns: [Float] = []
    private var frames = 0
    private var run = 0
    private var last: Int32?

    /// - Parameters:
    ///   - length: text tokens that attention is over.
    ///   - window: frames to look back, `alignment_window_size`.
    ///   - threshold: `alignment_threshold`; limits are proportional to it, within a fifth and four times the default's.
    package init(length: Int, window: Int, threshold: Double, tuning: Tuning) {
        self.length = length
        self.window = window
        self.tuning = tuning
        ending = min(tuning.ending.upperBound, max(tuning.ending.lowerBound, length / 4))
        scale = Float(min(4, max(0.2, threshold / Tuning.defaultThreshold)))
    }

    /// - Parameters:
    ///   - attention: of the newest frame over the text tokens.
    ///   - token: the speech token that was fed for it; nil for the start.
    package mutating func observe(attention: [Float], token: Int32?) -> Verdict {
        guard length > 0, attention.count == length else { return .allow }
        count(token)
        var attention = attention
        if tuning.isPaced, frames + 1 < length { for position in frames + 1..<length { attention[position] = 0 } }
        frames += 1
        let now = attention.indices.max { attention[$0] < attention[$1] } ?? 0
        let wasComplete = isComplete
        follow(now)
        if Float(run) >= max(2, Float(tuning.tokenRun) * scale) { return .forceEnd(.repeatedToken) }
        if isComplete {
            if wasComplete { record(attention) }
            if tailLength >= limit(tuning.tail) { return .forceEnd(.longTail) }
            if returns.reduce(0, +) >= limit(tuning.repeatedText) { return .forceEnd(.repeatedText) }
            return .allow
        }
        if Float(sinceProgress) >= Float(max(tuning.stuck, window)) * max(1, scale) { return .forceEnd(.stuck) }
        // By this frame alone, as the reference.
        return length > ending + 2 && now < length - ending ? .suppressEnd : .allow
    }

    /// Text tokens that a jump leads to: back from the furthest place, on from the present one.
    package var reach: Range<Int> {
        (furthest + tuning.jump.lowerBound..<position + tuning.jump.upperBound + 1).clamped(to: 0..<length)
    }

    /// In frames; no more than a window can hold, or a short one would never see it reached.
    private func limit(_ frames: Float) -> Float { min(frames * scale, 0.8 * Float(window)) }

    private mutating func count(_ token: Int32?) {
        guard let token else { return }
        run = token == last ? run + 1 : 1
        last = token
    }

    private mutating func follow(_ now: Int) {
        if tuning.jump.contains(now - position) { position = now }
        if position > furthest { (furthest, sinceProgress) = (position, 0) } else { sinceProgress += 1 }
        if min(now, position) >= length - ending { arrived += 1 }
        if arrived >= tuning.arrival { isComplete = true }
    }

    private mutating func record(_ attention: [Float]) {
        tails.append(Array(attention.suffix(ending)))
        returns.append(attention.dropLast(min(attention.count, ending + tuning.rehearsed)).max() ?? 0)
        if tails.count > window { tails.removeFirst() }
        if returns.count > window { returns.removeFirst() }
    }

    /// Frames' worth of attention on the most attended of the last text tokens.
    private var tailLength: Float {
        (0..<min(ending, length)).map { index in tails.reduce(0) { $0 + $1[index] } }.max() ?? 0
    }
}
