import ChatterboxClient
import Foundation
import NIOCore

/// What a server sends.
enum ClientTargets {
    static func message(_ bytes: [UInt8]) throws {
        _ = try accepting(ChatterboxClientError.self) { try Wire.event(Data(bytes)) }
        try require(Wire.samples(ByteBuffer(bytes: bytes)).count == bytes.count / 2, "samples lost")
    }
}
