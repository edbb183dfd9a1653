import Foundation

/// The parts of a `multipart/form-data` body (RFC 7578).
package struct MultipartForm: Sendable {
    package struct Part: Sendable, Equatable {
        package var name: String
        /// nil for a plain field.
        package var fileName: String?
        package var contentType: String?
        package var content: Data
    }

    package static let maxParts = 128
    static let maxHeaderBytes = 8192

    package var parts: [Part] = []

    /// - Parameters:
    ///   - body: the whole body.
    ///   - boundary: of the content type, 1 to 70 characters.
    /// - Throws: `ServerError.invalidMessage` that says what is wrong with the form.
    package init(_ body: Data, boundary: String) throws(ServerError) {
        let delimiter = Data("--\(boundary)".utf8)
        let lineEnd = Data("\r\n".utf8)
        // The first delimiter may stand at the very start; every other one follows a line end.
        guard var at = body.range(of: delimiter)?.upperBound else {
            throw Self.broken("the boundary \"\(boundary.excerpt(70))\" of its content type does not occur")
        }
        while true {
            if body[at...].starts(with: Data("--".utf8)) { return }
            guard let line = body.range(of: lineEnd, in: at..<body.endIndex),
                body[at..<line.lowerBound].allSatisfy({ $0 == 0x20 || $0 == 0x09 })
            else { throw Self.broken("a boundary is not followed by a line end") }
            let start = line.upperBound
            guard let next = body.range(of: lineEnd + delimiter, in: (start - 2)..<body.endIndex) else {
                throw Self.broken("it is cut short: the closing boundary is missing")
            }
            guard parts.count < Self.maxParts else { throw Self.broken("it has more than \(Self.maxParts) parts") }
            parts.append(try Self.part(body[start..<max(start, next.lowerBound)]))
            at = next.upperBound
        }
    }

    private static func part(_ bytes: Data) throws(ServerError) -> Part {
        let blank = Data("\r\n\r\n".utf8)
        let headerEnd: Range<Data.Index>
        if bytes.starts(with: Data("\r\n".utf8)) {
            throw broken("a part has no headers")
        } else if let end = bytes.range(of: blank), end.lowerBound - bytes.startIndex <= maxHeaderBytes {
            headerEnd = end
        } else {
            throw broken("a part's headers do not end, or take more than \(maxHeaderBytes) bytes")
        }
        guard let headers = String(data: bytes[bytes.startIndex..<headerEnd.lowerBound], encoding: .utf8) else {
            throw broken("a part's headers are not UTF-8")
        }
        var part = Part(name: "", content: Data(bytes[headerEnd.upperBound...]))
        var isNamed = false
        for header in headers.components(separatedBy: "\r\n") {
            guard let colon = header.firstIndex(of: ":") else { throw broken("a part's header has no colon") }
            let value = HeaderValue(String(header[colon...].dropFirst()))
            switch header[..<colon].lowercased() {
            case "content-disposition":
                guard value.value.lowercased() == "form-data", let name = value.parameters["name"] else { continue }
                (part.name, part.fileName, isNamed) = (name, value.parameters["filename"], true)
            case "content-type": part.contentType = value.value
            default: break
            }
        }
        guard isNamed else { throw broken("a part has no name in its Content-Disposition") }
        return part
    }

    private static func broken(_ reason: String) -> ServerError {
        .invalidMessage(reason: "The form can't be read: \(reason)", field: nil)
    }
}

/// A header's value with parameters, such as `form-data; name="input"`.
struct HeaderValue: Sendable, Equatable {
    var value: String
    /// By name in lower case.
    var parameters: [String: String] = [:]

    init(_ text: String) {
        var pieces: [String] = []
        var piece = ""
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if isEscaped {
                piece.append(character)
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if character == ";", !isQuoted {
                pieces.append(piece)
                piece = ""
            } else {
                piece.append(character)
            }
        }
        pieces.append(piece)
        value = pieces.removeFirst().trimmingCharacters(in: .whitespaces)
        for piece in pieces {
            guard let equals = piece.firstIndex(of: "=") else { continue }
            let name = piece[..<equals].trimmingCharacters(in: .whitespaces).lowercased()
            parameters[name] = piece[equals...].dropFirst().trimmingCharacters(in: .whitespaces)
        }
    }
}
