/// Watches where T3's attention is in the text, and so knows when speech goes wrong: forbids an end before the text is
/// spoken, and forces one when the voice lingers, goes back or repeats itself.
///
/// Follows the reference's analyser (resemble-ai/chatterbox models/t3/inference/alignment_stream_analyzer.py) with three
/// differences: its limits scale with `threshold`, its sums look back `window` frames at most, and equal tokens in a row
/// end speech only after `Tuning.tokenRun` of them, since a pause is made of equal tokens.
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
        /// Text tokens at the end that count as the end.
        package var ending = 3
        /// A tail this long is too long.
        var tail: Float = 14
        /// Attention of this many frames back in the text is a repetition.
        var repeatedText: Float = 6
        /// The last so many text tokens may be attended to after the end.
        var rehearsed = 6
        var tokenRun = 16
        /// No new text token for so long (or `window`, if longer).
        var stuck = 40
        /// A jump in the text of this size is no reading but a flicker ...
        var jump = -4...7
        /// ... unless it lasts.
        var flickers = 6
        static let defaultThreshold = 0.15

        package init() {}
    }

    private let length: Int
    private let window: Int
    private let scale: Float
    private let tuning: Tuning
    package private(set) var position = 0
    private var furthest = 0
    private var sinceProgress = 0
    private var strays = 0
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
        scale = Float(min(4, max(0.2, threshold / Tuning.defaultThreshold)))
    }

    /// - Parameters:
    ///   - attention: of the newest frame over the text tokens.
    ///   - token: the speech token that was fed for it; nil for the start.
    package mutating func observe(attention: [Float], token: Int32?) -> Verdict {
        guard length > 0, attention.count == length else { return .allow }
        count(token)
        follow(attention)
        if Float(run) >= max(3, Float(tuning.tokenRun) * scale) { return .forceEnd(.repeatedToken) }
        if isComplete {
            record(attention)
            if tailLength >= Float(tuning.tail) * scale { return .forceEnd(.longTail) }
            if returns.reduce(0, +) >= tuning.repeatedText * scale { return .forceEnd(.repeatedText) }
            return .allow
        }
        if Float(sinceProgress) >= Float(max(tuning.stuck, window)) * max(1, scale) { return .forceEnd(.stuck) }
        return length > tuning.ending + 2 ? .suppressEnd : .allow
    }

    private mutating func count(_ token: Int32?) {
        guard let token else { return }
        run = token == last ? run + 1 : 1
        last = token
    }

    private mutating func follow(_ attention: [Float]) {
        let now = attention.indices.max { attention[$0] < attention[$1] } ?? 0
        if tuning.jump.contains(now - position) {
            position = now
            strays = 0
        } else {
            strays += 1
            if strays > tuning.flickers, !isComplete { (position, strays) = (now, 0) }
        }
        if position > furthest { (furthest, sinceProgress) = (position, 0) } else { sinceProgress += 1 }
        if position >= length - tuning.ending { isComplete = true }
    }

    private mutating func record(_ attention: [Float]) {
        tails.append(Array(attention.suffix(tuning.ending)))
        let spoken = attention.dropLast(min(attention.count, tuning.rehearsed))
        // the first token is where attention idles
        returns.append(spoken.dropFirst().max() ?? 0)
        if tails.count > window { tails.removeFirst() }
        if returns.count > window { returns.removeFirst() }
    }

    /// Frames' worth of attention on the most attended of the last text tokens.
    private var tailLength: Float {
        (0..<min(tuning.ending, length)).map { index in tails.reduce(0) { $0 + $1[index] } }.max() ?? 0
    }
}
