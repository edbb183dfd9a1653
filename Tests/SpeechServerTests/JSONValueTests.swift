import Foundation
import SpeechServer
import Testing

@Suite struct JSONValueTests {
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

    @Test func mistakesSayWhere() {
        #expect(throws: ServerError.invalidJSON(reason: "expected ']', at byte 3")) { try JSONValue(parsing: "[1 2]") }
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
