import Foundation

/// A safetensors file, mapped read-only. Opening it validates the whole header; tensors are converted when read.
public struct SafetensorsFile: TensorFile {
    /// Longest header accepted, the format's own limit.
    public static let maxHeaderSize = 100_000_000

    public let name: String
    public let entries: [String: TensorEntry]
    public let metadata: [String: String]
    public let contents: Data
    public let mapping: MappedFile?

    /// - Throws: `CheckpointError.unreadable`, `.malformed`, `.invalidEntry`.
    public init(url: URL) throws {
        let file = try MappedFile(url)
        try self.init(contents: file.contents, name: url.lastPathComponent, mapping: file)
    }

    /// A file's bytes that are in memory already.
    public init(contents: Data, name: String) throws(CheckpointError) {
        try self.init(contents: contents, name: name, mapping: nil)
    }

    init(contents: Data, name: String, mapping: MappedFile?) throws(CheckpointError) {
        let size = contents.count
        guard size >= 8 else {
            throw .malformed(file: name, reason: "\(size) bytes are no safetensors header", offset: nil)
        }
        let length = contents.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= UInt64(Self.maxHeaderSize), length <= UInt64(size - 8) else {
            throw .malformed(
                file: name,
                reason: "a safetensors header of \(length) bytes in a file of \(size) (at most "
                    + "\(Self.maxHeaderSize))", offset: nil)
        }
        let start = 8 + Int(length)
        let json = contents.withUnsafeBytes { Array($0[8..<start]) }
        guard json.first == UInt8(ascii: "{") else {
            throw .malformed(file: name, reason: "the safetensors header doesn't start with '{'", offset: 0)
        }
        let header = try SafetensorsHeader(json: json, dataSize: size - start, file: name)
        self.name = name
        self.entries = header.entries.mapValues {
            TensorEntry(
                dtype: $0.dtype, shape: $0.shape, bytes: start + $0.bytes.lowerBound..<start + $0.bytes.upperBound)
        }
        self.metadata = header.metadata
        self.contents = contents
        self.mapping = mapping
    }
}
