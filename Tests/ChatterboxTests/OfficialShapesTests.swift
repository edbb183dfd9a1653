import Chatterbox
import Checkpoints
import Foundation
import Tensors
import Testing

/// The official checkpoints by their manifests: every tensor is read at its shape, or ignored with a reason.
@Suite struct OfficialShapesTests {
    /// Names and shapes of the checkpoints; of meanflow and multilingual only what they have beyond their relatives.
    private static func manifests() throws -> [String: [String: [Int]]] {
        let url = Fixture.folder.appendingPathComponent("official_shapes.json")
        var all = try JSONDecoder().decode([String: [String: [Int]]].self, from: Data(contentsOf: url))
        for (name, relative) in [("s3gen_meanflow", "s3gen"), ("t3_mtl23ls", "t3_cfg")] {
            let common = try #require(all[relative])
            all[name]?.merge(common) { own, _ in own }
        }
        return all
    }

    private static func manifest(_ name: String) throws -> WeightReader {
        WeightReader(manifest: try #require(manifests()[name]), name: name)
    }

    static func configuration() throws -> ModelConfiguration {
        try .decode(Data(contentsOf: Fixture.folder.appendingPathComponent("official_english.json")))
    }

    /// The numbers of the code are those of the checkpoints; the initialiser audits.
    @Test(arguments: [
        (OfficialModel.nano, "t3_nano_v1"), (.turbo, "t3_turbo_v1"), (.english, "t3_cfg"),
        (.multilingualV2, "t3_mtl23ls"), (.multilingualV3, "t3_mtl23ls"),
    ])
    func t3(_ model: OfficialModel, _ name: String) throws {
        let configuration = model.configuration(decoder: .guided, s3genFile: "s3gen.safetensors", cangjie: false)
        _ = try T3(Self.manifest(name), configuration: configuration.t3, precision: .float32)
        // What the code says is also a valid config.json.
        #expect(try ModelConfiguration.decode(JSONEncoder().encode(configuration)) == configuration)
    }

    @Test func everyModelRefusesTheOthers() throws {
        let names = ["t3_nano_v1", "t3_turbo_v1", "t3_cfg", "t3_mtl23ls"]
        for (own, model) in zip(names, [OfficialModel.nano, .turbo, .english, .multilingualV3]) {
            let t3 = model.configuration(decoder: .guided, s3genFile: "s3gen.safetensors", cangjie: false).t3
            for other in names where other != own {
                #expect(throws: CheckpointError.self) {
                    try T3(Self.manifest(other), configuration: t3, precision: .float32)
                }
            }
        }
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
        let configuration = OfficialModel.english.configuration(
            decoder: meanflow ? .meanflow : .guided, s3genFile: name, cangjie: false)
        _ = try S3Gen(reader, configuration: configuration.s3gen, precision: .float32)
        guard case .hift(let hift) = configuration.vocoder else {
            Issue.record("the official vocoder is HiFT")
            return
        }
        _ = try HiFTGenerator(reader.scope("mel2wav"), configuration: hift, precision: .float32)
        try reader.finish(ignoring: ChatterboxModel.unusedByS3Gen)
    }
}
