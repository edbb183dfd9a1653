import Foundation
import Tensors

/// A safetensors file, mapped read-only. Opening it validates the whole header; tensors are converted when read.
public struct SafetensorsFile: Sendable {
    /// Longest header accepted, the format's own limit.
    public static let maxHeaderSize = 100_000_000

    /// The file's name, for messages.
    public let name: String
    public let entries: [String: TensorEntry]
    public let metadata: [String: String]
    private let contents: Data
    private let dataStart: Int

    /// - Throws: `CheckpointError.unreadable`, `.malformed`, `.invalidEntry`.
    public init(url: URL) throws {
        let contents: Data
        do {
            contents = try Data(contentsOf: url, options: .alwaysMapped)
        } catch {
            throw CheckpointError.unreadable(file: url.lastPathComponent, reason: error.localizedDescription)
        }
        try self.init(contents: contents, name: url.lastPathComponent)
    }

    /// A file's bytes that are in memory already.
    public init(contents: Data, name: String) throws(CheckpointError) {
        let size = contents.count
        guard size >= 8 else {
            throw .malformed(file: name, reason: "\(size) bytes are no header", offset: nil)
        }
        let length = contents.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= UInt64(Self.maxHeaderSize), length <= UInt64(size - 8) else {
            throw .malformed(
                file: name,
                reason: "a header of \(length) bytes in a file of \(size) (at most "
                    + "\(Self.maxHeaderSize))", offset: nil)
        }
        let start = 8 + Int(length)
        let json = contents.withUnsafeBytes { Array($0[8..<start]) }
        guard json.first == UInt8(ascii: "{") else {
            throw .malformed(file: name, reason: "the header doesn't start with '{'", offset: 0)
        }
        let header = try SafetensorsHeader(json: json, dataSize: size - start, file: name)
        self.name = name
        self.entries = header.entries
        self.metadata = header.metadata
        self.contents = contents
        self.dataStart = start
    }

    /// The tensor's numbers as fp32, in its own shape. Floating types and integers convert; `BOOL` and 8-bit floats
    /// don't.
    public func tensor(_ key: String) throws -> Tensor {
        guard let entry = entries[key] else { throw CheckpointError.missing(file: name, key: key, expected: []) }
        let count = entry.bytes.count / entry.dtype.size
        return try contents.withUnsafeBytes { raw in
            let bytes = UnsafeRawBufferPointer(
                rebasing: raw[dataStart + entry.bytes.lowerBound..<dataStart + entry.bytes.upperBound])
            func read<Bits: FixedWidthInteger>(_: Bits.Type, _ value: (Bits) -> Float) throws -> Tensor {
                var tensor = Tensor(zeros: entry.shape)
                tensor.withUnsafeMutableBufferPointer { out in
                    for i in 0..<count {
                        let at = i * MemoryLayout<Bits>.size
                        out[i] = value(Bits(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: Bits.self)))
                    }
                }
                return tensor
            }
            switch entry.dtype {
            case .f32: return try read(UInt32.self, Float.init(bitPattern:))
            case .bf16: return try read(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
            case .f16: return try read(UInt16.self, Self.float(half:))
            case .f64: return try read(UInt64.self) { Float(Double(bitPattern: $0)) }
            case .i64: return try read(Int64.self) { Float($0) }
            case .i32: return try read(Int32.self) { Float($0) }
            case .i16: return try read(Int16.self) { Float($0) }
            case .i8: return try read(Int8.self) { Float($0) }
            case .u64: return try read(UInt64.self) { Float($0) }
            case .u32: return try read(UInt32.self) { Float($0) }
            case .u16: return try read(UInt16.self) { Float($0) }
            case .u8: return try read(UInt8.self) { Float($0) }
            case .bool, .f8e4m3, .f8e5m2:
                throw CheckpointError.dtype(
                    file: name, key: key, expected: "a number type", found: entry.dtype.rawValue)
            }
        }
    }

    /// The tensor's values as integers, for token ids. Only integer types, only values that fit.
    public func integers(_ key: String) throws -> [Int32] {
        guard let entry = entries[key] else { throw CheckpointError.missing(file: name, key: key, expected: []) }
        return try contents.withUnsafeBytes { raw in
            let bytes = UnsafeRawBufferPointer(
                rebasing: raw[dataStart + entry.bytes.lowerBound..<dataStart + entry.bytes.upperBound])
            func read<Value: FixedWidthInteger>(_: Value.Type) throws -> [Int32] {
                try (0..<entry.bytes.count / MemoryLayout<Value>.size).map { i in
                    let at = i * MemoryLayout<Value>.size
                    let value = Value(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: Value.self))
                    guard let result = Int32(exactly: value) else {
                        throw CheckpointError.dtype(
                            file: name, key: key, expected: "values of 32 bits", found: "\(value)")
                    }
                    return result
                }
            }
            switch entry.dtype {
            case .i64: return try read(Int64.self)
            case .i32: return try read(Int32.self)
            case .i16: return try read(Int16.self)
            case .i8: return try read(Int8.self)
            case .u64: return try read(UInt64.self)
            case .u32: return try read(UInt32.self)
            case .u16: return try read(UInt16.self)
            case .u8: return try read(UInt8.self)
            default:
                throw CheckpointError.dtype(
                    file: name, key: key, expected: "an integer type", found: entry.dtype.rawValue)
            }
        }
    }

    /// IEEE half to single precision; written out because `Float16` isn't on every platform.
    static func float(half bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10 & 0x1F)
        let fraction = UInt32(bits & 0x3FF)
        switch exponent {
        case 0: return (sign == 0 ? 1 : -1) * Float(fraction) * 0x1p-24
        case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
        default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
        }
    }
}
