import Checkpoints
import Foundation

enum CheckpointTargets {
    static func safetensors(_ bytes: [UInt8]) throws {
        let file = try accepting(CheckpointError.self) {
            try SafetensorsFile(contents: Data(bytes), name: "fuzz.safetensors")
        }
        try file.map(read)
    }

    static func torch(_ bytes: [UInt8]) throws {
        let file = try accepting(CheckpointError.self) { try TorchArchive(contents: Data(bytes), name: "fuzz.pt") }
        try file.map(read)
    }

    /// In an archive with three storages of 64 bytes.
    static func pickle(_ bytes: [UInt8]) throws {
        var entries = [("a/data.pkl", bytes)]
        for key in ["0", "1", "2"] { entries.append(("a/data/\(key)", Array(0..<64))) }
        try torch(StoredZip.archive(entries))
    }

    private static func read(_ file: some TensorFile) throws {
        for (key, entry) in file.entries.sorted(by: { $0.key < $1.key }).prefix(100) {
            try require(
                entry.bytes.lowerBound >= 0 && entry.bytes.upperBound <= file.contents.count, "a tensor outside")
            let tensor = try accepting(CheckpointError.self) { try file.tensor(key) }
            try require((tensor?.count ?? 0) <= file.contents.count, "a tensor larger than its file")
            _ = try accepting(CheckpointError.self) { try file.integers(key) }
        }
    }
}

/// A zip file whose entries are stored as they are.
private enum StoredZip {
    static func archive(_ entries: [(name: String, data: [UInt8])]) -> [UInt8] {
        var file: [UInt8] = []
        var directory: [UInt8] = []
        for entry in entries {
            let name = Array(entry.name.utf8)
            let sizes = number(UInt32(entry.data.count)) + number(UInt32(entry.data.count))
            let lengths = number(UInt16(name.count)) + number(UInt16(0))
            let start = number(UInt32(file.count))
            file += number(UInt32(0x0403_4B50)) + zeros(14) + sizes + lengths + name + entry.data
            directory += number(UInt32(0x0201_4B50)) + zeros(16) + sizes + lengths + zeros(10) + start + name
        }
        let count = number(UInt16(entries.count))
        let end = number(UInt32(directory.count)) + number(UInt32(file.count)) + zeros(2)
        return file + directory + number(UInt32(0x0605_4B50)) + zeros(4) + count + count + end
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    private static func number<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * Value($0))) }
    }
}
