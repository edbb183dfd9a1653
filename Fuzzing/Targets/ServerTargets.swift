import Foundation
import NIOCore
import NIOEmbedded
import NIOWebSocket
import SpeechServer

/// What clients send.
enum ServerTargets {
    static func message(_ bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        let message = try accepting(ServerError.self) {
            try ClientMessage(JSONValue(parsing: text), models: ["embedded", "nano"])
        }
        guard case .streamRequest(let request)? = message else { return }
        try require((1...3000).contains(request.textLength), "a text of \(request.textLength) characters")
        try check(request.parameters)
    }

    static func body(_ bytes: [UInt8]) throws {
        let lines = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
        let type = lines[0].isEmpty ? nil : String(decoding: lines[0], as: UTF8.self)
        let content = Data(lines.count > 1 ? lines[1] : [])
        let fields = try accepting(ServerError.self) { try RequestFields(content, contentType: type, .form) }
        guard let fields else { return }
        try require(fields.values.count <= RequestFields.maxFields, "\(fields.values.count) fields")
        try require(fields.files.reduce(0) { $0 + $1.content.count } <= content.count, "files larger than the body")
        let request = try accepting(ServerError.self) { try SpeakRequest(fields, rules: .init(models: ["embedded"])) }
        try request.map { try check($0.used) }
        _ = try accepting(ServerError.self) { try LongTextRequest(fields, rules: .init(models: ["embedded"])) }
    }

    /// No parameter that gets through is anything but a number.
    private static func check(_ parameters: [String: JSONValue]) throws {
        for (name, value) in parameters {
            if case .number(let number) = value { try require(number.isFinite, "\(name) is \(number)") }
        }
    }

    private static let limits = ServerLimits { limits in
        (limits.maxMessageBytes, limits.maxFrameBytes, limits.closeTimeout) = (4096, 4096, .seconds(1))
    }

    static func frames(_ bytes: [UInt8]) throws {
        let channel = EmbeddedChannel()
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        try channel.pipeline.syncOperations.addHandlers([
            FrameRules(maxFrameBytes: limits.maxFrameBytes),
            ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: Int(UInt32.max))),
            TextRules(),
            NIOWebSocketFrameAggregator(
                minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 4, maxAccumulatedFrameSize: limits.maxMessageBytes
            ),
            WebSocketMessageHandler(limits: limits),
        ])
        // What is wrong with frames is told by a close frame, or ends the channel.
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
        while let frame = try channel.readInbound(as: ClientFrame.self) {
            if case .text(let text) = frame {
                try require(text.utf8.count <= limits.maxMessageBytes, "a message of \(text.utf8.count) bytes")
            }
        }
        while let frame = try channel.readOutbound(as: WebSocketFrame.self) {
            try require(
                [.pong, .connectionClose].contains(frame.opcode) && frame.data.readableBytes <= 125,
                "an answer of \(frame.opcode) with \(frame.data.readableBytes) bytes")
        }
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }
}
