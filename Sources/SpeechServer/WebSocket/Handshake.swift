import Foundation
import HTTPTypes
import NIOHTTP1

/// What a client has to send to open a WebSocket (RFC 6455, 4.2.1).
enum Handshake {
    private static let version = "13"

    static func isProper(_ head: HTTPRequestHead, path: String) -> Bool {
        head.method == .GET && head.version == .http1_1 && head.headers["host"].count == 1
            && head.uri.split(separator: "?", maxSplits: 1).first.map(String.init) == path
            && head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
            && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
            && head.headers["sec-websocket-key"].count == 1 && isKey(head.headers["sec-websocket-key"][0])
            && head.headers["sec-websocket-version"] == [version]
    }

    /// Says what is wrong with a request that didn't become a WebSocket, if that can be seen: its `Upgrade` header is gone.
    static func check(_ request: HTTPRequest) throws {
        func values(_ name: String) -> String? { request.headerFields[HTTPField.Name(name)!] }
        guard values("Sec-WebSocket-Version") == version else { throw ServerError.upgradeRequired }
        let key = values("Sec-WebSocket-Key")
        guard let key, isKey(key) else {
            throw ServerError.badHandshake(
                field: "Sec-WebSocket-Key", value: key.map { "\"\($0)\"" } ?? "missing", allowed: "16 bytes in base64")
        }
        guard request.authority != nil else {
            throw ServerError.badHandshake(field: "Host", value: "missing", allowed: "the server's name")
        }
        let connection = values("Connection") ?? ""
        guard connection.split(separator: ",").contains(where: { $0.lowercased().contains("upgrade") }) else {
            throw ServerError.badHandshake(field: "Connection", value: "\"\(connection)\"", allowed: "Upgrade")
        }
    }

    private static func isKey(_ text: String) -> Bool { Data(base64Encoded: text)?.count == 16 }
}
