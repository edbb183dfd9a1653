import Crypto
import Foundation

/// A key as it is kept: everything but its secret.
public struct APIKey: Sendable, Equatable {
    /// Public: it stands in the key, in logs and in lists.
    public var id: String
    public var name: String
    public var scopes: Set<Scope>
    /// What differs from the limits of all keys.
    public var limits: ClientLimits
    public var created: Date
    public var expires: Date?
    public var revoked: Date?
    public var rotated: Date?
    /// The secret before the last rotation serves until then.
    public var oldSecretExpires: Date?
    /// To the minute.
    public var lastUsed: Date?

    public enum State: String, Sendable { case active, expired, revoked }

    public func state(at now: Date) -> State {
        if revoked != nil { return .revoked }
        return expires.map { $0 <= now } == true ? .expired : .active
    }
}

/// A key as its holder has it: `cbx_`, an id of 12 hexadecimal digits, `_` and 256 random bits in hexadecimal.
///
/// Such a secret can't be guessed, so a plain SHA-256 of it is all that need be kept: slow hashes are for passwords.
public struct KeySecret: Sendable, Equatable {
    public let id: String
    public let text: String

    private static let prefix = "cbx_"

    init(id: String) {
        self.id = id
        let secret = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
        text = Self.prefix + id + "_" + Self.hex(secret)
    }

    /// nil if it doesn't have the form of a key.
    init?(parsing text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
        guard text.hasPrefix(Self.prefix), parts.count == 3, parts[1].count == 12, parts[2].count == 64 else {
            return nil
        }
        (id, self.text) = (String(Substring(parts[1])), text)
    }

    static func makeID() -> String { hex(SymmetricKey(size: .init(bitCount: 48)).withUnsafeBytes { Data($0) }) }

    var hash: SHA256.Digest { SHA256.hash(data: Data(text.utf8)) }

    /// Takes the same time whatever the bytes are.
    func matches(_ kept: Data?) -> Bool {
        guard let kept else { return false }
        return hash == kept
    }

    private static func hex(_ bytes: Data) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
