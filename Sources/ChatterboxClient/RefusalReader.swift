import Foundation
import NIOCore
import NIOHTTP1

/// Reads why a server answers with plain HTTP where a WebSocket was asked for.
final class RefusalReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private struct Body: Decodable {
        struct Failure: Decodable {
            var message: String
            var code: String?
            var param: String?
        }
        var error: Failure
    }

    private static let maxBytes = 1 << 16
    private let stranger: ChatterboxClientError
    private let promise: EventLoopPromise<ChatterboxClientError>
    private var body = ByteBuffer()

    /// - Parameters:
    ///   - stranger: told if the answer is none of the protocol's server.
    ///   - promise: of what was found.
    init(_ stranger: ChatterboxClientError, _ promise: EventLoopPromise<ChatterboxClientError>) {
        (self.stranger, self.promise) = (stranger, promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: break
        case .body(var bytes):
            if body.readableBytes < Self.maxBytes { body.writeBuffer(&bytes) }
        case .end:
            finish()
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { finish() }

    private func finish() {
        let told = try? JSONDecoder().decode(Body.self, from: Data(body.readableBytesView))
        promise.succeed(
            told.map { .server(code: $0.error.code ?? "error", message: $0.error.message, field: $0.error.param) }
                ?? stranger)
    }
}
