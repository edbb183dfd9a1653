import Foundation
import NIOCore

enum Base64 {
    static func encode(_ bytes: ByteBuffer) -> String {
        Data(bytes.readableBytesView).base64EncodedString()
    }
}
