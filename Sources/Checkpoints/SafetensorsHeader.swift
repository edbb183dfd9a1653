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

/// The JSON header of a safetensors file. Its grammar is small (an object of objects of strings and lists of
/// integers), so it is read by a scanner of its own: Foundation's JSON reader can't report duplicate keys, and takes
/// numbers such as 1e3 or 1.0 for integers.
struct SafetensorsHeader {
    /// Bytes are counted from the end of the header.
    private(set) var entries: [String: TensorEntry] = [:]
    private(set) var metadata: [String: String] = [:]

    /// - Parameters:
    ///   - json: the header's bytes, trailing spaces included.
    ///   - dataSize: bytes after the header, which the tensors must fill without gap or overlap.
    init(json: [UInt8], dataSize: Int, file: String) throws(CheckpointError) {
        var scanner = HeaderScanner(bytes: json, file: file)
        var seenMetadata = false
        try scanner.object { (scanner, name) throws(CheckpointError) in
            if name == "__metadata__" {
                guard !seenMetadata else { throw scanner.malformed("duplicate key __metadata__") }
                seenMetadata = true
                self.metadata = try scanner.stringMap()
            } else {
                guard self.entries[name] == nil else { throw scanner.malformed("duplicate key \(name)") }
                self.entries[name] = try scanner.entry(name, dataSize: dataSize)
            }
        }
        try scanner.end()
        try checkLayout(dataSize: dataSize, file: file)
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

/// Reads the JSON subset of a safetensors header, strictly.
private struct HeaderScanner {
    let bytes: [UInt8]
    let file: String
    private var at = 0

    init(bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    func malformed(_ reason: String) -> CheckpointError { .malformed(file: file, reason: reason, offset: at) }

    private mutating func skipSpace() {
        while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    }

    private mutating func peek() -> UInt8? {
        skipSpace()
        return at < bytes.count ? bytes[at] : nil
    }

    private mutating func take(_ character: Character) throws(CheckpointError) {
        guard peek() == character.asciiValue else { throw malformed("expected '\(character)'") }
        at += 1
    }

    private mutating func takeIf(_ character: Character) -> Bool {
        guard peek() == character.asciiValue else { return false }
        at += 1
        return true
    }

    /// Whole input read.
    mutating func end() throws(CheckpointError) {
        guard peek() == nil else { throw malformed("bytes after the header's object") }
    }

    mutating func object(
        _ member: (inout HeaderScanner, String) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        try take("{")
        if takeIf("}") { return }
        repeat {
            let name = try string()
            try take(":")
            try member(&self, name)
        } while takeIf(",")
        try take("}")
    }

    mutating func stringMap() throws(CheckpointError) -> [String: String] {
        var map: [String: String] = [:]
        try object { (scanner, name) throws(CheckpointError) in
            guard map.updateValue(try scanner.string(), forKey: name) == nil else {
                throw scanner.malformed("duplicate key \(name)")
            }
        }
        return map
    }

    mutating func entry(_ key: String, dataSize: Int) throws(CheckpointError) -> TensorEntry {
        var dtypeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try object { (scanner, field) throws(CheckpointError) in
            switch field {
            case "dtype" where dtypeName == nil: dtypeName = try scanner.string()
            case "shape" where shape == nil: shape = try scanner.integers()
            case "data_offsets" where offsets == nil: offsets = try scanner.integers()
            default: throw scanner.malformed("\(key): unknown or duplicate field '\(field)'")
            }
        }
        func invalid(_ expected: String, _ found: String) -> CheckpointError {
            .invalidEntry(file: file, key: key, expected: expected, found: found)
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

    /// A list of non-negative integers without sign, fraction, exponent or leading zero.
    private mutating func integers() throws(CheckpointError) -> [Int] {
        try take("[")
        var values: [Int] = []
        if takeIf("]") { return values }
        repeat {
            skipSpace()
            let start = at
            var value = 0
            while at < bytes.count, (0x30...0x39).contains(bytes[at]) {
                let (tens, overflow1) = value.multipliedReportingOverflow(by: 10)
                let (next, overflow2) = tens.addingReportingOverflow(Int(bytes[at]) - 0x30)
                guard !overflow1, !overflow2 else { throw malformed("integer out of range") }
                value = next
                at += 1
            }
            guard at > start, at == start + 1 || bytes[start] != 0x30 else { throw malformed("expected an integer") }
            values.append(value)
        } while takeIf(",")
        try take("]")
        return values
    }

    private mutating func string() throws(CheckpointError) -> String {
        try take("\"")
        var text: [UInt8] = []
        while true {
            guard at < bytes.count else { throw malformed("unterminated string") }
            let byte = bytes[at]
            at += 1
            switch byte {
            case 0x22:
                guard let string = String(validating: text, as: UTF8.self) else { throw malformed("invalid UTF-8") }
                return string
            case 0x5C: try text.append(contentsOf: String(escape()).utf8)
            case 0..<0x20: throw malformed("control character in a string")
            default: text.append(byte)
            }
        }
    }

    private mutating func escape() throws(CheckpointError) -> Unicode.Scalar {
        guard at < bytes.count else { throw malformed("unterminated string") }
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let high = try hexUnit()
            if let scalar = Unicode.Scalar(high) { return scalar }
            guard (0xD800..<0xDC00).contains(high), at + 1 < bytes.count, bytes[at] == 0x5C,
                bytes[at + 1] == UInt8(ascii: "u")
            else { throw malformed("lone surrogate") }
            at += 2
            let low = try hexUnit()
            guard (0xDC00..<0xE000).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
            else { throw malformed("lone surrogate") }
            return scalar
        default: throw malformed("unknown escape")
        }
    }

    private mutating func hexUnit() throws(CheckpointError) -> UInt32 {
        guard at + 4 <= bytes.count else { throw malformed("unterminated string") }
        var value: UInt32 = 0
        for byte in bytes[at..<at + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw malformed("expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        at += 4
        return value
    }
}
