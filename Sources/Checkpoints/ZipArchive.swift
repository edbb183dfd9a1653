import Foundation

/// The directory of a zip file whose entries are stored as they are, as torch writes them. Everything is checked on
/// opening: signatures, bounds, names, and that no two entries share bytes.
/// Source: PKWARE APPNOTE 6.3
struct ZipArchive {
    private enum Signature {
        static let localHeader: UInt32 = 0x0403_4B50
        static let directoryEntry: UInt32 = 0x0201_4B50
        static let end: UInt32 = 0x0605_4B50
        static let end64: UInt32 = 0x0606_4B50
        static let locator64: UInt32 = 0x0706_4B50
    }

    private static let endSize = 22
    private static let locatorSize = 20

    /// Where each entry's bytes are in the file.
    let entries: [String: Range<Int>]

    /// Where the directory is.
    private struct Directory {
        var count: Int
        var size: Int
        var start: Int
        /// Where the records behind it begin.
        var limit: Int
    }

    /// One entry as the directory tells of it.
    private struct Listed {
        var name: String
        var size: Int
        var header: Int
    }

    init(contents: Data, file: String) throws(CheckpointError) {
        let directory = try Self.directory(contents, file: file)
        guard directory.start <= directory.limit, directory.size == directory.limit - directory.start else {
            throw .malformed(
                file: file, reason: "a zip directory of \(directory.size) bytes that doesn't end at its end record",
                offset: directory.start)
        }
        var cursor = ByteCursor(contents, range: directory.start..<directory.limit, file: file)
        var entries: [String: Range<Int>] = [:]
        var occupied: [Range<Int>] = []
        while !cursor.isAtEnd {
            let listed = try Self.listed(&cursor)
            let data = try Self.data(of: listed, in: contents, before: directory.start, file: file)
            guard entries.updateValue(data, forKey: listed.name) == nil else {
                throw cursor.malformed("zip entry \(listed.name) is there twice")
            }
            occupied.append(listed.header..<data.upperBound)
        }
        guard entries.count == directory.count else {
            throw .malformed(
                file: file, reason: "\(entries.count) zip entries, but \(directory.count) announced", offset: nil)
        }
        occupied.sort { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(occupied, occupied.dropFirst()) where one.upperBound > next.lowerBound {
            throw .malformed(file: file, reason: "zip entries overlap", offset: next.lowerBound)
        }
        self.entries = entries
    }

    /// Finds the end record, which may have a comment behind it, and its 64-bit companion.
    private static func directory(_ contents: Data, file: String) throws(CheckpointError) -> Directory {
        func value(_ at: Int) throws(CheckpointError) -> UInt32 {
            var cursor = ByteCursor(contents, range: at..<contents.count, file: file)
            return try cursor.number(UInt32.self)
        }
        let last = contents.count - endSize
        guard last >= 0 else { throw .malformed(file: file, reason: "too short for a zip file", offset: nil) }
        var end: Int?
        for candidate in stride(from: last, through: max(0, last - 0xFFFF), by: -1)
        where try value(candidate) == Signature.end {
            var cursor = ByteCursor(contents, range: candidate + 20..<contents.count, file: file)
            if try cursor.count(UInt16.self) == last - candidate {
                end = candidate
                break
            }
        }
        guard let end else {
            throw .malformed(file: file, reason: "no zip directory: the file is cut off or no zip file", offset: nil)
        }
        var cursor = ByteCursor(contents, range: end + 4..<contents.count, file: file)
        guard try cursor.number(UInt32.self) == 0 else { throw cursor.malformed("a zip file in several parts") }
        let here = try cursor.count(UInt16.self)
        var directory = Directory(
            count: try cursor.count(UInt16.self), size: try cursor.count(UInt32.self),
            start: try cursor.count(UInt32.self), limit: end)
        guard here == directory.count else { throw cursor.malformed("a zip file in several parts") }
        let locator = end - locatorSize
        guard locator >= 0, try value(locator) == Signature.locator64 else { return directory }
        cursor = ByteCursor(contents, range: locator + 8..<end, file: file)
        let end64 = try cursor.count(UInt64.self)
        guard end64 <= locator - 56, try value(end64) == Signature.end64 else {
            throw cursor.malformed("no 64-bit end record where the locator says")
        }
        cursor = ByteCursor(contents, range: end64 + 4..<locator, file: file)
        let size = try cursor.count(UInt64.self)
        guard size == locator - end64 - 12 else { throw cursor.malformed("a 64-bit end record of another length") }
        _ = try cursor.bytes(12)
        _ = try cursor.number(UInt64.self)
        directory.count = try cursor.count(UInt64.self)
        directory.size = try cursor.count(UInt64.self)
        directory.start = try cursor.count(UInt64.self)
        directory.limit = end64
        return directory
    }

    private static func listed(_ cursor: inout ByteCursor) throws(CheckpointError) -> Listed {
        guard try cursor.number(UInt32.self) == Signature.directoryEntry else {
            throw cursor.malformed("no zip directory entry")
        }
        _ = try cursor.bytes(4)
        let flags = try cursor.number(UInt16.self)
        let method = try cursor.number(UInt16.self)
        _ = try cursor.bytes(8)
        var packed = try cursor.count(UInt32.self)
        var size = try cursor.count(UInt32.self)
        let (nameLength, extraLength) = (try cursor.count(UInt16.self), try cursor.count(UInt16.self))
        let commentLength = try cursor.count(UInt16.self)
        _ = try cursor.bytes(8)
        var header = try cursor.count(UInt32.self)
        let name = try cursor.text(nameLength)
        let extra = Data(try cursor.bytes(extraLength))
        _ = try cursor.bytes(commentLength)
        guard flags & 1 == 0 else { throw cursor.malformed("zip entry \(name) is encrypted") }
        guard method == 0 else {
            throw cursor.malformed(
                "zip entry \(name) is compressed (method \(method)); torch stores, and so must it be")
        }
        // The 64-bit field holds just those numbers that don't fit in 32 bits, in this order.
        let full = 0xFFFF_FFFF
        if packed == full || size == full || header == full {
            var fields = ByteCursor(extra, range: 0..<extra.count, file: name)
            while !fields.isAtEnd {
                let (id, length) = (try fields.number(UInt16.self), try fields.count(UInt16.self))
                guard id == 1 else {
                    _ = try fields.bytes(length)
                    continue
                }
                if size == full { size = try fields.count(UInt64.self) }
                if packed == full { packed = try fields.count(UInt64.self) }
                if header == full { header = try fields.count(UInt64.self) }
                break
            }
        }
        guard packed == size else { throw cursor.malformed("zip entry \(name) has two sizes") }
        return Listed(name: name, size: size, header: header)
    }

    /// The bytes behind an entry's own header, which must name it again.
    private static func data(
        of listed: Listed, in contents: Data, before limit: Int, file: String
    ) throws(CheckpointError) -> Range<Int> {
        guard listed.header <= limit else {
            throw .malformed(file: file, reason: "zip entry \(listed.name) is outside of the file", offset: nil)
        }
        var cursor = ByteCursor(contents, range: listed.header..<limit, file: file)
        guard try cursor.number(UInt32.self) == Signature.localHeader else {
            throw cursor.malformed("no header of zip entry \(listed.name)")
        }
        _ = try cursor.bytes(22)
        let (nameLength, extraLength) = (try cursor.count(UInt16.self), try cursor.count(UInt16.self))
        guard try cursor.text(nameLength) == listed.name else {
            throw cursor.malformed("zip entry \(listed.name) has another name in its header")
        }
        _ = try cursor.bytes(extraLength)
        guard listed.size <= limit - cursor.at else {
            throw cursor.malformed("zip entry \(listed.name) of \(listed.size) bytes runs out of the file")
        }
        return cursor.at..<cursor.at + listed.size
    }
}
