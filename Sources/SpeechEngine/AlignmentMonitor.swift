/// Watches where T3's attention is in the text, and so knows when speech goes wrong: forbids an end before the text is
/// spoken, and forces one when the voice lingers, goes back or repeats itself.
///
/// Follows the reference's analyser (resemble-ai/chatterbox models/t3/inference/alignment_stream_analyzer.py) with these
/// differences: its limits scale with `threshold`, its sums look back `window` frames at most, and equal tokens in a row
/// end speech only after `Tuning.tokenRun` of them, since a pause is made of equal tokens. The end of a text is more than
/// three tokens, for a phoneme is less than a word's piece, and a single frame's attention proves no position, for heads
/// flicker far ahead and back in healthy speech.
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

    /// Limits at the default threshold, in frames of 40 ms.
    package struct Tuning: Sendable {
        /// Text tokens at the end that count as the end: a quarter of the text, but so many. Speech that is well ends
        /// with attention up to seven phonemes before the stop.
        var ending = 3...7
        /// Frames at the end of the text that make it reached.
        var arrival = 2
        /// A tail this long is too long. Final silences of healthy speech have up to 17.
        var tail: Float = 20
        /// Attention of this many frames back in the text is a repetition.
        var repeatedText: Float = 6
        /// So many text tokens before the end may be attended to after it.
        var rehearsed = 3
        var tokenRun = 16
        /// No new text token for so long (or `window`, if longer).
        var stuck = 40
        /// A jump in the text of this size is no reading but a flicker ...
        var jump = -4...7
        /// ... unless so many frames in a row read on from there.
        var flickers = 5
        static let defaultThreshold = 0.15

        package init() {}
    }

    private let length: Int
    private let window: Int
    private let scale: Float
    private let tuning: Tuning
    private let ending: Int
    package private(set) var position = 0
    private var furthest = 0
    private var sinceProgress = 0
    /// Where attention strayed to, and for how many frames.
    private var stray = (position: 0, frames: 0)
    private var arrived = 0
    /// Whether the end of the text was reached.
    package private(set) var isComplete = false
    /// Frames since completion, newest last: attention to each ending token, and to what was spoken before.
    private var tails: [[Float]] = []
    private var returns: [Float] = []
    private var run = 0
    private var last: Int32?

    /// - Parameters:
    ///   - length: text tokens that attention is over.
    ///   - window: frames to look back, `alignment_window_size`.
    ///   - threshold: `alignment_threshold`; limits are proportional to it, within a fifth and four times the default's.
    package init(length: Int, window: Int, threshold: Double, tuning: Tuning = Tuning()) {
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
        let now = attention.indices.max { attention[$0] < attention[$1] } ?? 0
        follow(now)
        if Float(run) >= max(3, Float(tuning.tokenRun) * scale) { return .forceEnd(.repeatedToken) }
        if isComplete {
            record(attention)
            if tailLength >= limit(tuning.tail) { return .forceEnd(.longTail) }
            if returns.reduce(0, +) >= limit(tuning.repeatedText) { return .forceEnd(.repeatedText) }
            return .allow
        }
        if Float(sinceProgress) >= Float(max(tuning.stuck, window)) * max(1, scale) { return .forceEnd(.stuck) }
        // As the reference, by this frame alone; but a flicker in the first half is none.
        let nears = now >= length - ending && position >= length / 2
        return length > ending + 2 && !nears ? .suppressEnd : .allow
    }

    /// In frames; no more than a window can hold, or a short one would never see it reached.
    private func limit(_ frames: Float) -> Float { min(frames * scale, 0.8 * Float(window)) }

    private mutating func count(_ token: Int32?) {
        guard let token else { return }
        run = token == last ? run + 1 : 1
        last = token
    }

    private mutating func follow(_ now: Int) {
        if tuning.jump.contains(now - position) {
            position = now
            stray.frames = 0
        } else if !isComplete {
            stray.frames = stray.frames > 0 && tuning.jump.contains(now - stray.position) ? stray.frames + 1 : 1
            stray.position = now
            if stray.frames >= tuning.flickers { (position, stray.frames) = (now, 0) }
        }
        if position > furthest { (furthest, sinceProgress) = (position, 0) } else { sinceProgress += 1 }
        if min(now, position) >= length - ending { arrived += 1 }
        if arrived >= tuning.arrival { isComplete = true }
    }

    private mutating func record(_ attention: [Float]) {
        tails.append(Array(attention.suffix(ending)))
        let spoken = attention.dropLast(min(attention.count, ending + tuning.rehearsed))
        // the first token is where attention idles
        returns.append(spoken.dropFirst().max() ?? 0)
        if tails.count > window { tails.removeFirst() }
        if returns.count > window { returns.removeFirst() }
    }

    /// Frames' worth of attention on the most attended of the last text tokens.
    private var tailLength: Float {
        (0..<min(ending, length)).map { index in tails.reduce(0) { $0 + $1[index] } }.max() ?? 0
    }
}
