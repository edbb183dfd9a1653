import Foundation
import FuzzTargets
import Testing

/// Every seed, every input that ever broke a parser, and the same spoiled versions of them each time. `make fuzz` looks for
/// new ones.
@Suite struct FuzzingTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    /// Rounds of each target: what takes a second or two. Decoding a recording takes a millisecond, a message some µs.
    private static let rounds: [FuzzTarget: Int] = [.audio: 300, .text: 300, .tokenizer: 300, .gpt2: 300]

    @Test(arguments: FuzzTarget.allCases) func survives(_ target: FuzzTarget) throws {
        let seeds = try Self.seeds(of: target)
        try #require(!seeds.isEmpty)
        var mutator = Mutator(seed: 20_261_127)
        for (name, bytes) in seeds { try Self.run(target, bytes, "the seed \(name)") }
        for round in 0..<Self.rounds[target, default: 2000] {
            let (name, bytes) = seeds[round % seeds.count]
            let spoiled = mutator.mutate(bytes, other: seeds[round / seeds.count % seeds.count].bytes)
            try Self.run(target, spoiled, "round \(round), from \(name)")
        }
    }

    private static func run(_ target: FuzzTarget, _ bytes: [UInt8], _ what: String) throws {
        do {
            try target.run(bytes)
        } catch {
            Issue.record("\(what): \(error)")
        }
    }

    /// `Fuzzing/Seeds/TARGET` and the fixtures of other tests that are of its kind, in the order of their names.
    private static func seeds(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let fixtures = root.appending(path: "Tests/Fixtures")
        let others: [URL] =
            switch target {
            case .audio, .wav: try files(in: fixtures.appending(path: "media"))
            case .torch: [fixtures.appending(path: "torch.pt"), fixtures.appending(path: "conds.pt")]
            case .safetensors: [fixtures.appending(path: "torch.safetensors")]
            case .tokenizer: [fixtures.appending(path: "tokenizer_english.json")]
            case .config: [root.appending(path: "Models/embedded/config.json")]
            default: []
            }
        let own = root.appending(path: "Fuzzing/Seeds/\(target.rawValue)")
        return try (files(in: own) + others).map { ($0.lastPathComponent, Array(try Data(contentsOf: $0))) }
    }

    private static func files(in folder: URL) throws -> [URL] {
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }
    }
}
