import Chatterbox
import Checkpoints
import Foundation
import Tensors
import Testing

/// The voice encoder with resemblyzer's public weights, which are not committed: resemblyzer_parity.py in Tests/Fixtures
/// makes the folder and runs this.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["RESEMBLYZER_FIXTURE"] != nil))
struct ResemblyzerTests {
    @Test func sameEmbeddingAsThePackage() throws {
        let folder = try #require(ProcessInfo.processInfo.environment["RESEMBLYZER_FIXTURE"])
        let file = try SafetensorsFile(
            url: URL(fileURLWithPath: folder).appendingPathComponent("resemblyzer.safetensors"))
        let weights = WeightReader(file).scope("weights")
        let encoder = try VoiceEncoder(weights)
        try weights.finish()
        // The package's own mel and partials.
        let partials = try encoder.embeddings(of: file.tensor("in.partials"))
        expectParity(partials, try file.tensor("out.partials"), "resemblyzer's partials")
        // From samples: its ends are padded with zeros where the reference reflects, and partials are counted otherwise.
        let whole = try encoder(file.tensor("in.wave").values, trimmed: false)
        let expected = try file.tensor("out.embedding").values
        let cosine = zip(whole.values, expected).reduce(0) { $0 + $1.0 * $1.1 }
        print("resemblyzer: cosine \(cosine)")
        #expect(cosine >= 0.9999)
    }
}
