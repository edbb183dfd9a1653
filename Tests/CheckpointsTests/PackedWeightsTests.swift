import Checkpoints
import Foundation
import Tensors
import Testing

@Suite struct PackedWeightsTests {
    /// A folder with a checkpoint of one weight of each kind, and an empty cache.
    private final class Place {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("packed-\(UUID())")
        var checkpoint: URL { folder.appendingPathComponent("model.safetensors") }
        var cache: URL { folder.appendingPathComponent("cache") }
        var packed: URL { folder.appendingPathComponent("model.safetensors.int8.packed") }
        private(set) var weight: [Float] = []

        init() throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try write(factor: 1)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        /// `w` `[70, 33]`.
        func write(factor: Float) throws {
            weight = (0..<70 * 33).map { factor * sinf(Float($0)) }
            let header = Data(#"{"w":{"dtype":"F32","shape":[70,33],"data_offsets":[0,9240]}}   "#.utf8)
            var contents = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header
            weight.withUnsafeBytes { contents.append(contentsOf: $0) }
            try contents.write(to: checkpoint)
        }

        func open() throws -> (any TensorFile, PackedWeights) {
            let file = try openCheckpoint(checkpoint)
            return (
                file,
                try #require(PackedWeights(of: file, at: checkpoint, precision: .int8, leastBytes: 0, cache: cache))
            )
        }

        /// Makes all layers of the checkpoint, saves what was packed.
        /// - Returns: what the layers make of an input, whether all was there, and where it is now.
        func load() throws -> (outputs: [Tensor], wasComplete: Bool, saved: URL?) {
            let (file, packed) = try open()
            let reader = WeightReader(file, packed: packed)
            let bias = Tensor(repeating: 0.5, shape: [70])
            let x = try Tensor((0..<99).map { cosf(Float($0)) }, shape: [3, 33])
            var outputs: [Tensor] = []
            for precision in Precision.allCases {
                let weight = try reader.weight("w", shape: [70, 33])
                outputs.append(try Linear(weight: weight, bias: bias, precision: precision)(x))
                let twice = Weight.concatenated([weight, weight])
                outputs.append(try Linear(weight: twice, bias: nil, precision: precision)(x))
            }
            try reader.finish()
            let wasComplete = packed.isComplete
            return (outputs, wasComplete, packed.save())
        }
    }

    /// The numbers themselves are not even read: here they are gone.
    @Test func theSecondStartReadsWhatTheFirstPacked() throws {
        let place = try Place()
        func setTime() throws {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)], ofItemAtPath: place.checkpoint.path)
        }
        try setTime()
        let first = try place.load()
        #expect(!first.wasComplete && first.saved?.path == place.packed.path)
        try place.write(factor: 0)
        try setTime()
        let second = try place.load()
        #expect(second.wasComplete && second.saved == nil)
        #expect(second.outputs == first.outputs)
    }

    @Test func anotherCheckpointIsPackedAnew() throws {
        let place = try Place()
        let first = try place.load()
        try place.write(factor: 2)
        let second = try place.load()
        #expect(!second.wasComplete && second.outputs != first.outputs)
        #expect(try place.load().wasComplete)
    }

    @Test func damageIsNoticed() throws {
        let place = try Place()
        let expected = try place.load().outputs
        let whole = try Data(contentsOf: place.packed)
        for at in stride(from: 0, to: whole.count, by: 997) + [whole.count - 1] {
            var damaged = whole
            damaged[at] ^= 0x10
            try damaged.write(to: place.packed)
            let loaded = try place.load()
            #expect(loaded.outputs == expected, "byte \(at)")
        }
        for length in [0, 7, 100, whole.count / 2, whole.count - 1] {
            try whole.prefix(length).write(to: place.packed)
            let loaded = try place.load()
            #expect(!loaded.wasComplete && loaded.outputs == expected)
            #expect(try Data(contentsOf: place.packed).count == whole.count)
        }
        var damaged = whole
        damaged[whole.count - 1] ^= 1
        try damaged.write(to: place.packed)
        #expect(try !place.load().wasComplete)
    }

    /// Beside a link is a store of other programs: nothing is put there.
    @Test func whatIsOfALinkIsInTheCache() throws {
        let place = try Place()
        let link = place.folder.appendingPathComponent("link.safetensors")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: place.checkpoint)
        func load() throws -> PackedWeights {
            let file = try openCheckpoint(link)
            let packed = try #require(
                PackedWeights(of: file, at: link, precision: .int8, leastBytes: 0, cache: place.cache))
            let weight = try WeightReader(file, packed: packed).weight("w", shape: [70, 33])
            _ = try Linear(weight: weight, bias: nil, precision: .int8)
            return packed
        }
        let saved = try #require(try load().save())
        #expect(saved.deletingLastPathComponent().path == place.cache.path)
        #expect(try load().isComplete)
    }

    @Test func smallCheckpointsAreNot() throws {
        let place = try Place()
        let file = try openCheckpoint(place.checkpoint)
        #expect(PackedWeights(of: file, at: place.checkpoint, precision: .int8) == nil)
        let copied = try openCheckpoint(contents: Data(contentsOf: place.checkpoint), name: "model.safetensors")
        #expect(PackedWeights(of: copied, at: place.checkpoint, precision: .int8, leastBytes: 0) == nil)
    }
}
