import Chatterbox
import Foundation
import SpeechEngine
import Testing

@Suite struct StageTimesTests {
    @Test func medianOfRounds() {
        let odd = StageTimes.Stage("a", seconds: [3, 1, 2])
        #expect((odd.least, odd.median, odd.most) == (1, 2, 3))
        #expect(StageTimes.Stage("a", seconds: [4, 1, 2, 9]).median == 3)
    }

    /// What it tells of the model it measured.
    @Test(arguments: [OfficialModel.nano, .english])
    func describesTheModel(_ model: OfficialModel) throws {
        let folder = try OfficialFolder(model)
        defer { folder.remove() }
        let configuration = SpeechEngine.Configuration(modelFolder: folder.url, precision: .float32, threads: 1)
        let setting = StageTimes.Setting(chunkSize: 10, contextWindow: 10, rounds: 1, sessions: 3)
        let times = try StageTimes(configuration: configuration, setting: setting)
        #expect(times.rows == (model == .nano ? 1 : 2))
        // The speaker in front of 13 tokens of recording, or of the perceiver's 32 and the emotion.
        #expect(times.positions - times.textPositions == (model == .nano ? 1 + 13 : 1 + 32 + 1))
        #expect(times.promptTokens == 4 && times.lookaheadTokens == 3)
        #expect(times.precision == "float32" && times.stages.count == 8)
    }
}
