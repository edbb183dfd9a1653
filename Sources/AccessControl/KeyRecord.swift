import Foundation
import GRDB

enum KeySchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE keys (
                        id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, hash BLOB NOT NULL, scopes TEXT NOT NULL,
                        limits TEXT NOT NULL, created TEXT NOT NULL, expires TEXT, revoked TEXT, rotated TEXT,
                        oldHash BLOB, oldExpires TEXT, lastUsed TEXT
                    ) STRICT;
                    CREATE TABLE audio (
                        client TEXT NOT NULL, day INTEGER NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (client, day)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}

/// A row of the keys' table.
struct KeyRecord: Codable, FetchableRecord, PersistableRecord {
    static let databaseTableName = "keys"

    var id: String
    var name: String
    var hash: Data
    var scopes: String
    var limits: String
    var created: Date
    var expires: Date?
    var revoked: Date?
    var rotated: Date?
    var oldHash: Data?
    var oldExpires: Date?
    var lastUsed: Date?

    init(_ key: APIKey, hash: Data) {
        (id, name, self.hash) = (key.id, key.name, hash)
        (scopes, limits) = (key.scopes.text, key.limits.text)
        (created, expires) = (key.created, key.expires)
    }

    /// A scope or a limit that this version doesn't know gives nothing: better less than was meant than more.
    var key: APIKey {
        var limits = ClientLimits()
        for part in self.limits.split(separator: ",") {
            if let own = try? ClientLimits(parsing: String(part)) { limits = limits.overridden(by: own) }
        }
        return APIKey(
            id: id, name: name, scopes: Set(scopes.split(separator: ",").compactMap { Scope(rawValue: String($0)) }),
            limits: limits, created: created, expires: expires, revoked: revoked, rotated: rotated,
            oldSecretExpires: oldExpires, lastUsed: lastUsed)
    }
}
