/// How many speech tokens a request's next chunk has. The first is small, so that sound comes early. Later ones may have
/// up to twice as many as the one before, which spares S3Gen what it hears again and the listener messages: as many as the
/// sound that the listener has outlasts the making of; and also where it can't outlast even a small one, since then longer chunks are what makes the
/// waiting less in all.
package struct ChunkGrowth: Sendable {
    /// What the largest chunk has: more saves little, and is long to wait for if the machine gets busy.
    package static var most: Int { 100 }
    /// Sound in hand over the expected time of a chunk.
    private static var margin: Double { 1.2 }
    /// The same beside other sessions: whoever was early hasn't waited for them yet, and they grow too.
    private static var marginBesideOthers: Double { 2.4 }

    private let first: Int
    /// Tokens of the chunk that is being made.
    package private(set) var size: Int
    private var cost = ChunkCost()
    private var before = (elapsed: 0.0, tokens: 0, audio: 0.0)
    /// Seconds of sound that the listener has not played yet.
    private var inHand = 0.0

    /// - Parameter first: tokens of the first chunk, and the least that another has unless its sentence ends.
    package init(first: Int) {
        self.first = first
        size = first
    }

    /// Settles the size of the next chunk.
    /// - Parameters:
    ///   - elapsed: seconds from the request to the chunk that was just sent.
    ///   - tokens: of all chunks so far.
    ///   - audio: seconds of sound of all chunks so far.
    ///   - sessions: that are being spoken now, this one included.
    package mutating func chunkSent(elapsed: Double, tokens: Int, audio: Double, sessions: Int = 1) {
        let seconds = elapsed - before.elapsed
        cost.observe(tokens: Double(tokens - before.tokens), seconds: seconds)
        inHand = max(inHand - seconds, 0) + audio - before.audio
        before = (elapsed, tokens, audio)
        let largest = max(first, min(size * 2, Self.most))
        let (perChunk, perToken) = cost.fit
        let margin = sessions > 1 ? Self.marginBesideOthers : Self.margin
        let isTooSlow = inHand < perChunk + perToken * Double(first)
        let fitting = (inHand / margin - perChunk) / max(perToken, 1e-9)
        size = isTooSlow || fitting > Double(largest) ? largest : max(first, Int(fitting))
    }
}

/// Seconds that a chunk takes: some whatever its size, and some for each token. Fitted by least squares to the chunks so
/// far; one counts half as much as the next, so that a machine that has become busy is soon noticed.
struct ChunkCost: Sendable {
    private var (weight, tokens, seconds, tokensSquared, product) = (0.0, 0.0, 0.0, 0.0, 0.0)

    mutating func observe(tokens n: Double, seconds t: Double) {
        weight = weight / 2 + 1
        tokens = tokens / 2 + n
        seconds = seconds / 2 + t
        tokensSquared = tokensSquared / 2 + n * n
        product = product / 2 + n * t
    }

    var fit: (perChunk: Double, perToken: Double) {
        guard tokens > 0 else { return (0, 0) }
        let proportional = seconds / tokens
        let spread = weight * tokensSquared - tokens * tokens
        // Chunks of one size don't tell the two apart; a token costs something, and a chunk not less than nothing.
        let perToken =
            spread > 1e-6 * tokens * tokens
            ? min(max((weight * product - tokens * seconds) / spread, 0), proportional) : proportional
        return ((seconds - perToken * tokens) / weight, perToken)
    }
}
