import StrictJSON

/// Element types of the safetensors format.
public enum ElementType: String, Sendable, CaseIterable {
    case bool = "BOOL"
    case u8 = "U8"
    case i8 = "I8"
    case u16 = "U16"
    case i16 = "I16"
    case u32 = "U32"
    case i32 = "I32"
    case u64 = "U64"
    case i64 = "I64"
    case f8e4m3 = "F8_E4M3"
    case f8e5m2 = "F8_E5M2"
    case f16 = "F16"
    case bf16 = "BF16"
    case f32 = "F32"
    case f64 = "F64"

    public var isFloating: Bool {
        switch self {
        case .f8e4m3, .f8e5m2, .f16, .bf16, .f32, .f64: true
        default: false
        }
    }

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .bool, .u8, .i8, .f8e4m3, .f8e5m2: 1
        case .u16, .i16, .f16, .bf16: 2
        case .u32, .i32, .f32: 4
        case .u64, .i64, .f64: 8
        }
    }
}

/// The JSON header of a safetensors file.
struct SafetensorsHeader {
    /// Bytes are counted from the end of the header.
    private(set) var entries: [String: TensorEntry] = [:]
    private(set) var metadata: [String: String] = [:]

    /// - Parameters:
    ///   - json: the header's bytes, trailing spaces included.
    ///   - dataSize: bytes after the header, which the tensors must fill without gap or overlap.
    init(json: [UInt8], dataSize: Int, file: String) throws(CheckpointError) {
        for (key, value) in try Self.members(json, file) {
            let fields = HeaderEntry(file: file, key: key, fields: try HeaderEntry.object(value, file, key))
            if key == "__metadata__" {
                metadata = try fields.strings()
            } else {
                entries[key] = try fields.tensor(dataSize: dataSize)
            }
        }
        try checkLayout(dataSize: dataSize, file: file)
    }

    private static func members(_ json: [UInt8], _ file: String) throws(CheckpointError) -> [(String, JSON)] {
        do throws(JSONError) {
            guard case .object(let members) = try JSON(parsing: json) else {
                throw JSONError(problem: "expected an object", offset: 0)
            }
            return members.map { ($0.key, $0.value) }
        } catch {
            throw .malformed(file: file, reason: error.problem, offset: error.offset)
        }
    }

    private func checkLayout(dataSize: Int, file: String) throws(CheckpointError) {
        var end = 0
        let ordered = entries.sorted { a, b in
            (a.value.bytes.lowerBound, a.value.bytes.upperBound, a.key)
                < (b.value.bytes.lowerBound, b.value.bytes.upperBound, b.key)
        }
        for (key, entry) in ordered {
            guard entry.bytes.lowerBound == end else {
                throw .invalidEntry(
                    file: file, key: key, expected: "data that starts at byte \(end), where its neighbour ends",
                    found: "\(entry.bytes.lowerBound)")
            }
            end = entry.bytes.upperBound
        }
        guard end == dataSize else {
            throw .malformed(file: file, reason: "the tensors fill \(end) of \(dataSize) bytes of data", offset: nil)
        }
    }
}

/// A member of a header: what is known of one tensor, or of the whole file.
private struct HeaderEntry {
    let file: String
    let key: String
    let fields: [JSON.Member]

    static func object(_ value: JSON, _ file: String, _ key: String) throws(CheckpointError) -> [JSON.Member] {
        guard case .object(let members) = value else {
            throw .invalidEntry(file: file, key: key, expected: "an object", found: "another value")
        }
        return members
    }

    private func invalid(_ expected: String, _ found: String) -> CheckpointError {
        .invalidEntry(file: file, key: key, expected: expected, found: found)
    }

    func strings() throws(CheckpointError) -> [String: String] {
        var strings: [String: String] = [:]
        for field in fields {
            guard case .string(let text) = field.value else { throw invalid("strings only", "\(field.key)") }
            strings[field.key] = text
        }
        return strings
    }

    func tensor(dataSize: Int) throws(CheckpointError) -> TensorEntry {
        var dtypeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        for field in fields {
            switch (field.key, field.value) {
            case ("dtype", .string(let name)): dtypeName = name
            case ("shape", .array(let values)): shape = try integers(values, of: "shape")
            case ("data_offsets", .array(let values)): offsets = try integers(values, of: "data_offsets")
            default: throw invalid("dtype, a string, shape and data_offsets, lists, and nothing else", field.key)
            }
        }
        guard let dtypeName, let shape, let offsets else {
            throw invalid("dtype, shape and data_offsets", "an entry without all three")
        }
        guard let dtype = ElementType(rawValue: dtypeName) else {
            throw invalid("one of \(ElementType.allCases.map(\.rawValue).joined(separator: " "))", dtypeName)
        }
        guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= dataSize else {
            throw invalid("two ascending data_offsets within \(dataSize) bytes", "\(offsets)")
        }
        var size = dtype.size
        for dimension in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
            guard !overflow else { throw invalid("a shape whose size fits in 63 bits", "\(shape)") }
            size = product
        }
        guard size == offsets[1] - offsets[0] else {
            throw invalid("\(size) bytes for \(dtypeName) \(shape)", "\(offsets[1] - offsets[0]) bytes")
        }
        return TensorEntry(dtype: dtype, shape: shape, bytes: offsets[0]..<offsets[1])
    }

    private func integers(_ values: [JSON], of field: String) throws(CheckpointError) -> [Int] {
        var integers: [Int] = []
        for value in values {
            guard case .number(let literal) = value, literal.first != "-", let integer = Int(literal) else {
                throw invalid("\(field) of integers from 0 to \(Int.max)", "another value")
            }
            integers.append(integer)
        }
        return integers
    }
}
