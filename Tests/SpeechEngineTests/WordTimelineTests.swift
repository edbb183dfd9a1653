import Chatterbox
import Foundation
import SpeechEngine
import Testing

/// Attention in, times out; a frame is 0.04 s.
@Suite struct WordTimelineTests {
    /// The timeline's words for attention that rests on `positions` in turn, taken every `chunk` frames.
    private func words(
        _ text: [String], _ owners: [Int?], _ positions: [Int], chunk: Int, ending: WordTimeline.Ending = .whole
    ) -> [WordTimestamp] {
        var timeline = WordTimeline(words: text, secondsPerToken: 0.04)
        timeline.begin(owners, offset: 1, start: 2)
        var found: [WordTimestamp] = []
        for (frame, position) in positions.enumerated() {
            timeline.observe((0..<owners.count + 2).map { $0 == position ? 0.8 : 0.2 / Float(owners.count + 2) })
            if (frame + 1) % chunk == 0, frame + 1 < positions.count { found += timeline.take(ending: .no) }
        }
        return found + timeline.take(ending: ending) + (ending == .cut ? [] : timeline.rest())
    }

    private let text = ["One", "two", "three"]
    /// Two tokens each, with a space between.
    private let owners: [Int?] = [0, 0, nil, 1, 1, nil, 2, 2, nil]

    private func expect(_ found: [WordTimestamp], _ frames: [(Int, Int)]) {
        #expect(found.map(\.word) == Array(text.prefix(frames.count)))
        for (word, frames) in zip(found, frames) {
            #expect(abs(word.start - (2 + 0.04 * Double(frames.0))) < 1e-9)
            #expect(abs(word.end - (2 + 0.04 * Double(frames.1))) < 1e-9)
        }
    }

    /// Positions count from the start token, which is 0.
    @Test(arguments: [1, 4, 7, 100]) func anyChunking(_ chunk: Int) {
        let positions = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 7, 7, 7, 8, 8, 9, 9, 9, 10]
        expect(words(text, owners, positions, chunk: chunk), [(2, 6), (8, 13), (14, 19)])
    }

    @Test func flickersAreNoWords() {
        let positions = [1, 1, 8, 2, 2, 3, 4, 1, 4, 5, 5, 8, 5, 6, 7, 1, 7, 8, 8, 8, 9]
        let found = words(text, owners, positions, chunk: 5)
        #expect(found.map(\.word) == text)
        #expect(zip(found, found.dropFirst()).allSatisfy { $0.end <= $1.start })
        #expect(abs(found[1].start - (2 + 0.04 * 6)) < 0.05)
        #expect(abs(found[2].start - (2 + 0.04 * 14)) < 0.13)
    }

    /// A word that attention never was on is there all the same, with no time of its own.
    @Test func swallowedWords() {
        let found = words(text, owners, [1, 1, 2, 2, 2, 2, 7, 7, 7, 8, 8, 9, 9], chunk: 100)
        expect(found, [(0, 6), (6, 6), (6, 11)])
        // None was spoken, or none has tokens.
        let silent = words(text, owners, [0, 0, 0, 0], chunk: 2)
        #expect(silent.map(\.word) == text && silent.allSatisfy { $0.start == $0.end })
        let without = words(text, [0, 0, nil, nil, nil, nil, nil, nil, nil], [1, 1, 2, 2], chunk: 2)
        #expect(without.map(\.word) == text)
    }

    /// What `max_new_tokens` cut off wasn't spoken.
    @Test func cutSpeech() {
        expect(words(text, owners, [1, 1, 2, 2, 3, 4, 4, 5], chunk: 100, ending: .cut), [(0, 4), (5, 8)])
    }

    /// Through the engine: a piece is a word here, and a sample is 1/200 s.
    @Test(arguments: [10, 25, 100]) func utterance(_ chunkSize: Int) throws {
        let model = ScriptedModel()
        let request = SpeechRequest(input: "a40|b30|c55", chunkSize: chunkSize, includeTimestamps: true)
        var utterance = try Utterance(model: model, request: request, voiceName: "alloy", voices: ["alloy"], seed: 1)
        var (words, samples): ([WordTimestamp], Int) = ([], 0)
        while true {
            let progress = try utterance.advance(checkpoint: {})
            words += utterance.takeWords()
            if case .chunk(let chunk) = progress { samples += chunk.count }
            if case .finished = progress { break }
        }
        #expect(words.map(\.word) == ["a40", "b30", "c55"])
        // Tokens are 0.04 s, pauses between pieces 0.12 s.
        for (word, (start, end)) in zip(words, [(0, 1.6), (1.72, 2.92), (3.04, 5.24)]) {
            #expect(abs(word.start - start) < 1e-9 && abs(word.end - end) < 1e-9, "\(word)")
        }
        #expect(words.last!.end <= Double(samples) / 200)
        var silent = request
        silent.includeTimestamps = false
        var other = try Utterance(model: model, request: silent, voiceName: "alloy", voices: ["alloy"], seed: 1)
        while !other.isFinished {
            _ = try other.advance(checkpoint: {})
            #expect(other.takeWords().isEmpty)
        }
    }
}
