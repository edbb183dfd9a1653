import Checkpoints
import Foundation
import Tensors
import Testing

@Suite struct TorchArchiveTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../Fixtures").standardizedFileURL

    private static func archive(_ contents: Data) throws -> TorchArchive {
        try TorchArchive(contents: contents, name: "test")
    }

    /// What torch.save wrote, against the same tensors in a safetensors file.
    @Test func readsWhatTorchWrote() throws {
        let archive = try TorchArchive(url: Self.fixtures.appendingPathComponent("torch.pt"))
        let expected = try SafetensorsFile(url: Self.fixtures.appendingPathComponent("torch.safetensors"))
        #expect(Set(archive.entries.keys) == Set(expected.entries.keys).union(["flags"]))
        for (key, entry) in expected.entries {
            #expect(archive.entries[key]?.dtype == entry.dtype, "\(key)")
            #expect(try archive.tensor(key) == expected.tensor(key), "\(key)")
            if [.i64, .i32, .i16, .i8, .u8].contains(entry.dtype) {
                #expect(try archive.integers(key) == expected.integers(key), "\(key)")
            }
        }
        #expect(archive.entries["flags"]?.dtype == .bool && archive.entries["flags"]?.shape == [2])
        #expect(archive.entries["views.1"]?.strides == [1, 6])
        let plain = (0..<9).map { archive.scalars["plain.\($0)"] }
        let values: [TorchArchive.Scalar] = [
            .int(1), .int(-70000), .int(1 << 40), .int(-(1 << 40)), .float(0.25), .bool(true), .bool(false),
            .string("tönend"), .int(7),
        ]
        #expect(plain == values)
        #expect(archive.scalars["plain.9.3"] == .string("three"))
        #expect(archive.scalars["t3.clap_emb"] == TorchArchive.Scalar.none)
        #expect(archive.scalars.count == 11)
    }

    @Test func opensByContent() throws {
        #expect(try openCheckpoint(Self.fixtures.appendingPathComponent("torch.pt")) is TorchArchive)
        #expect(try openCheckpoint(Self.fixtures.appendingPathComponent("torch.safetensors")) is SafetensorsFile)
        #expect(throws: CheckpointError.self) { try openCheckpoint(contents: Data([0x80, 2, 0x8A]), name: "old.pt") }
        #expect(throws: CheckpointError.self) { try openCheckpoint(contents: Data(), name: "empty") }
    }

    @Test(arguments: [
        ("os", "system"), ("builtins", "eval"), ("torch", "load"), ("torch._utils", "_rebuild_tensor"),
        ("collections", "Counter"), ("torch.storage", "_load_from_bytes"), ("__builtin__", "exec"), ("", ""),
    ])
    func refusesOtherNames(_ module: String, _ name: String) {
        let error = CheckpointError.unsafe(file: "test", global: "\(module).\(name)")
        let call = Pickle.global(module, name) + Pickle.tuple(Pickle.string("id")) + Array("R".utf8)
        #expect(throws: error) { try Self.archive(ZipFixture.torch(Pickle.dictionary(Pickle.string("x"), call))) }
        // By the newer instruction as well.
        let stacked = Pickle.string(module) + Pickle.string(name) + [0x93]
        #expect(throws: error) { try Self.archive(ZipFixture.torch(stacked)) }
    }

    private static func refused(_ pickle: [UInt8], storages: [String: [UInt8]] = [:], _ reason: String) {
        do {
            _ = try archive(ZipFixture.torch(pickle, storages: storages))
            Issue.record("accepted, though \(reason)")
        } catch { #expect("\(error)".contains(reason), "\(error)") }
    }

    @Test func refusesTensorsThatDoNotFit() throws {
        let data = ["0": [UInt8](repeating: 0, count: 24)]
        let storage = Pickle.storage("0", count: 6)
        func tensor(_ offset: Int32, _ shape: [Int32], _ strides: [Int32]) -> [UInt8] {
            Pickle.dictionary(
                Pickle.string("x"), Pickle.tensor(storage, offset: offset, shape: shape, strides: strides))
        }
        let good = try Self.archive(ZipFixture.torch(tensor(1, [2, 2], [3, 1]), storages: data))
        #expect(try good.tensor("x").shape == [2, 2])
        #expect(try Self.archive(ZipFixture.torch(tensor(0, [0, 9], [9, 1]), storages: data)).tensor("x").count == 0)
        let bad: [(Int32, [Int32], [Int32])] = [
            (0, [7], [1]), (1, [6], [1]), (-1, [2], [1]), (0, [2], [-1]), (0, [-2], [1]), (6, [1], [1]),
            (0, [2, 3], [1]),
            (0, [7], [0]), (0, [.max, .max, .max], [.max, .max, .max]), (0, [2], [6]),
        ]
        for (offset, shape, strides) in bad { Self.refused(tensor(offset, shape, strides), storages: data, "a tensor") }
        let many = [Int32](repeating: 1, count: 17)
        Self.refused(tensor(0, many, many), storages: data, "a tensor")
        func stored(_ storage: [UInt8]) -> [UInt8] {
            Pickle.dictionary(Pickle.string("x"), Pickle.tensor(storage, shape: [1], strides: [1]))
        }
        Self.refused(stored(Pickle.storage("1", count: 6)), storages: data, "storage 1 isn't in the archive")
        Self.refused(stored(Pickle.storage("0", count: 5)), storages: data, "expected 5 numbers of F32")
        Self.refused(stored(Pickle.storage("0", count: -6)), storages: data, "expected -6 numbers")
        Self.refused(stored(Pickle.tuple(Pickle.string("storage")) + Array("Q".utf8)), storages: data, "as torch does")
        Self.refused(Pickle.dictionary(Pickle.string("x"), storage), storages: data, "neither tensor nor plain data")
    }

    @Test func refusesBadPrograms() {
        for (text, reason) in [
            ("", "ends with 0 values"), ("}}", "ends with 2 values"), ("N", "other than a dictionary"),
            ("t", "no mark"),
            ("0", "nothing on the stack"), ("(0", "a mark where a value"), ("]Na", "other than a dictionary"),
            ("}Na", "isn't a list"),
            ("}(Nu", "key without a value"), ("}(NNu", "a key that is no string"), ("Nh\u{5}", "recalls 5"),
            ("i", "instruction 0x69"), ("o", "instruction 0x6f"), ("P1\n", "instruction 0x50"),
            ("NNR", "expected a tuple"),
            (")NR", "expected a tuple"), ("N)R", "calls something"), ("NNb", "attributes of something"),
            ("cos", "ends within a line"),
            ("X\u{9}", "ends within"), ("ctorch\nFloatStorage\n)R", "calls a storage type"),
            ("ctorch._utils\n_rebuild_parameter\n(NtR", "a parameter that is no tensor"),
            ("ccollections\nOrderedDict\n(NtR", "with arguments"),
            ("ctorch._utils\n_rebuild_tensor_v2\n)R", "a tensor that isn't"),
        ] { Self.refused(Array(text.utf8), reason) }
        Self.refused([0x8A, 9] + [UInt8](repeating: 0, count: 9), "an integer of 9 bytes")
        Self.refused([0x80, 6], "protocol 6")
        Self.refused([0x8C, 1, 0xFF], "invalid UTF-8")
    }

    /// Depth and width that a few bytes can ask for.
    @Test func refusesBombs() {
        let deep = Pickle.dictionary(Pickle.string("x"), Array(")".utf8) + [UInt8](repeating: 0x85, count: 200_000))
        Self.refused(deep, "levels")
        // Each list holds the one before it ten times.
        var wide = Array("]q\u{0}".utf8)
        for level in 1...12 {
            wide += Array("0](".utf8) + (0..<10).flatMap { _ in [UInt8(ascii: "h"), UInt8(level - 1)] }
            wide += [UInt8(ascii: "e"), UInt8(ascii: "q"), UInt8(level)]
        }
        Self.refused(Pickle.dictionary(Pickle.string("x"), wide), "values")
        // A list within itself.
        Self.refused(Pickle.dictionary(Pickle.string("x"), Array("]q\u{0}h\u{0}a".utf8)), "levels")
        let twice = Pickle.dictionary(
            Pickle.string("a.b"), [0x4E], Pickle.string("a"), Pickle.dictionary(Pickle.string("b"), [0x4E]))
        Self.refused(twice, "a.b is there twice")
        var long = Pickle.dictionary(Pickle.string("x"), [0x4E])
        for _ in 0..<8 { long = Pickle.dictionary(Pickle.string(String(repeating: "k", count: 200)), long) }
        Self.refused(long, "a path of more")
    }

    // MARK: zip

    @Test(arguments: [false, true])
    func zipVariants(_ zip64: Bool) throws {
        let pickle = [0x80, 2] + Pickle.dictionary(Pickle.string("x"), Pickle.integer(5)) + Array(".".utf8)
        var zip = ZipFixture(entries: [.init(name: "a/data.pkl", data: pickle)], zip64: zip64)
        zip.comment = Array("PK comment".utf8)
        #expect(try Self.archive(zip.contents).scalars == ["x": .int(5)])
        func refused(_ reason: String, _ change: (inout ZipFixture) -> Void) {
            var other = zip
            change(&other)
            do {
                _ = try Self.archive(other.contents)
                Issue.record("accepted, though \(reason)")
            } catch { #expect("\(error)".contains(reason), "\(error)") }
        }
        refused("compressed (method 8)") { $0.entries[0].method = 8 }
        refused("encrypted") { $0.entries[0].flags = 1 }
        refused("another name") { $0.entries[0].ownName = "b/data.pkl" }
        refused("runs out of the file") { $0.entries[0].size = 10_000 }
        refused("outside of the file") { $0.entries[0].offset = 10_000 }
        refused("no header of zip entry") { $0.entries[0].offset = 1 }
        refused("is there twice") { $0.entries.append($0.entries[0]) }
        refused("2 announced") { $0.count = 2 }
        refused("doesn't end at its end record") { $0.directoryOffset = 3 }
        refused("doesn't end at its end record") { $0.directoryOffset = 100_000 }
        refused("0 entries are called data.pkl") { $0.entries[0].name = "a/other.pkl" }
        refused("2 entries are called data.pkl") { $0.entries.append(.init(name: "b/data.pkl", data: pickle)) }
        refused("zip entries overlap") {
            $0.entries.append(.init(name: "a/x", data: []))
            $0.entries[0].size = UInt32($0.entries[0].data.count + 10)
        }
        refused("TorchScript") { $0.entries.append(.init(name: "a/constants.pkl", data: [])) }
        refused("little-endian") { $0.entries.append(.init(name: "a/byteorder", data: Array("big".utf8))) }
    }

    /// Cut anywhere: an error, never a crash, and never a tensor out of bounds.
    @Test func survivesTruncation() throws {
        let whole = try Data(contentsOf: Self.fixtures.appendingPathComponent("torch.pt"))
        for length in stride(from: 0, to: whole.count, by: 7) {
            #expect(throws: CheckpointError.self) { try Self.archive(Data(whole.prefix(length))) }
        }
    }

    /// Mutations of a good archive: each opens, and then every tensor can be read or refuses with a typed error, or fails
    /// with a typed error.
    @Test func survivesMutations() throws {
        let whole = try Data(contentsOf: Self.fixtures.appendingPathComponent("torch.pt"))
        // Where the structure is: the pickle in front, the directory behind.
        let places = Array(0..<1900) + Array(whole.count - 1600..<whole.count)
        var generator = SplitMix(state: 7)
        var refused = 0
        for _ in 0..<3000 {
            var mutant = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let at = places.randomElement(using: &generator)!
                switch Int.random(in: 0..<4, using: &generator) {
                case 0, 1: mutant[at % mutant.count] = UInt8.random(in: 0...255, using: &generator)
                case 2: mutant[at % mutant.count] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                default: mutant.remove(at: at % mutant.count)
                }
            }
            guard let archive = try? openCheckpoint(contents: mutant, name: "mutant") else {
                refused += 1
                continue
            }
            for key in archive.entries.keys {
                _ = try? archive.tensor(key)
                _ = try? archive.integers(key)
            }
        }
        #expect(refused > 1000 && refused < 3000)
    }
}
