import Foundation
import Tensors

/// One tensor of a checkpoint: what it is and where its numbers are.
public struct TensorEntry: Sendable, Equatable {
    public let dtype: ElementType
    public let shape: [Int]
    /// From its first number to behind its last, in the file.
    public let bytes: Range<Int>
    /// Elements from one number to the next along each axis; nil if they lie in order without gaps.
    public let strides: [Int]?

    init(dtype: ElementType, shape: [Int], bytes: Range<Int>, strides: [Int]? = nil) {
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
        self.strides = strides
    }
}

/// A file of named tensors. Opening one checks everything that can be checked without reading the numbers: each entry's
/// shape fits its bytes, and they are in the file.
public protocol TensorFile: Sendable {
    /// The file's name, for messages.
    var name: String { get }
    var entries: [String: TensorEntry] { get }
    /// The whole file, mapped.
    var contents: Data { get }
    /// What `contents` lies in; nil if that is memory of our own.
    var mapping: MappedFile? { get }
}

/// Bytes from which on a tensor is read where it lies in the file rather than copied.
private let lentBytes = 1 << 18

/// Opens a checkpoint: a torch archive or a safetensors file, told apart by their first bytes. A safetensors file's are
/// the length of its header, which may be anything: what counts is the brace after it.
/// - Throws: `CheckpointError`.
public func openCheckpoint(_ url: URL) throws -> any TensorFile {
    let file = try MappedFile(url)
    return try openCheckpoint(contents: file.contents, name: url.lastPathComponent, mapping: file)
}

/// A checkpoint that is in memory already.
public func openCheckpoint(contents: Data, name: String) throws(CheckpointError) -> any TensorFile {
    try openCheckpoint(contents: contents, name: name, mapping: nil)
}

private func openCheckpoint(
    contents: Data, name: String, mapping: MappedFile?
) throws(CheckpointError) -> any TensorFile {
    let isSafetensors = contents.dropFirst(8).first == UInt8(ascii: "{")
    if !isSafetensors, contents.starts(with: [0x50, 0x4B]) {
        return try TorchArchive(contents: contents, name: name, mapping: mapping)
    }
    if !isSafetensors, contents.first == 0x80 {
        throw .malformed(
            file: name, reason: "a pickle as torch wrote before version 1.6; save it again with a newer one", offset: 0)
    }
    return try SafetensorsFile(contents: contents, name: name, mapping: mapping)
}

extension TensorFile {
    /// The tensor's numbers as fp32, in its own shape. Floating types and integers convert; `BOOL` and 8-bit floats
    /// don't. A large fp32 tensor is the file's own pages, which are forgotten with it; what was copied of the file is
    /// forgotten at once.
    /// - Throws: `CheckpointError.missing`, `.dtype`.
    public func tensor(_ key: String) throws -> Tensor {
        let entry = try entry(key)
        let contents = contents
        if let lent = lent(entry) { return lent }
        defer { mapping?.forget(entry.bytes) }
        switch entry.dtype {
        case .f32 where entry.strides == nil && UInt32(1).littleEndian == 1:
            // What most of a checkpoint is, and as it should be in memory.
            return contents.withUnsafeBytes { raw in
                Tensor(shape: entry.shape) {
                    UnsafeMutableRawBufferPointer($0).copyMemory(from: .init(rebasing: raw[entry.bytes]))
                }
            }
        case .f32: return floats(of: entry, in: contents) { (bits: UInt32) in Float(bitPattern: bits) }
        case .bf16: return floats(of: entry, in: contents) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
        case .f16: return floats(of: entry, in: contents, float(half:))
        case .f64: return floats(of: entry, in: contents) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
        case .i64: return floats(of: entry, in: contents) { (value: Int64) in Float(value) }
        case .i32: return floats(of: entry, in: contents) { (value: Int32) in Float(value) }
        case .i16: return floats(of: entry, in: contents) { (value: Int16) in Float(value) }
        case .i8: return floats(of: entry, in: contents) { (value: Int8) in Float(value) }
        case .u64: return floats(of: entry, in: contents) { (value: UInt64) in Float(value) }
        case .u32: return floats(of: entry, in: contents) { (value: UInt32) in Float(value) }
        case .u16: return floats(of: entry, in: contents) { (value: UInt16) in Float(value) }
        case .u8: return floats(of: entry, in: contents) { (value: UInt8) in Float(value) }
        case .bool, .f8e4m3, .f8e5m2:
            throw CheckpointError.dtype(file: name, key: key, expected: "a number type", found: entry.dtype.rawValue)
        }
    }

    /// The tensor's values as integers, for token ids. Only integer types, only values that fit.
    /// - Throws: `CheckpointError.missing`, `.dtype`.
    public func integers(_ key: String) throws -> [Int32] {
        let entry = try entry(key)
        func read<Value: FixedWidthInteger>(_: Value.Type) throws -> [Int32] {
            var values: [Int32] = []
            var misfit: Value?
            forEach(of: entry, in: contents, as: Value.self) { _, value in
                if let fitting = Int32(exactly: value) { values.append(fitting) } else { misfit = value }
            }
            if let misfit {
                throw CheckpointError.dtype(file: name, key: key, expected: "values of 32 bits", found: "\(misfit)")
            }
            return values
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
            throw CheckpointError.dtype(file: name, key: key, expected: "an integer type", found: entry.dtype.rawValue)
        }
    }

    /// The tensor as it lies in the mapped file, if it can be read so.
    private func lent(_ entry: TensorEntry) -> Tensor? {
        guard entry.dtype == .f32, entry.strides == nil, UInt32(1).littleEndian == 1, entry.bytes.count >= lentBytes,
            let mapping, let start = mapping.bytes.baseAddress.map({ $0 + entry.bytes.lowerBound }),
            UInt(bitPattern: start) % UInt(MemoryLayout<Float>.alignment) == 0
        else { return nil }
        let floats = UnsafeRawBufferPointer(start: start, count: entry.bytes.count).bindMemory(to: Float.self)
        return Tensor(lent: floats, shape: entry.shape) { mapping.forget(entry.bytes) }
    }

    private func entry(_ key: String) throws(CheckpointError) -> TensorEntry {
        guard let entry = entries[key] else { throw .missing(file: name, key: key, expected: []) }
        return entry
    }
}

@inline(__always)
private func floats<Bits: FixedWidthInteger>(
    of entry: TensorEntry, in contents: Data, _ value: (Bits) -> Float
) -> Tensor {
    Tensor(shape: entry.shape) { out in forEach(of: entry, in: contents, as: Bits.self) { out[$0] = value($1) } }
}

/// Calls `body` with each number's place in row-major order and its bits. Free and inlined: within the protocol's extension
/// every number would go through unspecialised code.
@inline(__always)
private func forEach<Bits: FixedWidthInteger>(
    of entry: TensorEntry, in contents: Data, as: Bits.Type, _ body: (Int, Bits) -> Void
) {
    let count = entry.shape.reduce(1, *)
    let size = MemoryLayout<Bits>.size
    contents.withUnsafeBytes { raw in
        let bytes = UnsafeRawBufferPointer(rebasing: raw[entry.bytes])
        func bits(_ element: Int) -> Bits {
            Bits(littleEndian: bytes.loadUnaligned(fromByteOffset: element * size, as: Bits.self))
        }
        guard let strides = entry.strides else {
            for place in 0..<count { body(place, bits(place)) }
            return
        }
        for place in 0..<count {
            var (rest, element) = (place, 0)
            for axis in entry.shape.indices.reversed() {
                element += rest % entry.shape[axis] * strides[axis]
                rest /= entry.shape[axis]
            }
            body(place, bits(element))
        }
    }
}

/// IEEE half to single precision; written out because `Float16` isn't on every platform.
private func float(half bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10 & 0x1F)
    let fraction = UInt32(bits & 0x3FF)
    switch exponent {
    case 0: return (sign == 0 ? 1 : -1) * Float(fraction) * 0x1p-24
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
}
