import Chatterbox
import Checkpoints
import Foundation
import Tensors
import Testing

/// The official english checkpoints by their manifests: every tensor is read at its shape, or ignored with a reason.
@Suite struct OfficialShapesTests {
    /// Names and shapes of the checkpoints; the meanflow one is only what it has beyond the other.
    private static func manifests() throws -> [String: [String: [Int]]] {
        let url = Fixture.folder.appendingPathComponent("official_shapes.json")
        var all = try JSONDecoder().decode([String: [String: [Int]]].self, from: Data(contentsOf: url))
        let common = try #require(all["s3gen"])
        all["s3gen_meanflow"]?.merge(common) { own, _ in own }
        return all
    }

    private static func manifest(_ name: String) throws -> WeightReader {
        WeightReader(manifest: try #require(manifests()[name]), name: name)
    }

    static func configuration() throws -> ModelConfiguration {
        try .decode(Data(contentsOf: Fixture.folder.appendingPathComponent("official_english.json")))
    }

    @Test func english() throws {
        // The initialiser audits.
        _ = try T3(Self.manifest("t3_cfg"), configuration: Self.configuration().t3, precision: .float32)
    }

    @Test func otherSizesDoNotFit() throws {
        var wrong = try Self.configuration().t3
        wrong.layerCount = 29
        let found = #expect(throws: CheckpointError.self) {
            try T3(Self.manifest("t3_cfg"), configuration: wrong, precision: .float32)
        }
        guard case .unread(_, let keys)? = found else {
            Issue.record("\(String(describing: found))")
            return
        }
        #expect(keys.count == 9 && keys.allSatisfy { $0.hasPrefix("tfmr.layers.29.") })
        wrong.layerCount = 31
        #expect(throws: CheckpointError.self) {
            try T3(Self.manifest("t3_cfg"), configuration: wrong, precision: .float32)
        }
    }

    @Test(arguments: [("s3gen", false), ("s3gen_meanflow", true)])
    func s3genAndHiFT(_ name: String, _ meanflow: Bool) throws {
        let reader = try Self.manifest(name)
        var configuration = try Self.configuration()
        configuration.s3gen.decoder.meanflow = meanflow
        _ = try S3Gen(reader, configuration: configuration.s3gen, precision: .float32)
        guard case .hift(let hift) = configuration.vocoder else {
            Issue.record("the official vocoder is HiFT")
            return
        }
        _ = try HiFTGenerator(reader.scope("mel2wav"), configuration: hift, precision: .float32)
        try reader.finish(ignoring: ChatterboxModel.unusedByS3Gen)
    }
}
