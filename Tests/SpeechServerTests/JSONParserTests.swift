import Foundation
import SpeechServer
import Testing

@Suite struct JSONParserTests {
    @Test func everyKindOfValue() throws {
        let text =
            #"{"s": "a\"\\\/\b\f\n\r\té\ud83d\ude00", "n": [0, -1, 9223372036854775807, 18446744073709551615, "#
            + #"1.5, -2e3, 1E-2], "t": true, "f": false, "0": null, "": {}, "l": []}"#
        #expect(
            try JSONValue(parsing: text) == [
                "s": "a\"\\/\u{8}\u{C}\n\r\té😀",
                "n": [
                    0, -1, .integer(.max), .unsigned(.max), .number(1.5), .number(-2000), .number(0.01),
                ], "t": true, "f": false, "0": .null, "": [:], "l": [],
            ])
        #expect(try JSONValue(parsing: " \t\r\n1 ") == 1)
        #expect(try JSONValue(parsing: "\u{FEFF}{}") == [:])
        #expect(try JSONValue(parsing: "18446744073709551616") == .number(18_446_744_073_709_551_616))
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
        let error = #expect(throws: ServerError.self) { try JSONValue(parsing: text) }
        guard case .invalidJSON(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains(problem) && reason.contains(", at byte "), "\(reason)")
    }

    @Test func depthAndNumberOfValuesAreBounded() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONValue(parsing: nested(64))
        #expect(throws: ServerError.self) { try JSONValue(parsing: nested(65)) }
        #expect(throws: ServerError.self) { try JSONValue(parsing: String(repeating: "[", count: 1_000_000)) }
        func list(_ count: Int) -> String { "[" + Array(repeating: "0", count: count).joined(separator: ",") + "]" }
        _ = try JSONValue(parsing: list(99_999))
        #expect(throws: ServerError.self) { try JSONValue(parsing: list(100_000)) }
    }

    @Test(arguments: ["application/json", "application/x-www-form-urlencoded"])
    func fieldsAreCounted(_ type: String) throws {
        func body(_ count: Int) -> String {
            let names = (0..<count).map { "f\($0)" }
            return type == "application/json"
                ? "{" + names.map { "\"\($0)\": 1" }.joined(separator: ",") + "}"
                : names.map { "\($0)=1" }.joined(separator: "&")
        }
        func fields(_ count: Int) throws -> RequestFields {
            try RequestFields(.init(body(count).utf8), contentType: type, .form)
        }
        #expect(try fields(RequestFields.maxFields).values.count == RequestFields.maxFields)
        #expect(throws: ServerError.self) { try fields(RequestFields.maxFields + 1) }
    }
}
