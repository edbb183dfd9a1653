import Foundation

/// A zip file written by hand, with every field open to falsification.
struct ZipFixture {
    struct Entry {
        var name: String
        var data: [UInt8]
        var method: UInt16 = 0
        var flags: UInt16 = 0
        /// Name in the entry's own header.
        var ownName: String?
        /// Size that the directory tells.
        var size: UInt32?
        /// Where the directory says that the entry is.
        var offset: UInt32?
    }

    var entries: [Entry]
    /// Adds the 64-bit records, and tells all numbers there alone.
    var zip64 = false
    var count: Int?
    var directoryOffset: Int?
    var comment: [UInt8] = []

    var contents: Data {
        var file: [UInt8] = []
        var directory: [UInt8] = []
        for entry in entries {
            let at = file.count
            let own = Array((entry.ownName ?? entry.name).utf8)
            let size = entry.size ?? UInt32(entry.data.count)
            file +=
                bytes(UInt32(0x0403_4B50)) + [0, 0] + bytes(entry.flags) + bytes(entry.method)
                + [UInt8](repeating: 0, count: 8)
            file += bytes(size) + bytes(size) + bytes(UInt16(own.count)) + bytes(UInt16(0)) + own + entry.data
            let name = Array(entry.name.utf8)
            let extra: [UInt8] =
                zip64
                ? bytes(UInt16(0x7777)) + bytes(UInt16(1)) + [9] + bytes(UInt16(1)) + bytes(UInt16(24))
                    + bytes(UInt64(size)) + bytes(UInt64(size)) + bytes(UInt64(entry.offset ?? UInt32(at))) : []
            directory += bytes(UInt32(0x0201_4B50)) + [0, 0, 0, 0] + bytes(entry.flags) + bytes(entry.method)
            directory += [UInt8](repeating: 0, count: 8) + bytes(zip64 ? .max : size) + bytes(zip64 ? .max : size)
            directory += bytes(UInt16(name.count)) + bytes(UInt16(extra.count)) + bytes(UInt16(0))
            directory +=
                [UInt8](repeating: 0, count: 8) + bytes(zip64 ? .max : entry.offset ?? UInt32(at)) + name + extra
        }
        let start = directoryOffset ?? file.count
        let end64 = file.count + directory.count
        file += directory
        let count = count ?? entries.count
        if zip64 {
            file += bytes(UInt32(0x0606_4B50)) + bytes(UInt64(44)) + [0, 0, 0, 0] + bytes(UInt64(0))
            file += bytes(UInt64(count)) + bytes(UInt64(count)) + bytes(UInt64(directory.count)) + bytes(UInt64(start))
            file += bytes(UInt32(0x0706_4B50)) + bytes(UInt32(0)) + bytes(UInt64(end64)) + bytes(UInt32(1))
        }
        file += bytes(UInt32(0x0605_4B50)) + [0, 0, 0, 0]
        file +=
            zip64
            ? [UInt8](repeating: 0xFF, count: 12)
            : bytes(UInt16(count)) + bytes(UInt16(count)) + bytes(UInt32(directory.count)) + bytes(UInt32(start))
        return Data(file + bytes(UInt16(comment.count)) + comment)
    }

    /// A torch archive around a pickle.
    static func torch(_ pickle: [UInt8], storages: [String: [UInt8]] = [:]) -> Data {
        var entries = [Entry(name: "a/data.pkl", data: [0x80, 2] + pickle + [UInt8(ascii: ".")])]
        for (key, data) in storages.sorted(by: { $0.key < $1.key }) {
            entries.append(Entry(name: "a/data/" + key, data: data))
        }
        return ZipFixture(entries: entries).contents
    }
}

private func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * Value($0))) }
}

/// Pickle instructions.
enum Pickle {
    static func string(_ text: String) -> [UInt8] { [0x8C, UInt8(text.utf8.count)] + Array(text.utf8) }
    static func integer(_ value: Int32) -> [UInt8] { [UInt8(ascii: "J")] + bytes(value) }
    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
    static func tuple(_ items: [UInt8]...) -> [UInt8] { Array("(".utf8) + items.joined() + Array("t".utf8) }
    static func dictionary(_ items: [UInt8]...) -> [UInt8] { Array("}(".utf8) + items.joined() + Array("u".utf8) }
    static func storage(_ key: String, count: Int32, type: String = "FloatStorage") -> [UInt8] {
        tuple(string("storage"), global("torch", type), string(key), string("cpu"), integer(count)) + Array("Q".utf8)
    }
    static func tensor(
        _ storage: [UInt8], offset: Int32 = 0, shape: [Int32], strides: [Int32]
    ) -> [UInt8] {
        let arguments =
            [storage, integer(offset)]
            + [shape, strides].map { Array("(".utf8) + $0.flatMap(integer) + Array("t".utf8) }
            + [[0x89], global("collections", "OrderedDict") + Array(")R".utf8)]
        return global("torch._utils", "_rebuild_tensor_v2") + Array("(".utf8) + arguments.joined() + Array("tR".utf8)
    }
}
