import Chatterbox
import Foundation
import SpeechEngine
import Testing

@Suite struct AlignmentCalibrationTests {
    private static let embedded = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Models/embedded")

    /// The embedded voice was trained to read with head 0 of layer 2, and layers behind may follow it; of its 24 heads
    /// that one must be found, by the same code that looks at GPT-2's.
    @Test func findsTheHeadThatTheEmbeddedVoiceWasTrainedWith() throws {
        let model = try ChatterboxModel.load(folder: Self.embedded, precision: .float32, watchingAllHeads: true)
        let found = try AlignmentCalibration(model: model, sentences: Array(AlignmentCalibration.sentences.prefix(2)))
        #expect(found.scores.count == 24)
        let best = try #require(found.scores.first)
        let trained = try #require(found.scores.first { $0.layer == 2 && $0.head == 0 })
        #expect(trained.total > 0.5)
        #expect(found.heads.contains([2, 0]), "\(found.scores.prefix(5))")
        // Nothing before the trained layer knows where speech is.
        #expect(best.layer >= 2)
        #expect(found.scores.filter { $0.layer < 2 }.allSatisfy { $0.total < trained.total / 2 })
        print("calibration: \(found.scores.prefix(6)) \(found.heads)")
    }

    /// Numbers of a seed follow nothing.
    @Test func findsNoneInRandomWeights() throws {
        let folder = try OfficialFolder(.nano)
        defer { folder.remove() }
        let model = try ChatterboxModel.load(folder: folder.url, precision: .float32, watchingAllHeads: true)
        let found = try AlignmentCalibration(model: model, sentences: ["hello there, you."], maxFrames: 12)
        #expect(found.scores.count == model.configuration.t3.allHeads.count)
        #expect(found.heads.isEmpty, "\(found.scores.prefix(3))")
        #expect(throws: ChatterboxError.self) {
            try AlignmentCalibration(model: ChatterboxModel.load(folder: folder.url, precision: .float32))
        }
    }

    private func matrix(_ length: Int, _ positions: [Int], peak: Float = 0.8) -> [[Float]] {
        positions.map { position in
            (0..<length).map { $0 == position ? peak : (1 - peak) / Float(length) }
        }
    }

    @Test func scoresTellWhatIsWrong() {
        let reading = (0..<60).map { $0 / 3 }
        let good = AlignmentCalibration.measure(matrix(20, reading))
        #expect(good.peaked > 0.79 && good.monotonic > 0.99 && good.covering > 0.95)
        let faint = AlignmentCalibration.measure(matrix(20, reading, peak: 0.1))
        #expect(faint.peaked < 0.15 && faint.monotonic > 0.99)
        let resting = AlignmentCalibration.measure(matrix(20, Array(repeating: 4, count: 60)))
        #expect(resting.monotonic == 0 && resting.covering == 0)
        let backwards = AlignmentCalibration.measure(matrix(20, reading.reversed()))
        #expect(backwards.monotonic == 0)
        let half = AlignmentCalibration.measure(matrix(20, (0..<60).map { $0 / 6 }))
        #expect(half.monotonic > 0.99 && half.covering < 0.6)
        let jumping = AlignmentCalibration.measure(matrix(20, (0..<60).map { $0 * 7 % 20 }))
        #expect(jumping.monotonic < 0.3)
    }

    /// What was measured is found again, and turns the monitor and timestamps on; without it they are off, and said so.
    @Test func storedHeadsAreUsed() async throws {
        let folder = try OfficialFolder(.nano)
        defer { folder.remove() }
        func engine() throws -> SpeechEngine {
            let engine = SpeechEngine(configuration: .init(modelFolder: folder.url, precision: .float32))
            try engine.load()
            return engine
        }
        let names: Set = [
            "enable_alignment_monitoring", "alignment_window_size", "alignment_threshold", "include_timestamps",
        ]
        // The fixture's heads are forgotten.
        let config = folder.url.appending(path: "config.json")
        var json = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: config)) as? [String: Any])
        var t3 = try #require(json["t3"] as? [String: Any])
        t3["alignment_heads"] = [[Int]]()
        json["t3"] = t3
        try JSONSerialization.data(withJSONObject: json).write(to: config)
        let plain = try engine()
        #expect(names.isSubset(of: plain.ignoredParameters))
        let request = SpeechRequest(
            input: "hello there", maxNewTokens: 100, enableAlignmentMonitoring: false, seed: 3, includeTimestamps: true)
        #expect(try await words(plain.speak(request)).isEmpty)
        plain.shutdown()

        let configuration = try ChatterboxModel.load(folder: folder.url, precision: .float32).configuration
        let heads = [[0, 1], [1, 0]]
        _ = try AlignmentFile.store([[1, 1]], of: configuration.t3, in: folder.url)
        let path = try AlignmentFile.store(heads, of: configuration.t3, in: folder.url)
        #expect(path == folder.url.appending(path: "alignment.json").path)
        let loaded = try ChatterboxModel.load(folder: folder.url, precision: .float32)
        #expect(loaded.configuration.t3.alignmentHeads == heads)
        let calibrated = try engine()
        #expect(names.isDisjoint(with: calibrated.ignoredParameters))
        let found = try await words(calibrated.speak(request))
        #expect(found.allSatisfy { ["hello", "there"].contains($0.word) })
        calibrated.shutdown()
    }

    private func words(_ stream: SpeechStream) async throws -> [WordTimestamp] {
        var words: [WordTimestamp] = []
        for try await event in stream {
            switch event {
            case .chunk(let chunk): words += chunk.words
            case .finished(let summary): words += summary.words
            }
        }
        return words
    }

    /// Each error names the file, the entry and what is allowed.
    @Test(arguments: [
        (#"{"format": 1, "heads": {"FILE": [[99, 0]]}}"#, "heads.FILE"),
        (#"{"format": 1, "heads": {"FILE": [[0, 99]]}}"#, "heads.FILE"),
        (#"{"format": 1, "heads": {"FILE": [[0, -1]]}}"#, "heads.FILE"),
        (#"{"format": 1, "heads": {"FILE": [[0]]}}"#, "heads.FILE"),
        (#"{"format": 1, "heads": {"FILE": [[0, 1], [0, 1]]}}"#, "heads.FILE"),
        (#"{"format": 2, "heads": {}}"#, "format"), (#"{"format": 1}"#, "heads"),
        (#"{"format": 1, "heads": {"FILE": 3}}"#, "heads.FILE"), ("nonsense", ""),
    ])
    func brokenFiles(_ text: String, _ field: String) throws {
        let folder = try OfficialFolder(.nano)
        defer { folder.remove() }
        let path = folder.url.appending(path: "alignment.json")
        try text.replacing("FILE", with: folder.t3File).write(to: path, atomically: true, encoding: .utf8)
        let error = #expect(throws: ChatterboxError.self) {
            try ChatterboxModel.load(folder: folder.url, precision: .float32)
        }
        guard case .configuration("alignment.json", let found, let problem) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found == field.replacing("FILE", with: folder.t3File))
        #expect(!problem.isEmpty)
        #expect(throws: ChatterboxError.self) { try ModelAudit(folder: folder.url) }
    }
}
