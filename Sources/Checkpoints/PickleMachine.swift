import Foundation

/// Reads the pickle of a torch archive. A pickle is a program; this machine knows the instructions that build plain data,
/// and of all the things that a program can name only those that stand for tensors. Anything else ends it with the name.
///
/// Containers lie in one array and are referred to by index, so that no depth of nesting can exhaust the stack.
/// Source: Python's pickletools; torch/_utils.py, torch/serialization.py
struct PickleMachine {
    enum Value {
        case scalar(TorchArchive.Scalar)
        case tensor(TensorEntry)
        case storage(Storage)
        case global(Global)
        /// Index in `containers`.
        case container(Int)
        case mark
    }

    /// Numbers of one type in the file.
    struct Storage {
        let dtype: ElementType
        let bytes: Range<Int>
        var count: Int { bytes.count / dtype.size }
    }

    /// Things that a pickle may name.
    enum Global {
        case rebuildTensor
        case rebuildParameter
        case orderedDict
        case storage(ElementType)
    }

    struct Container {
        enum Kind { case tuple, list, dictionary }
        let kind: Kind
        /// A dictionary's keys and values take turns.
        var items: [Value] = []
    }

    private var cursor: ByteCursor
    private let storages: [String: Range<Int>]
    let file: String
    private var stack: [Value] = []
    private var memo: [Int: Value] = [:]
    var containers: [Container] = []

    init(pickle: Data, range: Range<Int>, storages: [String: Range<Int>], file: String) {
        cursor = ByteCursor(pickle, range: range, file: file)
        self.storages = storages
        self.file = file
    }

    func malformed(_ reason: String) -> CheckpointError { cursor.malformed("pickle: " + reason) }

    /// Runs to the end, and gives the leaves of the dictionary that it made.
    mutating func run() throws(CheckpointError) -> ([String: TensorEntry], [String: TorchArchive.Scalar]) {
        while true {
            let code = try cursor.number(UInt8.self)
            if code == UInt8(ascii: ".") { break }
            try execute(code)
        }
        guard stack.count == 1, let root = stack.first else { throw malformed("ends with \(stack.count) values") }
        return try leaves(of: root)
    }

    private mutating func execute(_ code: UInt8) throws(CheckpointError) {
        switch code {
        case 0x80:
            let version = try cursor.number(UInt8.self)
            guard (2...5).contains(version) else { throw malformed("protocol \(version), 2 to 5 are read") }
        case 0x95: _ = try cursor.number(UInt64.self)
        case UInt8(ascii: "("): stack.append(.mark)
        case UInt8(ascii: "0"): _ = try pop()
        case UInt8(ascii: "1"): _ = try popToMark()
        case UInt8(ascii: "2"): stack.append(try top())
        case UInt8(ascii: "N"): stack.append(.scalar(.none))
        case 0x88: stack.append(.scalar(.bool(true)))
        case 0x89: stack.append(.scalar(.bool(false)))
        case UInt8(ascii: "J"): stack.append(.scalar(.int(Int(try cursor.number(Int32.self)))))
        case UInt8(ascii: "K"): stack.append(.scalar(.int(try cursor.count(UInt8.self))))
        case UInt8(ascii: "M"): stack.append(.scalar(.int(try cursor.count(UInt16.self))))
        case 0x8A: stack.append(.scalar(.int(try long(try cursor.count(UInt8.self)))))
        case UInt8(ascii: "G"):
            stack.append(.scalar(.float(Double(bitPattern: try cursor.number(UInt64.self).byteSwapped))))
        case UInt8(ascii: "X"): stack.append(.scalar(.string(try cursor.text(try cursor.count(UInt32.self)))))
        case 0x8C: stack.append(.scalar(.string(try cursor.text(try cursor.count(UInt8.self)))))
        case 0x8D: stack.append(.scalar(.string(try cursor.text(try cursor.count(UInt64.self)))))
        case UInt8(ascii: ")"): push(Container(kind: .tuple))
        case UInt8(ascii: "]"): push(Container(kind: .list))
        case UInt8(ascii: "}"): push(Container(kind: .dictionary))
        case UInt8(ascii: "t"): push(Container(kind: .tuple, items: try popToMark()))
        case 0x85, 0x86, 0x87:
            var items: [Value] = []
            for _ in 0..<Int(code) - 0x84 { items.append(try pop()) }
            push(Container(kind: .tuple, items: items.reversed()))
        case UInt8(ascii: "l"): push(Container(kind: .list, items: try popToMark()))
        case UInt8(ascii: "d"): push(Container(kind: .dictionary, items: try pairs(try popToMark())))
        case UInt8(ascii: "a"): try extend(.list, by: [try pop()])
        case UInt8(ascii: "e"): try extend(.list, by: try popToMark())
        case UInt8(ascii: "s"):
            let value = try pop()
            try extend(.dictionary, by: [try pop(), value])
        case UInt8(ascii: "u"): try extend(.dictionary, by: try pairs(try popToMark()))
        case UInt8(ascii: "q"): memo[try cursor.count(UInt8.self)] = try top()
        case UInt8(ascii: "r"): memo[try cursor.count(UInt32.self)] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "h"): try recall(try cursor.count(UInt8.self))
        case UInt8(ascii: "j"): try recall(try cursor.count(UInt32.self))
        case UInt8(ascii: "c"): stack.append(.global(try global(try cursor.line(), try cursor.line())))
        case 0x93:
            guard case .scalar(.string(let name)) = try pop(), case .scalar(.string(let module)) = try pop() else {
                throw malformed("a name that is no string")
            }
            stack.append(.global(try global(module, name)))
        case UInt8(ascii: "R"): try call()
        case UInt8(ascii: "b"):
            // Attributes of an OrderedDict: torch hangs versions there.
            _ = try pop()
            guard case .container(let index) = try top(), containers[index].kind == .dictionary else {
                throw malformed("attributes of something other than a dictionary")
            }
        case UInt8(ascii: "Q"): stack.append(.storage(try storage(try pop())))
        default:
            throw malformed("instruction 0x\(String(code, radix: 16)), which plain data doesn't need")
        }
    }

    // MARK: stack

    private func top() throws(CheckpointError) -> Value {
        guard let value = stack.last else { throw malformed("nothing on the stack") }
        if case .mark = value { throw malformed("a mark where a value should be") }
        return value
    }

    private mutating func pop() throws(CheckpointError) -> Value {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func popToMark() throws(CheckpointError) -> [Value] {
        let mark = stack.lastIndex { value in
            if case .mark = value { true } else { false }
        }
        guard let mark else { throw malformed("no mark on the stack") }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[(mark + 1)...])
    }

    private mutating func push(_ container: Container) {
        stack.append(.container(containers.count))
        containers.append(container)
    }

    private func pairs(_ items: [Value]) throws(CheckpointError) -> [Value] {
        guard items.count % 2 == 0 else { throw malformed("a key without a value") }
        return items
    }

    private mutating func extend(_ kind: Container.Kind, by items: [Value]) throws(CheckpointError) {
        guard case .container(let index) = try top(), containers[index].kind == kind else {
            throw malformed("items for something that isn't a \(kind)")
        }
        containers[index].items += items
    }

    private mutating func recall(_ index: Int) throws(CheckpointError) {
        guard let value = memo[index] else { throw malformed("recalls \(index), which was never kept") }
        stack.append(value)
    }

    /// A little-endian integer in two's complement.
    private mutating func long(_ size: Int) throws(CheckpointError) -> Int {
        guard size <= 8 else { throw malformed("an integer of \(size) bytes") }
        let bytes = try cursor.bytes(size)
        guard let last = bytes.last else { return 0 }
        var value: UInt64 = last >= 0x80 ? .max : 0
        for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
        return Int(Int64(bitPattern: value))
    }

    // MARK: names

    private func global(_ module: String, _ name: String) throws(CheckpointError) -> Global {
        switch (module, name) {
        case ("torch._utils", "_rebuild_tensor_v2"): return .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): return .rebuildParameter
        case ("collections", "OrderedDict"): return .orderedDict
        case ("torch", _):
            let types: [String: ElementType] = [
                "FloatStorage": .f32, "DoubleStorage": .f64, "HalfStorage": .f16, "BFloat16Storage": .bf16,
                "LongStorage": .i64, "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8,
                "BoolStorage": .bool,
            ]
            if let type = types[name] { return .storage(type) }
        default: break
        }
        throw .unsafe(file: file, global: "\(module).\(name)")
    }

    private mutating func call() throws(CheckpointError) {
        let arguments = try items(of: try pop(), .tuple)
        guard case .global(let function) = try pop() else { throw malformed("calls something that has no name") }
        switch function {
        case .orderedDict:
            guard arguments.isEmpty else { throw malformed("an OrderedDict with arguments") }
            push(Container(kind: .dictionary))
        case .rebuildTensor: stack.append(.tensor(try tensor(arguments)))
        case .rebuildParameter:
            guard let data = arguments.first, case .tensor = data else {
                throw malformed("a parameter that is no tensor")
            }
            stack.append(data)
        case .storage: throw malformed("calls a storage type")
        }
    }

    func items(of value: Value, _ kind: Container.Kind) throws(CheckpointError) -> [Value] {
        guard case .container(let index) = value, containers[index].kind == kind else {
            throw malformed("expected a \(kind)")
        }
        return containers[index].items
    }

    // MARK: tensors

    /// `("storage", type, key, device, count)`
    private func storage(_ id: Value) throws(CheckpointError) -> Storage {
        let parts = try items(of: id, .tuple)
        guard parts.count == 5, case .scalar(.string("storage")) = parts[0],
            case .global(.storage(let dtype)) = parts[1], case .scalar(.string(let key)) = parts[2],
            case .scalar(.string) = parts[3], case .scalar(.int(let count)) = parts[4]
        else { throw malformed("a storage that isn't told as torch does") }
        guard let bytes = storages[key] else { throw malformed("storage \(key) isn't in the archive") }
        let (size, overflow) = count.multipliedReportingOverflow(by: dtype.size)
        guard !overflow, size == bytes.count else {
            throw malformed(
                "storage \(key): expected \(count) numbers of \(dtype.rawValue), found \(bytes.count) bytes")
        }
        return Storage(dtype: dtype, bytes: bytes)
    }

    /// `(storage, offset, shape, strides, …)`
    private func tensor(_ arguments: [Value]) throws(CheckpointError) -> TensorEntry {
        guard arguments.count >= 4, case .storage(let storage) = arguments[0],
            case .scalar(.int(let offset)) = arguments[1]
        else { throw malformed("a tensor that isn't told as torch does") }
        let (shape, strides) = (try integers(arguments[2]), try integers(arguments[3]))
        guard offset >= 0, shape.count == strides.count, shape.count <= 16 else {
            throw malformed("a tensor at \(offset) with shape \(shape) and strides \(strides)")
        }
        let invalid = malformed("a tensor of \(shape), strides \(strides), at \(offset) of \(storage.count) numbers")
        // One more than its last number's place; and how many there are, which must not be more than are stored.
        var (end, count) = (offset, 1)
        for (length, stride) in zip(shape, strides) {
            guard length >= 0, stride >= 0 else { throw invalid }
            let (reach, overflow1) = max(length - 1, 0).multipliedReportingOverflow(by: stride)
            let (sum, overflow2) = end.addingReportingOverflow(reach)
            let (product, overflow3) = count.multipliedReportingOverflow(by: length)
            guard !overflow1, !overflow2, !overflow3 else { throw invalid }
            (end, count) = (sum, product)
        }
        guard count > 0 else {
            return TensorEntry(
                dtype: storage.dtype, shape: shape, bytes: storage.bytes.lowerBound..<storage.bytes.lowerBound)
        }
        guard end < storage.count, count <= storage.count else { throw invalid }
        let start = storage.bytes.lowerBound
        var expected = 1
        var isDense = true
        for (length, stride) in zip(shape, strides).reversed() where length > 1 {
            isDense = isDense && stride == expected
            expected *= length
        }
        return TensorEntry(
            dtype: storage.dtype, shape: shape,
            bytes: start + offset * storage.dtype.size..<start + (end + 1) * storage.dtype.size,
            strides: isDense ? nil : strides)
    }

    private func integers(_ value: Value) throws(CheckpointError) -> [Int] {
        var integers: [Int] = []
        for item in try items(of: value, .tuple) {
            guard case .scalar(.int(let integer)) = item else { throw malformed("a shape of something else") }
            integers.append(integer)
        }
        return integers
    }
}
