import Foundation
import NIOCore
import NIOPosix
import NIOWebSocket

/// Speech from a server, heard while it is made.
///
/// ```swift
/// let client = ChatterboxClient(host: "localhost")
/// for try await event in client.speak("Hello there!", SpeechOptions(voice: "nova")) {
///     if case .audio(let samples) = event { player.play(samples) }
/// }
/// ```
///
/// Each request has a connection of its own; leaving the loop, or cancelling its task, ends the speech on the server too.
public struct ChatterboxClient: Sendable {
    /// What the server sends, in order; `done` is the last.
    public enum Event: Sendable, Equatable {
        /// All places are taken: which one the request has in the queue.
        case queued(position: Int, estimatedWait: Double?)
        case started(SpeechStart)
        /// Mono PCM at the rate that `started` told.
        case audio([Int16])
        case words([Word])
        case metrics(Metrics)
        case done(Summary)
    }

    private let host: String
    private let port: Int
    private let key: String?
    private let security: Security

    /// - Parameters:
    ///   - key: for servers that want one.
    ///   - security: `.tls()` for servers at https and wss addresses.
    public init(host: String, port: Int = 8000, key: String? = nil, security: Security = .none) {
        (self.host, self.port, self.key, self.security) = (host, port, key, security)
    }

    /// Speaks a text of up to 3000 characters.
    /// - Returns: events; throws `ChatterboxClientError`, or an I/O error of NIO's.
    public func speak(
        _ text: String, _ options: SpeechOptions = SpeechOptions()
    ) -> AsyncThrowingStream<Event, any Error> {
        // Not bounded here: a request's audio is some megabytes at most.
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    try await run(text, options) { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// All of a text's audio: mono PCM and its rate.
    /// - Throws: as ``speak(_:_:)``.
    public func audio(
        of text: String, _ options: SpeechOptions = SpeechOptions()
    ) async throws -> (samples: [Int16], sampleRateHz: Int) {
        var samples: [Int16] = []
        var rate = 0
        for try await event in speak(text, options) {
            switch event {
            case .started(let start): rate = start.sampleRate
            case .audio(let chunk): samples += chunk
            default: break
            }
        }
        return (samples, rate)
    }

    private func run(_ text: String, _ options: SpeechOptions, _ yield: (Event) -> Void) async throws {
        let channel = try await Connection.open(host: host, port: port, key: key, security: security)
        try await channel.executeThenClose { inbound, outbound in
            let request = try Wire.encoder.encode(Wire.Request(input: text, options: options))
            try await outbound.write(Connection.text(ByteBuffer(bytes: request)))
            var hasHeader = false
            for try await frame in inbound {
                switch frame.opcode {
                case .text:
                    guard let event = try Wire.event(Data(frame.data.readableBytesView)) else { continue }
                    yield(event)
                    if case .done = event {
                        try await outbound.write(Connection.close())
                        return
                    }
                case .binary where !hasHeader: hasHeader = true
                case .binary: yield(.audio(Wire.samples(frame.data)))
                case .ping: try await outbound.write(Connection.pong(frame.data))
                case .connectionClose: throw ChatterboxClientError.closed
                default: break
                }
            }
            try Task.checkCancellation()
            throw ChatterboxClientError.closed
        }
    }
}

/// What can go wrong beside the network.
public enum ChatterboxClientError: Error, Sendable, Equatable {
    /// No WebSocket of this protocol is at that address.
    case noServer(host: String, port: Int)
    /// The server refused or failed: `code` for programs, `message` for people, `field` if one is at fault.
    case server(code: String, message: String, field: String?)
    /// The server closed the connection before the speech was done.
    case closed
    case unreadableMessage(String)
    /// The server's certificate isn't one to trust, or isn't of this host, or it doesn't speak TLS.
    case notSecure(host: String, port: Int, reason: String)
    /// The file of authorities can't be used.
    case unusableAuthorities(file: String, reason: String)
}
