import Foundation

/// Reads little-endian numbers and runs of bytes in order, and never beyond the end.
struct ByteCursor {
    private(set) var at: Int
    private let end: Int
    private let data: Data
    private let file: String

    /// - Parameter range: of `data`'s bytes, counted from its first.
    init(_ data: Data, range: Range<Int>, file: String) {
        precondition(range.lowerBound >= 0 && range.upperBound <= data.count, "a range outside of the data")
        (self.data, self.file, at, end) = (data, file, range.lowerBound, range.upperBound)
    }

    var isAtEnd: Bool { at == end }

    func malformed(_ reason: String) -> CheckpointError { .malformed(file: file, reason: reason, offset: at) }

    mutating func number<Value: FixedWidthInteger>(_: Value.Type) throws(CheckpointError) -> Value {
        let size = MemoryLayout<Value>.size
        guard end - at >= size else { throw malformed("ends within a number of \(size) bytes") }
        defer { at += size }
        return data.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: Value.self)) }
    }

    /// A number that counts or places something: it must fit in 63 bits.
    mutating func count<Value: FixedWidthInteger & UnsignedInteger>(_: Value.Type) throws(CheckpointError) -> Int {
        let value = try number(Value.self)
        guard let count = Int(exactly: value) else { throw malformed("\(value) is too large") }
        return count
    }

    mutating func bytes(_ count: Int) throws(CheckpointError) -> [UInt8] {
        guard count >= 0, count <= end - at else { throw malformed("ends within a run of \(count) bytes") }
        defer { at += count }
        return data.withUnsafeBytes { Array($0[at..<at + count]) }
    }

    mutating func text(_ count: Int) throws(CheckpointError) -> String {
        guard let text = String(validating: try bytes(count), as: UTF8.self) else { throw malformed("invalid UTF-8") }
        return text
    }

    /// Up to the next line feed, which is read as well.
    mutating func line() throws(CheckpointError) -> String {
        let start = at
        let length = data.withUnsafeBytes { raw in raw[start..<end].firstIndex(of: 0x0A).map { $0 - start } }
        guard let length else { throw malformed("ends within a line") }
        let line = try text(length)
        at += 1
        return line
    }
}
