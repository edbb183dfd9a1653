import Foundation
import StrictJSON

/// A value in a tokenizer file with its path there, so that errors name both.
struct TokenizerField {
    let file: String
    let path: String
    let value: JSON

    /// - Throws: `TextError.tokenizer` if there is no such file, or it is no JSON.
    init(contentsOf url: URL) throws(TextError) {
        try self.init(parsing: Self.bytes(of: url), file: url.lastPathComponent)
    }

    /// - Throws: `TextError.tokenizer`, with the place in the file.
    init(parsing json: some Sequence<UInt8>, file: String) throws(TextError) {
        do throws(JSONError) {
            self.init(file: file, path: "", value: try JSON(parsing: json, uniqueKeys: false))
        } catch {
            throw .tokenizer(file: file, key: "", problem: "not JSON: \(error)")
        }
    }

    init(file: String, path: String, value: JSON) {
        self.file = file
        self.path = path
        self.value = value
    }

    static func bytes(of url: URL) throws(TextError) -> Data {
        do {
            return try Data(contentsOf: url)
        } catch {
            throw .tokenizer(file: url.lastPathComponent, key: "", problem: "can't be read: \(url.path)")
        }
    }

    func failure(_ problem: String) -> TextError { .tokenizer(file: file, key: path, problem: problem) }

    func failure(expected: String) -> TextError { failure("expected \(expected), found \(found)") }

    /// The value in a few characters.
    private var found: String {
        switch value {
        case .null: "nothing"
        case .bool(let value): "\(value)"
        case .number(let literal): literal
        case .string(let text):
            "\"\(String(scalars: text.unicodeScalars.prefix(40)))\(text.unicodeScalars.count > 40 ? "…" : "")\""
        case .array(let elements): "a list of \(elements.count)"
        case .object(let members): "an object of \(members.count) members"
        }
    }

    var isNull: Bool { if case .null = value { true } else { false } }

    /// A member of this object; null if it isn't there.
    func member(_ name: String) -> TokenizerField {
        var value = JSON.null
        if case .object(let members) = self.value {
            value = members.last { $0.key == name }?.value ?? .null
        }
        return TokenizerField(file: file, path: path.isEmpty ? name : "\(path).\(name)", value: value)
    }

    func members() throws(TextError) -> [(key: [Unicode.Scalar], field: TokenizerField)] {
        guard case .object(let members) = value else { throw failure(expected: "an object") }
        return members.map { member in
            let path = "\(path)[\"\(member.key)\"]"
            return (Array(member.key.unicodeScalars), TokenizerField(file: file, path: path, value: member.value))
        }
    }

    func elements() throws(TextError) -> [TokenizerField] {
        guard case .array(let elements) = value else { throw failure(expected: "a list") }
        return elements.enumerated().map { index, element in
            TokenizerField(file: file, path: "\(path)[\(index)]", value: element)
        }
    }

    func string() throws(TextError) -> String {
        guard case .string(let text) = value else { throw failure(expected: "a string") }
        return text
    }

    func scalars() throws(TextError) -> [Unicode.Scalar] { Array(try string().unicodeScalars) }

    /// Nil if the value is null or isn't there.
    func stringIfAny() throws(TextError) -> String? { isNull ? nil : try string() }

    func bool(default fallback: Bool = false) throws(TextError) -> Bool {
        switch value {
        case .null: return fallback
        case .bool(let value): return value
        default: throw failure(expected: "true or false")
        }
    }

    /// Far more than any vocabulary has, and far from where counting on overflows.
    static let ids: Range<Int32> = 0..<1 << 24
    static let allowedID = "an id, an integer from 0 to \(ids.upperBound - 1)"

    func id() throws(TextError) -> Int32 {
        try Self.id(value) { () in failure(expected: Self.allowedID) }
    }

    static func id(_ value: JSON, _ failure: () -> TextError) throws(TextError) -> Int32 {
        guard case .number(let literal) = value, let id = Int32(literal), ids.contains(id) else { throw failure() }
        return id
    }
}

extension String {
    init(scalars: some Sequence<Unicode.Scalar>) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(view)
    }
}
