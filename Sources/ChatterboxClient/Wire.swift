import Foundation
import NIOCore

/// The protocol's messages: docs/protocol.md.
package enum Wire {
    struct Request: Encodable {
        let input: String
        let options: SpeechOptions

        private enum Keys: String, CodingKey { case type, data, input }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode("stream_request", forKey: .type)
            let inner = container.superEncoder(forKey: .data)
            var data = inner.container(keyedBy: Keys.self)
            try data.encode(input, forKey: .input)
            try options.encode(to: inner)
        }
    }

    private struct Kind: Decodable { let type: String }
    private struct Queued: Decodable {
        let position: Int
        let estimatedWait: Double?
    }
    private struct Timestamps: Decodable { let words: [Word] }
    private struct Measured: Decodable { let data: Metrics }
    private struct Failure: Decodable {
        let error: String
        let code: String?
        let field: String?
    }

    static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return encoder
    }()

    /// - Returns: nil for a message that is no news of the speech.
    /// - Throws: `ChatterboxClientError.server` for an error of the server's.
    package static func event(_ message: Data) throws -> ChatterboxClient.Event? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            switch try decoder.decode(Kind.self, from: message).type {
            case "queued":
                let place = try decoder.decode(Queued.self, from: message)
                return .queued(position: place.position, estimatedWait: place.estimatedWait)
            case "info": return .started(try decoder.decode(SpeechStart.self, from: message))
            case "timestamps": return .words(try decoder.decode(Timestamps.self, from: message).words)
            case "metrics": return .metrics(try decoder.decode(Measured.self, from: message).data)
            case "done": return .done(try decoder.decode(Summary.self, from: message))
            case "error":
                let failure = try decoder.decode(Failure.self, from: message)
                throw ChatterboxClientError.server(
                    code: failure.code ?? "error", message: failure.error, field: failure.field)
            default: return nil
            }
        } catch let error as DecodingError {
            throw ChatterboxClientError.unreadableMessage(String(describing: error))
        }
    }

    /// PCM16, little-endian.
    package static func samples(_ buffer: ByteBuffer) -> [Int16] {
        var buffer = buffer
        var samples: [Int16] = []
        samples.reserveCapacity(buffer.readableBytes / 2)
        while let sample = buffer.readInteger(endianness: .little, as: Int16.self) { samples.append(sample) }
        return samples
    }
}
