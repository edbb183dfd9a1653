import Foundation
import GRDB

/// The keys, and how much speech each client has had: one SQLite file, which servers and the command line share. What one
/// of them changes, the others see at their next request.
public struct KeyStore: Sendable {
    public let path: String
    private let pool: DatabasePool
    let now: @Sendable () -> Date

    /// Opens the file, or makes it, for its owner's eyes only.
    /// - Throws: `AccessError.database`, `.newerDatabase`.
    public init(file: URL, now: @escaping @Sendable () -> Date = { Date() }) throws {
        (path, self.now) = (file.path, now)
        let folder = file.deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            if !FileManager.default.fileExists(atPath: file.path) {
                // SQLite gives the files beside it the same permissions.
                guard
                    FileManager.default.createFile(
                        atPath: file.path, contents: nil, attributes: [.posixPermissions: 0o600])
                else { throw AccessError.database(path: file.path, problem: "it can't be made") }
            }
            var configuration = Configuration()
            configuration.busyMode = .timeout(10)
            pool = try DatabasePool(path: file.path, configuration: configuration)
            guard try !pool.read(KeySchema.migrator.hasBeenSuperseded) else {
                throw AccessError.newerDatabase(path: file.path)
            }
            // A revocation must not go with the power, as the last commits could in GRDB's mode for WAL.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try KeySchema.migrator.migrate(pool)
        } catch let error as DatabaseError {
            throw Self.told(error, path)
        } catch let error as CocoaError {
            throw AccessError.database(path: file.path, problem: error.localizedDescription)
        }
    }

    // MARK: For the operator

    /// - Returns: the key, and its secret, which can't be had again.
    /// - Throws: `AccessError`.
    public func create(
        name: String, scopes: Set<Scope>, expires: Date? = nil, limits: ClientLimits = .init()
    ) throws -> (key: APIKey, secret: KeySecret) {
        guard (1...100).contains(name.unicodeScalars.count), !name.contains(where: \.isNewline) else {
            throw AccessError.invalid(field: "name", value: name, allowed: "1 to 100 characters on one line")
        }
        let now = whole(now())
        if let expires, expires <= now {
            throw AccessError.invalid(field: "expires", value: expires.formatted(.iso8601), allowed: "in the future")
        }
        let secret = KeySecret(id: KeySecret.makeID())
        let key = APIKey(
            id: secret.id, name: name, scopes: scopes, limits: limits, created: now, expires: expires.map(whole))
        try write { database in
            guard try KeyRecord.fetchAll(database).allSatisfy({ $0.name != name || $0.revoked != nil }) else {
                throw AccessError.nameTaken(name)
            }
            try KeyRecord(key, hash: Data(secret.hash)).insert(database)
        }
        return (key, secret)
    }

    /// All keys, the oldest first; revoked ones as well.
    /// - Throws: `AccessError`.
    public func list() throws -> [APIKey] {
        do {
            return try pool.read { try KeyRecord.order(Column("created"), Column.rowID).fetchAll($0) }.map(\.key)
        } catch let error as DatabaseError {
            throw Self.told(error, path)
        }
    }

    /// Whether a key could be used now.
    public func hasActiveKeys() throws -> Bool { try list().contains { $0.state(at: now()) == .active } }

    /// The key, and its secrets, are of no use from now on.
    /// - Parameter reference: an id or a name.
    /// - Throws: `AccessError.unknownKey`.
    @discardableResult public func revoke(_ reference: String) throws -> APIKey {
        try change(reference) { record in
            record.revoked = record.revoked ?? whole(now())
            (record.oldHash, record.oldExpires) = (nil, nil)
        }
    }

    /// Another secret for the same key, which keeps its id, name, scopes, limits and use.
    /// - Parameter grace: the old secret serves so many seconds longer.
    /// - Throws: `AccessError.unknownKey`, `.revoked`.
    public func rotate(_ reference: String, grace: TimeInterval = 0) throws -> (key: APIKey, secret: KeySecret) {
        var made: KeySecret?
        let key = try change(reference) { record in
            guard record.revoked == nil else { throw AccessError.revoked(record.name) }
            let secret = KeySecret(id: record.id)
            record.oldHash = grace > 0 ? record.hash : nil
            record.oldExpires = grace > 0 ? whole(now()).addingTimeInterval(grace) : nil
            record.hash = Data(secret.hash)
            record.rotated = whole(now())
            made = secret
        }
        guard let made else { throw AccessError.unknownKey(reference) }
        return (key, made)
    }

    private func change(_ reference: String, _ body: (inout KeyRecord) throws -> Void) throws -> APIKey {
        try write { database in
            let all = try KeyRecord.fetchAll(database)
            // Of several that had the name, the one that isn't revoked.
            guard
                var record = all.first(where: { $0.id == reference })
                    ?? all.first(where: { $0.name == reference && $0.revoked == nil })
                    ?? all.last(where: { $0.name == reference })
            else { throw AccessError.unknownKey(reference) }
            try body(&record)
            try record.update(database)
            return record.key
        }
    }

    // MARK: For the server

    /// The key that a secret is of. It is read anew each time: a revoked key is of no use at once.
    /// - Throws: `AccessRefusal.invalidCredentials`, `.unavailable`.
    func key(of presented: KeySecret) async throws(AccessRefusal) -> APIKey {
        let record: KeyRecord?
        do {
            record = try await pool.read { try KeyRecord.fetchOne($0, key: presented.id) }
        } catch {
            throw .unavailable(reason: "Keys can't be checked at the moment")
        }
        let now = now()
        let isCurrent = presented.matches(record?.hash)
        let isOld = presented.matches(record?.oldHash) && record?.oldExpires.map { $0 > now } == true
        guard let record, isCurrent || isOld else { throw .invalidCredentials(reason: "This key is not known") }
        switch record.key.state(at: now) {
        case .active: return record.key
        case .revoked: throw .invalidCredentials(reason: "This key was revoked")
        case .expired: throw .invalidCredentials(reason: "This key has expired")
        }
    }

    /// Notes that a key was used, once a minute at most.
    func noteUse(of key: APIKey) async {
        let now = whole(now())
        if let last = key.lastUsed, now.timeIntervalSince(last) < 60 { return }
        // What the list shows is no reason to refuse somebody.
        try? await pool.write { database in
            try database.execute(sql: "UPDATE keys SET lastUsed = ? WHERE id = ?", arguments: [now, key.id])
        }
    }

    /// Seconds of speech that a client has had on a day.
    /// - Parameter day: days since 1970.
    func audioSeconds(of client: String, day: Int) async throws -> Double {
        try await pool.read { database in
            try Double.fetchOne(
                database, sql: "SELECT seconds FROM audio WHERE client = ? AND day = ?", arguments: [client, day])
        } ?? 0
    }

    func add(audioSeconds: Double, to client: String, day: Int) async throws {
        try await pool.write { database in
            try database.execute(
                sql: """
                    INSERT INTO audio (client, day, seconds) VALUES (?, ?, ?)
                    ON CONFLICT (client, day) DO UPDATE SET seconds = seconds + excluded.seconds
                    """, arguments: [client, day, audioSeconds])
            try database.execute(sql: "DELETE FROM audio WHERE day < ?", arguments: [day - 31])
        }
    }

    // MARK: Storage

    private func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
        do {
            return try pool.write(body)
        } catch let error as DatabaseError {
            throw Self.told(error, path)
        }
    }

    private static func told(_ error: DatabaseError, _ path: String) -> AccessError {
        .database(path: path, problem: error.message ?? error.resultCode.description)
    }

    /// As the database keeps it: to the millisecond.
    private func whole(_ date: Date) -> Date {
        Date(timeIntervalSince1970: (date.timeIntervalSince1970 * 1000).rounded(.down) / 1000)
    }
}
