import Logging
import NIOCore
import SpeechEngine
import SpeechServer

/// The client's end of a session without a socket.
struct ScriptedClient {
    enum Received: Equatable {
        case json(JSONValue)
        case binary([UInt8])
        case close(UInt16)

        /// `type` of a JSON message, or what else it is.
        var kind: String {
            switch self {
            case .json:
                if case .string(let type)? = self["type"] { type } else { "?" }
            case .binary: "binary"
            case .close(let code): "close \(code)"
            }
        }

        subscript(_ field: String) -> JSONValue? {
            guard case .json(.object(let fields)) = self else { return nil }
            return fields[field]
        }
    }

    private let frames: AsyncStream<ClientFrame>.Continuation
    private let replies: AsyncStream<ServerFrame>
    private let session: Task<Void, Never>

    init(_ engine: ScriptedEngine, limits: ServerLimits = .init()) {
        let (incoming, frames) = AsyncStream<ClientFrame>.makeStream()
        let (replies, outgoing) = AsyncStream<ServerFrame>.makeStream()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let session = StreamingSession(
            connectionID: "00000001", service: SpeechService(engine: engine), limits: limits, logger: logger,
            send: { outgoing.yield($0) })
        self.frames = frames
        self.replies = replies
        self.session = Task {
            await session.run(incoming)
            outgoing.finish()
        }
    }

    func send(_ text: String) {
        frames.yield(.text(text))
    }

    func send(_ frame: ClientFrame) {
        frames.yield(frame)
    }

    /// The next messages, up to and with the first of a kind.
    func receive(until kind: String) async throws -> [Received] {
        var all: [Received] = []
        for await frame in replies {
            switch frame {
            case .text(let payload): all.append(.json(try JSONValue(parsing: String(buffer: payload))))
            case .binary(let payload): all.append(.binary(Array(payload.readableBytesView)))
            case .close(let error): all.append(.close(error?.closeCode ?? 1000))
            }
            if all.last?.kind == kind { return all }
        }
        return all
    }

    /// Goes away, and waits until the session is over.
    func disconnect() async {
        frames.finish()
        await session.value
    }
}

extension [ScriptedClient.Received] {
    var kinds: [String] { map(\.kind) }
}
