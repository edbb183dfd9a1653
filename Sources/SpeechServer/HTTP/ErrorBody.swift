import HTTPTypes
import Hummingbird
import NIOCore

/// Error answer over HTTP: what OpenAI's clients read, with the `detail` list of the sibling API beside it.
struct ErrorBody: Encodable {
    struct Failure: Encodable {
        var message: String
        var type: String
        /// OpenAI's clients expect the key even if it is null.
        var param: JSONValue
        var code: String
    }

    struct Detail: Encodable {
        var loc: [String]
        var msg: String
        var type: String
    }

    var error: Failure
    var detail: [Detail]

    init(_ error: ServerError) {
        let type = error.httpStatus >= 500 ? "server_error" : "invalid_request_error"
        let param = error.field.map(JSONValue.string) ?? .null
        self.error = Failure(message: error.message, type: type, param: param, code: error.code)
        let all = if case .several(let errors) = error { errors } else { [error] }
        detail = all.map { Detail(loc: $0.field.map { ["body", $0] } ?? ["request"], msg: $0.message, type: $0.code) }
    }

    /// For those who answer without a route.
    static func bytes(_ error: ServerError) -> ByteBuffer {
        (try? JSONText.encode(ErrorBody(error))) ?? ByteBuffer()
    }
}

extension Response {
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) throws -> Response {
        let body = try JSONText.encode(value)
        var headers = headers
        headers[.contentType] = "application/json; charset=utf-8"
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: .init(byteBuffer: body))
    }

    static func failure(_ error: ServerError) throws -> Response {
        var headers = error.accessHeaders
        if case .methodNotAllowed(_, _, let allowed) = error { headers[.allow] = allowed }
        if case .upgradeRequired = error {
            headers[.upgrade] = "websocket"
            headers[HTTPField.Name("Sec-WebSocket-Version")!] = "13"
        }
        return try json(ErrorBody(error), status: .init(code: error.httpStatus), headers: headers)
    }
}
