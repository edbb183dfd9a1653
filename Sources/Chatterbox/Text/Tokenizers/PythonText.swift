/// What Python's `str` does where Swift's differs; the reference's text front ends are written in it.
enum PythonText {
    /// `str.isspace` of one character: `White_Space` and the four information separators.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }

    /// `str.lower`: as Swift's, but Σ at the end of a word is ς.
    static func lowercased(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        text.indices.flatMap { index -> [Unicode.Scalar] in
            if text[index] == "Σ" { return [isFinalSigma(text, index) ? "ς" : "σ"] }
            return Array(text[index].properties.lowercaseMapping.unicodeScalars)
        }
    }

    private static func isFinalSigma(_ text: [Unicode.Scalar], _ index: Int) -> Bool {
        let before = text[..<index].last { !$0.properties.isCaseIgnorable }
        let after = text[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        return before?.properties.isCased == true && after?.properties.isCased != true
    }

    /// `str.strip()`.
    static func strip(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        guard let first = text.firstIndex(where: { !isSpace($0) }), let last = text.lastIndex(where: { !isSpace($0) })
        else { return [] }
        return Array(text[first...last])
    }

    /// `" ".join(text.split())`.
    static func singleSpaced(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        Array(text.split(whereSeparator: isSpace).joined(separator: [" "]))
    }

    /// `str.replace`.
    static func replace(
        _ text: [Unicode.Scalar], _ old: some Collection<Unicode.Scalar>, _ new: some Collection<Unicode.Scalar>
    ) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var at = 0
        while at < text.count {
            if text[at...].starts(with: old) {
                result += new
                at += old.count
            } else {
                result.append(text[at])
                at += 1
            }
        }
        return result
    }
}
