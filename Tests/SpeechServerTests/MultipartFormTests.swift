import Foundation
import SpeechServer
import Testing

@Suite struct MultipartFormTests {
    static func form(_ parts: [(head: String, content: Data)], boundary: String = "b", preamble: String = "") -> Data {
        var body = Data(preamble.utf8)
        for part in parts {
            body += Data("--\(boundary)\r\nContent-Disposition: form-data; \(part.head)\r\n\r\n".utf8) + part.content
            body += Data("\r\n".utf8)
        }
        return body + Data("--\(boundary)--\r\n".utf8)
    }

    @Test func fieldsAndFiles() throws {
        let sound = Data((0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }) + Data("\r\n--not it\r\n".utf8)
        let body = Self.form([
            ("name=\"input\"", Data("Hello\r\nthere".utf8)), ("name=empty", Data()),
            (#"name="voice_file"; filename="a \"b\"; c.wav""# + "\r\nContent-Type: audio/wav", sound),
        ])
        let parts = try MultipartForm(body, boundary: "b").parts
        #expect(parts.map(\.name) == ["input", "empty", "voice_file"])
        #expect(parts[0].content == Data("Hello\r\nthere".utf8) && parts[0].fileName == nil)
        #expect(parts[1].content.isEmpty)
        #expect(
            parts[2].fileName == #"a "b"; c.wav"# && parts[2].contentType == "audio/wav" && parts[2].content == sound)
    }

    @Test func aPreambleIsSkipped() throws {
        let body = Self.form([("name=a", Data("1".utf8))], preamble: "This is a form.\r\n")
        #expect(try MultipartForm(body, boundary: "b").parts.count == 1)
    }

    @Test func everyCutIsToldAndNoneCrashes() throws {
        let body = Self.form([("name=a", Data("1".utf8)), ("name=b; filename=x", Data([0, 13, 10, 45, 45]))])
        for count in 0..<(body.count - 4) {
            #expect(throws: ServerError.self, "\(count)") { try MultipartForm(body.prefix(count), boundary: "b") }
        }
        // Slices don't start at 0.
        let slice = (Data("xxxxx".utf8) + body).dropFirst(5)
        #expect(try MultipartForm(slice, boundary: "b").parts.count == 2)
    }

    @Test func rubbish() {
        var generator = SeededGenerator(seed: 5)
        let pieces = [
            "--b", "--", "\r\n", "\r\n\r\n", ":", ";", "\"", "name=", "content-disposition: form-data", "a", "\0", "\\",
        ]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...14, using: &generator)
            let text = (0..<count).map { _ in pieces.randomElement(using: &generator)! }.joined()
            do {
                let form = try MultipartForm(Data(text.utf8), boundary: "b")
                #expect(form.parts.allSatisfy { !$0.content.contains(Data("\r\n--b".utf8)) })
            } catch {
                #expect(error.httpStatus == 422)
            }
        }
    }

    @Test func tooManyParts() {
        let many = Array(repeating: (head: "name=a", content: Data()), count: MultipartForm.maxParts + 1)
        #expect(throws: ServerError.self) { try MultipartForm(Self.form(many), boundary: "b") }
    }
}

extension Data {
    fileprivate func contains(_ other: Data) -> Bool { range(of: other) != nil }
}
