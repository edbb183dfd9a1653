/// `punc_norm` of the reference: a capital at the start, single spaces, punctuation that the models were trained with, a
/// mark at the end. The models differ in what they replace.
/// Source: resemble-ai/chatterbox tts.py, tts_turbo.py, mtl_tts.py
public enum PunctuationNormalizer: String, Codable, Sendable, CaseIterable {
    case english, turbo, multilingual

    /// - Returns: at least a full stop; a sentence of the reference's for empty text.
    public func normalize(_ text: String) -> String {
        var text = Array(text.unicodeScalars)
        guard let first = text.first else { return "You need to add some text for me to talk." }
        if first.properties.isLowercase {
            text.replaceSubrange(0..<1, with: first.properties.uppercaseMapping.unicodeScalars)
        }
        text = PythonText.singleSpaced(text)
        for (old, new) in Self.replacements where self != .turbo || !Self.notInTurbo.contains(old) {
            text = PythonText.replace(text, Array(old.unicodeScalars), Array(new.unicodeScalars))
        }
        while text.last == " " { text.removeLast() }
        let enders = self == .multilingual ? ".!?-,、，。？！" : ".!?-,"
        if text.last.map({ enders.unicodeScalars.contains($0) }) != true { text.append(".") }
        return String(scalars: text)
    }

    private static let notInTurbo: Set<String> = ["...", " - ", ";"]

    private static let replacements = [
        ("...", ", "), ("…", ", "), (":", ","), (" - ", ", "), (";", ", "), ("—", "-"), ("–", "-"), (" ,", ","),
        ("“", "\""), ("”", "\""), ("‘", "'"), ("’", "'"),
    ]
}
