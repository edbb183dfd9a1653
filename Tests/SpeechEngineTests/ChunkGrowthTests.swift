import SpeechEngine
import Testing

@Suite struct ChunkGrowthTests {
    /// A chunk of a request: its tokens, what it took to make, and for how long its listener had nothing to play.
    private struct Chunk {
        let size: Int
        let seconds: Double
        let silence: Double
    }

    /// What becomes of a request whose tokens and chunks take so long each; a token sounds for 40 ms.
    private func chunks(
        first: Int = 25, perToken: [Double], perChunk: Double = 0, until: Int = 600
    ) -> [Chunk] {
        var growth = ChunkGrowth(first: first)
        var (chunks, elapsed, tokens, inHand): ([Chunk], Double, Int, Double) = ([], 0, 0, 0)
        while tokens < until {
            let size = growth.size
            let seconds = Double(size) * perToken[min(chunks.count, perToken.count - 1)] + perChunk
            chunks.append(Chunk(size: size, seconds: seconds, silence: chunks.isEmpty ? 0 : max(seconds - inHand, 0)))
            inHand = max(inHand - seconds, 0) + Double(size) * 0.04
            elapsed += seconds
            tokens += size
            growth.chunkSent(elapsed: elapsed, tokens: tokens, audio: Double(tokens) * 0.04)
        }
        return chunks
    }

    @Test func doublesWhereTheMachineIsFast() {
        #expect(chunks(perToken: [0.002]).map(\.size) == [25, 50, 100, 100, 100, 100, 100, 100])
        #expect(chunks(first: 10, perToken: [0.002], until: 250).map(\.size) == [10, 20, 40, 80, 100])
        #expect(chunks(first: 60, perToken: [0.002], until: 250).map(\.size) == [60, 100, 100])
        #expect(chunks(first: 100, perToken: [0.002], until: 250).map(\.size) == [100, 100, 100])
    }

    /// A big prompt: 25 tokens take longer than they sound, 50 don't.
    @Test func growsOutOfSlowness() {
        let grown = chunks(perToken: [0.012], perChunk: 0.9, until: 800)
        #expect(grown[1].size == 50)
        #expect(grown.last?.size == 100)
        #expect(grown.dropFirst(2).allSatisfy { $0.silence == 0 })
        #expect(grown.reduce(0) { $0 + $1.seconds } < 0.65 * 800 * 0.04)
    }

    /// Too slow at any size: the listener waits for long chunks, and has short ones while they last.
    @Test func isLargeWhereTheMachineIsTooSlow() {
        #expect(chunks(perToken: [0.1]).map(\.size).prefix(4) == [25, 50, 100, 33])
    }

    /// Of many that begin at once, the first to have sound doesn't know yet how long the others' takes.
    @Test(arguments: [(1, 50), (2, 26)]) func isCarefulBesideOthers(_ sessions: Int, _ size: Int) {
        var growth = ChunkGrowth(first: 25)
        growth.chunkSent(elapsed: 0.4, tokens: 25, audio: 1, sessions: sessions)
        #expect(growth.size == size)
    }

    @Test func waitsForSoundInHand() {
        #expect(chunks(perToken: [0.025], until: 400).map(\.size).prefix(3) == [25, 33, 49])
        #expect(chunks(perToken: [0.025], until: 1500).last?.size == 100)
    }

    @Test func goesBackWhenTheMachineGetsBusy() {
        let sizes = chunks(perToken: [0.002, 0.002, 0.002, 0.002, 0.05, 0.05, 0.05, 0.05], until: 1000).map(\.size)
        #expect(sizes.prefix(5) == [25, 50, 100, 100, 100])
        #expect(sizes[5...].contains { $0 < 100 })
    }

    /// No chunk that is larger than the first takes longer than the sound in hand, while the pace stays what it was.
    @Test(arguments: [0.005, 0.015, 0.025, 0.035]) func theListenerNeverRunsDry(perToken: Double) {
        #expect(chunks(perToken: [perToken], until: 2000).allSatisfy { $0.silence == 0 })
    }

    /// The end of a sentence: 3 tokens that took as long as 25.
    @Test func fewTokensSayLittle() {
        var growth = ChunkGrowth(first: 25)
        growth.chunkSent(elapsed: 0.1, tokens: 25, audio: 1)
        #expect(growth.size == 50)
        growth.chunkSent(elapsed: 0.3, tokens: 75, audio: 3)
        #expect(growth.size == 100)
        growth.chunkSent(elapsed: 0.4, tokens: 78, audio: 3.12)
        #expect(growth.size == 100)
    }
}
