import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The fields of a request's body, whatever way they came in.
package struct RequestFields: Sendable {
    package struct File: Sendable, Equatable {
        package var name: String
        package var fileName: String
        package var content: Data
    }

    /// More than any route knows. What nobody knows is compared with what there is, for an answer that helps.
    package static let maxFields = 256

    /// What bodies a route takes.
    package enum Kind: Sendable {
        /// A JSON object only.
        case json
        /// A form, with files or without; a JSON object serves as well.
        case form
    }

    package var values: [String: JSONValue] = [:]
    package var files: [File] = []
    /// Whether numbers and truth values came as text.
    var isText = false

    /// - Throws: `ServerError` for what is no such body, or too large.
    static func read(_ request: Request, _ kind: Kind, limit: Int) async throws -> RequestFields {
        if let encoding = request.headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw ServerError.unsupportedMediaType("encoded as \(encoding)", allowed: ["identity"])
        }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw ServerError.messageTooLarge(limit: limit)
        }
        return try RequestFields(
            Data(body.readableBytesView), contentType: request.headers[.contentType], kind)
    }

    /// - Throws: `ServerError` for what is no such body.
    package init(_ bytes: Data, contentType: String?, _ kind: Kind) throws {
        let type = contentType.map(HeaderValue.init)
        switch (type?.value.lowercased(), kind) {
        case ("multipart/form-data", .form):
            guard let boundary = type?.parameters["boundary"], (1...70).contains(boundary.utf8.count) else {
                throw ServerError.invalidMessage(
                    reason: "The form can't be read: its content type has no boundary", field: nil)
            }
            self = try RequestFields(MultipartForm(bytes, boundary: boundary))
        case ("application/x-www-form-urlencoded", .form):
            self = try RequestFields(urlEncoded: bytes)
        case (nil, .form) where bytes.isEmpty:
            self = RequestFields(isText: true)
        case (let name?, _) where name != "application/json" && !name.hasSuffix("+json") && !Self.isVague(name):
            throw ServerError.unsupportedMediaType(
                name, allowed: kind == .json ? ["application/json"] : ["multipart/form-data", "application/json"])
        default:
            self = try RequestFields(json: bytes)
        }
        try Self.checkCount(values.count)
    }

    /// - Throws: `ServerError.invalidMessage`.
    static func checkCount(_ count: Int) throws(ServerError) {
        guard count <= maxFields else {
            throw ServerError.invalidMessage(
                reason: "There are \(count) fields; allowed are at most \(maxFields)", field: nil)
        }
    }

    /// What curl and browsers' `fetch` send for a string if nobody says better; the body is JSON all the same.
    private static func isVague(_ type: String) -> Bool {
        ["application/x-www-form-urlencoded", "text/plain", "application/octet-stream"].contains(type)
    }

    init(isText: Bool) { self.isText = isText }

    /// A null is a field that is not there, as the sibling API has it.
    init(json bytes: Data) throws {
        guard let text = String(data: bytes, encoding: .utf8) else {
            throw ServerError.invalidJSON(reason: "it is not UTF-8")
        }
        guard case .object(let fields) = try JSONValue(parsing: text) else {
            throw ServerError.invalidMessage(reason: "The body must be a JSON object", field: nil)
        }
        values = fields.filter { $0.value != .null }
    }

    init(_ form: MultipartForm) throws {
        isText = true
        for part in form.parts {
            if let fileName = part.fileName {
                // A browser sends an empty part for a file that wasn't chosen.
                if fileName.isEmpty, part.content.isEmpty { continue }
                files.append(File(name: part.name, fileName: fileName, content: part.content))
            } else {
                guard let text = String(data: part.content, encoding: .utf8) else {
                    throw ServerError.invalidType(
                        field: part.name, value: "\(part.content.count) bytes", expected: "UTF-8 text")
                }
                try add(part.name, text)
            }
        }
    }

    init(urlEncoded bytes: Data) throws {
        isText = true
        let text = String(decoding: bytes, as: UTF8.self)
        let pairs = text.split(separator: "&")
        try Self.checkCount(pairs.count)
        for pair in pairs {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = halves.map { $0.replacing("+", with: " ").removingPercentEncoding ?? String($0) }
            try add(decoded[0], decoded.count > 1 ? decoded[1] : "")
        }
    }

    /// An empty value is a form's field that was left blank, unless it is the text itself.
    private mutating func add(_ name: String, _ text: String) throws {
        guard values[name] == nil else {
            throw ServerError.invalidValue(field: name, value: "given twice", allowed: "one value")
        }
        if !text.isEmpty || name == "input" { values[name] = .string(text) }
    }
}
