import Checkpoints
import Foundation
import Tensors
import Testing

/// A safetensors file in memory from its header's text and its data.
func file(_ json: String, data: [UInt8] = [], length: UInt64? = nil) throws -> SafetensorsFile {
    try SafetensorsFile(contents: contents(json, data: data, length: length), name: "test")
}

func contents(_ json: String, data: [UInt8] = [], length: UInt64? = nil) -> Data {
    let header = Array(json.utf8)
    let size = length ?? UInt64(header.count)
    return Data((0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) } + header + data)
}

private func bytes<Value: FixedWidthInteger>(_ values: [Value]) -> [UInt8] {
    values.flatMap { value in (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * Value($0))) } }
}

@Suite struct SafetensorsFileTests {
    static let good =
        #"{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
        + #""y\u00e9\ud83d\ude00":{"dtype":"I64","shape":[1,1],"data_offsets":[8,16]}}   "#
    static let data = bytes([Float(1.5).bitPattern, Float(-2).bitPattern]) + bytes([Int64(-7)])

    @Test func reads() throws {
        let good = try file(Self.good, data: Self.data)
        #expect(good.metadata == ["a": "b"])
        #expect(good.entries.keys.sorted() == ["x", "yé😀"])
        #expect(try good.tensor("x") == Tensor([1.5, -2], shape: [2]))
        #expect(try good.tensor("yé😀") == Tensor([-7], shape: [1, 1]))
        #expect(try good.integers("yé😀") == [-7])
        #expect(throws: CheckpointError.dtype(file: "test", key: "x", expected: "an integer type", found: "F32")) {
            try good.integers("x")
        }
        #expect(throws: CheckpointError.missing(file: "test", key: "z", expected: [])) { try good.tensor("z") }
    }

    @Test func mapsFiles() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        try contents(Self.good, data: Self.data).write(to: url)
        #expect(try SafetensorsFile(url: url).tensor("x").values == [1.5, -2])
        #expect(throws: CheckpointError.self) { try SafetensorsFile(url: url.appendingPathExtension("missing")) }
        #expect(throws: CheckpointError.self) { try SafetensorsFile(url: FileManager.default.temporaryDirectory) }
        try Data().write(to: url)
        #expect(throws: CheckpointError.self) { try SafetensorsFile(url: url) }
    }

    /// The header's length may look like the first bytes of a pickle, or of a ZIP archive.
    @Test(arguments: [0x180, 0x2580, 0x4B50])
    func isKnownWhateverItsLength(_ length: Int) throws {
        let header = Self.good + String(repeating: " ", count: length - Self.good.utf8.count)
        #expect(try openCheckpoint(contents: contents(header, data: Self.data), name: "x") is SafetensorsFile)
    }

    /// Every type converts; data need not be aligned.
    @Test func converts() throws {
        func read(_ dtype: String, _ data: [UInt8], count: Int) throws -> [Float] {
            let json =
                #"{"pad":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"\#(dtype)","#
                + #""shape":[\#(count)],"data_offsets":[1,\#(1 + data.count)]}}"#
            return try file(json, data: [0] + data).tensor("x").values
        }
        #expect(try read("F32", bytes([Float(0.1).bitPattern]), count: 1) == [0.1])
        #expect(try read("F64", bytes([(0.25).bitPattern]), count: 1) == [0.25])
        #expect(try read("BF16", bytes([UInt16(0x3FC0), 0xC000]), count: 2) == [1.5, -2])
        let halves: [UInt16] = [0x3E00, 0xC000, 0x0001, 0x8001, 0x7C00, 0x0000, 0x7BFF, 0x0400]
        #expect(
            try read("F16", bytes(halves), count: 8)
                == [1.5, -2, 0x1p-24, -0x1p-24, .infinity, 0, 65504, 0x1p-14])
        #expect(try read("F16", bytes([UInt16(0x7E00)]), count: 1)[0].isNaN)
        #expect(try read("I32", bytes([Int32(-3)]), count: 1) == [-3])
        #expect(try read("I16", bytes([Int16(-3)]), count: 1) == [-3])
        #expect(try read("I8", [0xFD], count: 1) == [-3])
        #expect(try read("U64", bytes([UInt64(3)]), count: 1) == [3])
        #expect(try read("U32", bytes([UInt32(3)]), count: 1) == [3])
        #expect(try read("U16", bytes([UInt16(3)]), count: 1) == [3])
        #expect(try read("U8", [3], count: 1) == [3])
        #expect(try read("F32", [], count: 0) == [])
        #expect(throws: CheckpointError.dtype(file: "test", key: "x", expected: "a number type", found: "BOOL")) {
            try read("BOOL", [1], count: 1)
        }
    }

    /// One flaw each; the error says which.
    @Test(arguments: [
        ("{}x", "more after the value"), ("[]", "start with '{'"), ("", "start with '{'"), ("{", "expected a key"),
        (#"{"x"}"#, "expected ':'"), (#"{"x":1}"#, "expected an object"), (#"{"x":{}}"#, "without all three"),
        (#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "two ascending data_offsets within 0"),
        (#"{"x":{"dtype":"F33","shape":[0],"data_offsets":[0,0]}}"#, "F33"),
        (#"{"x":{"dtype":"F32","shape":[0],"data_offsets":[0]}}"#, "two ascending"),
        (#"{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0,0]}}"#, "two ascending"),
        (#"{"x":{"dtype":"F32","shape":[0],"data_offsets":[1,0]}}"#, "two ascending"),
        (#"{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}"#, "shape of integers"),
        (#"{"x":{"dtype":"F32","shape":[1.0],"data_offsets":[0,0]}}"#, "shape of integers"),
        (#"{"x":{"dtype":"F32","shape":[1e1],"data_offsets":[0,0]}}"#, "shape of integers"),
        (#"{"x":{"dtype":"F32","shape":[00],"data_offsets":[0,0]}}"#, "starts with 0"),
        (#"{"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,0]}}"#, "shape of integers"),
        (#"{"x":{"dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,0]}}"#, "63 bits"),
        (#"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,0]}}"#, "0 bytes"),
        (#"{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"more":1}}"#, "found more"),
        (#"{"x":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#, "the key \"dtype\" is there twice"),
        (
            #"{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"#
                + #""x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#,
            "the key \"x\" is there twice"
        ),
        (
            #"{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"#
                + #""\u0078":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#,
            "the key \"x\" is there twice"
        ),
        (#"{"__metadata__":{},"__metadata__":{}}"#, "the key \"__metadata__\" is there twice"),
        (#"{"__metadata__":{"a":"b","a":"c"}}"#, "the key \"a\" is there twice"),
        (#"{"__metadata__":{"a":1}}"#, "expected strings only"),
        (#"{"\ud83d":{}}"#, "half a surrogate pair"), (#"{"\u12":{}}"#, "hexadecimal"),
        (#"{"\x":{}}"#, "an escape that JSON"),
        ("{\"a\nb\":{}}", "control character"),
        (#"{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},}"#, "expected a key"),
    ])
    func refuses(_ json: String, _ reason: String) {
        do {
            _ = try file(json)
            Issue.record("\(json) was accepted")
        } catch {
            #expect("\(error)".contains(reason), "\(error)")
        }
    }

    @Test func refusesBadLayouts() {
        func refuses(_ ranges: [(Int, Int)], data: Int, _ reason: String) {
            let entries = ranges.enumerated().map { i, range in
                #""x\#(i)":{"dtype":"U8","shape":[\#(range.1 - range.0)],"data_offsets":[\#(range.0),\#(range.1)]}"#
            }
            do {
                _ = try file("{" + entries.joined(separator: ",") + "}", data: [UInt8](repeating: 0, count: data))
                Issue.record("\(ranges) in \(data) bytes was accepted")
            } catch { #expect("\(error)".contains(reason), "\(error)") }
        }
        refuses([(0, 4), (3, 8)], data: 8, "starts at byte 4")
        refuses([(0, 4), (0, 4)], data: 4, "starts at byte 4")
        refuses([(0, 4), (5, 8)], data: 8, "starts at byte 4")
        refuses([(1, 4)], data: 4, "starts at byte 0")
        refuses([(0, 4)], data: 5, "fill 4 of 5 bytes")
        refuses([], data: 1, "fill 0 of 1 bytes")
    }

    @Test(arguments: [0, 1, 7])
    func refusesStumps(_ size: Int) {
        #expect(throws: CheckpointError.self) {
            try SafetensorsFile(contents: Data(repeating: 0, count: size), name: "test")
        }
    }

    @Test(arguments: [0, 1, 1_000, 100_000_001, UInt64.max, 1 << 63])
    func refusesLengths(_ length: UInt64) {
        #expect(throws: CheckpointError.self) { try file("{}  ", length: length) }
    }

    @Test func refusesInvalidUTF8() {
        let header: [UInt8] = Array(#"{"__metadata__":{"a":""#.utf8) + [0xFF, 0xFE] + Array(#""}}"#.utf8)
        let all = [UInt8(header.count), 0, 0, 0, 0, 0, 0, 0] + header
        #expect(throws: CheckpointError.self) { try SafetensorsFile(contents: Data(all), name: "test") }
    }

    /// Mutations of a good file: each either opens, and then all its tensors can be read or refuse with a typed error,
    /// or fails with a typed error. Nothing else may happen, least of all a crash.
    @Test func survivesMutations() {
        let good = contents(Self.good, data: Self.data)
        var generator = SplitMix(state: 42)
        var refused = 0
        for _ in 0..<3000 {
            var mutant = good
            for _ in 0..<Int.random(in: 1...3, using: &generator) where !mutant.isEmpty {
                let at = Int.random(in: 0..<mutant.count, using: &generator)
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: mutant[at] = UInt8.random(in: 0...255, using: &generator)
                case 1: mutant.remove(at: at)
                case 2: mutant.insert(#"[]{}",:0123456789\u-e."#.utf8.randomElement(using: &generator)!, at: at)
                case 3: mutant = Data(mutant.prefix(at))
                default:
                    let end = Int.random(in: at..<mutant.count, using: &generator)
                    mutant.append(contentsOf: Data(mutant[at...end]))
                }
            }
            guard let file = try? SafetensorsFile(contents: mutant, name: "mutant") else {
                refused += 1
                continue
            }
            for key in file.entries.keys { _ = try? file.tensor(key) }
        }
        #expect(refused > 2000)
    }
}

/// A small deterministic generator.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
