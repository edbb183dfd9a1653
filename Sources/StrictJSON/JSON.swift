/// JSON as it was written: members in their order, numbers as their digits, strings as exact code points.
///
/// Foundation's readers lose what matters with foreign files and messages: keys that come twice; 1e3 and 1.0, which are
/// no integers; "가" as one code point and as two Jamo, which are two tokens of a vocabulary. And some hundred kilobytes
/// of nested lists take `JSONDecoder` minutes, if their type isn't known before.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    /// Its digits: a number by RFC 8259 that `Double` holds.
    case number(String)
    case string(String)
    case array([JSON])
    case object([Member])

    package struct Member: Sendable {
        package let key: String
        package let value: JSON
    }

    /// Reads strictly by RFC 8259, in time that grows with the length alone; a byte order mark may come first.
    /// - Parameters:
    ///   - bytes: UTF-8.
    ///   - uniqueKeys: whether an object with a key twice is an error.
    ///   - mostValues: how many values there may be in all. Depth is limited to 64.
    package init(
        parsing bytes: some Sequence<UInt8>, uniqueKeys: Bool = true, mostValues: Int = .max
    ) throws(JSONError) {
        var parser = JSONParser(Array(bytes), uniqueKeys: uniqueKeys, mostValues: mostValues)
        self = try parser.document()
    }
}

/// What is wrong with a text that should be JSON, and at which byte.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    package let problem: String
    package let offset: Int

    package init(problem: String, offset: Int) {
        (self.problem, self.offset) = (problem, offset)
    }

    package var description: String { "\(problem), at byte \(offset)" }
}
