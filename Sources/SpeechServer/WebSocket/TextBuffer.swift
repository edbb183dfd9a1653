import Chatterbox

/// Text that arrives bit by bit, as from a language model; gives its sentences as they become whole.
package struct TextBuffer: Sendable {
    private var pending = ""

    package init() {}

    /// - Returns: sentences that are whole since: what follows them shows that they have ended.
    package mutating func append(_ text: String) -> [String] {
        pending += text
        var blocks = Array(RawBlocks(pending))
        // The last may go on.
        guard let last = blocks.popLast(), !blocks.isEmpty else { return [] }
        let spaces = pending.reversed().prefix(while: \.isWhitespace).count
        pending = last.text.trimmingSpaces + String(pending.suffix(spaces))
        return blocks.map { $0.endsParagraph ? $0.text.trimmingSpaces + "\n\n" : $0.text.trimmingSpaces }
            .filter { !$0.isEmpty }
    }

    /// Everything that is left, whole or not.
    package mutating func flush() -> [String] {
        defer { pending = "" }
        let text = pending.trimmingSpaces
        return text.isEmpty ? [] : [text]
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
