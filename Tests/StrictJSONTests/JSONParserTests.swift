import StrictJSON
import Testing

@Suite struct JSONParserTests {
    @Test func keepsWhatWasWritten() throws {
        guard
            case .object(let members) = try JSON(
                parsing: #"{"b": 1.0, "a": 1e3, "b": "\u1112\u1161"}"#.utf8, uniqueKeys: false)
        else { throw JSONError(problem: "no object", offset: 0) }
        #expect(members.map(\.key) == ["b", "a", "b"])
        guard case .number("1.0") = members[0].value, case .number("1e3") = members[1].value,
            case .string(let hangul) = members[2].value
        else { throw JSONError(problem: "other values", offset: 0) }
        #expect(hangul.unicodeScalars.count == 2)
    }

    @Test func stringsAreUTF8() {
        #expect(throws: JSONError(problem: "a string isn't UTF-8", offset: 3)) {
            try JSON(parsing: [0x22, 0xFF, 0x22])
        }
    }

    @Test(arguments: [
        ("", "a value is missing"), ("nul", "expected null"), ("[1,]", "expected a value"), ("{,}", "expected a key"),
        ("{\"a\" 1}", "expected ':'"), ("[1 2]", "expected ']'"), ("{} {}", "more after the value"),
        ("01", "starts with 0"), ("-", "expected a value"), ("1.", "expected a value"), ("1e+", "expected a value"),
        ("+1", "expected a value"), ("NaN", "expected a value"), ("1e400", "too large"), ("\"a", "doesn't end"),
        ("\"\\", "doesn't end"), ("\"\\x\"", "an escape"), ("\"\\u12\"", "doesn't end"), ("\"\\u12g4\"", "hexadecimal"),
        ("\"\u{1}\"", "control character"), ("\"\\ud800\"", "surrogate"), ("\"\\udc00\"", "surrogate"),
        ("\"\\ud800\\u0041\"", "surrogate"), ("{\"a\": 1, \"\\u0061\": 2}", "the key \"a\" is there twice"),
    ])
    func mistakes(_ text: String, _ problem: String) throws {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text.utf8) }
        #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
    }

    @Test func depthAndNumberOfValuesAreBounded() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON(parsing: nested(64).utf8)
        #expect(throws: JSONError.self) { try JSON(parsing: nested(65).utf8) }
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000).utf8) }
        func list(_ count: Int) -> String { "[" + Array(repeating: "0", count: count).joined(separator: ",") + "]" }
        _ = try JSON(parsing: list(99).utf8, mostValues: 100)
        #expect(throws: JSONError.self) { try JSON(parsing: list(100).utf8, mostValues: 100) }
    }
}
