/// Who may be spoken now: so many sessions that all of them stay in real time, by what speech has cost lately. Knows
/// nothing of threads and clocks.
package struct Admission: Sendable {
    /// How many sessions may be spoken at once.
    package enum Rule: Sendable, Equatable {
        /// As many, whatever becomes of real time.
        case fixed(Int)
        /// As many as stay in real time, one at least, and no more than these.
        case realTime(most: Int)
    }

    /// Of the machine's time; the rest is for what comes unevenly.
    private static var share: Double { 0.8 }
    /// Seconds of computing that the cost is a mean of: what is older counts less and less. Many of the requests of a quick
    /// model, since a request costs more at its beginning than at its end.
    private static var memory: Double { 20 }
    /// Seconds of audio before anything is known.
    private static var least: Double { 0.5 }

    private let rule: Rule
    private var (busy, audio) = (0.0, 0.0)
    /// Seconds of audio that a character of text makes.
    private var perCharacter = 1.0 / 15

    package init(_ rule: Rule) { self.rule = rule }

    /// Seconds in which something was computed, for all sessions together, and the audio that came of it.
    package mutating func observe(busy seconds: Double, audio new: Double) {
        (busy, audio) = (busy + seconds, audio + new)
        if busy > Self.memory { (busy, audio) = (Self.memory, audio * Self.memory / busy) }
    }

    /// A request that was spoken to its end.
    package mutating func observe(characters: Int, audio: Double) {
        if characters > 0 { perCharacter += 0.2 * (audio / Double(characters) - perCharacter) }
    }

    /// Computing for a second of audio, with all cores and as many sessions as there were; nil until that is known.
    package var cost: Double? { audio >= Self.least ? busy / audio : nil }

    /// Sessions that may be spoken at once.
    package var places: Int {
        switch rule {
        case .fixed(let count): count
        case .realTime(let most):
            cost.map { $0 * Double(most) <= Self.share ? most : max(1, Int(Self.share / $0)) } ?? 1
        }
    }

    /// Most sessions at once; those whose listeners have enough, and that cost nothing until they read, count here alone.
    package var most: Int {
        switch rule {
        case .fixed(let count): count
        case .realTime(let most): most
        }
    }

    /// Seconds of audio that a text is likely to make.
    package func expectedAudio(characters: Int) -> Double { Double(characters) * perCharacter }

    /// Seconds until all of so much audio is made; nil while nobody knows.
    package func wait(audio: Double) -> Double? { cost.map { $0 * audio } }
}
