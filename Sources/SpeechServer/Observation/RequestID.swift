/// What a request is called in logs and answers.
enum RequestID {
    private static let limit = 128

    static func make() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// A client's own id, if it may stand in a log: letters, digits and `-._:/+=@` only.
    static func taken(from id: String?) -> String? {
        guard let id, (1...limit).contains(id.utf8.count), id.utf8.allSatisfy(isPlain) else { return nil }
        return id
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._:/+=@".utf8.contains(byte)
        }
    }
}

/// The connection that the task at hand serves, for logs.
enum ConnectionID {
    @TaskLocal static var current: String?

    /// Eight hexadecimal digits that name a connection in messages and logs.
    static func make() -> String {
        let digits = String(UInt32.random(in: 0...UInt32.max), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
