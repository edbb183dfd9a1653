import Foundation
import GRDB

/// Does something to its end, even if the task is cancelled meanwhile or was before.
func uncancelled<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await Task { try await body() }.value
}

/// A SQLite file with its migrations. Readers see whole transactions and never wait for the one writer.
struct LibraryDatabase: Sendable {
    let pool: DatabasePool
    let path: String

    /// Opens or makes the file.
    /// - Throws: `LibraryError.database`, `.newerDatabase`.
    init(_ url: URL, migrator: DatabaseMigrator) throws {
        path = url.path
        var configuration = Configuration()
        // Other processes hold the file for moments only.
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { $0.add(function: Self.containsIgnoringCase) }
        do {
            pool = try DatabasePool(path: url.path, configuration: configuration)
            guard try !pool.read(migrator.hasBeenSuperseded) else { throw LibraryError.newerDatabase(path: url.path) }
            // GRDB takes NORMAL for WAL: the last commits could go with the power.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try migrator.migrate(pool)
        } catch let error as DatabaseError {
            throw Self.libraryError(error, path: url.path)
        }
    }

    /// - Throws: `LibraryError`; `CancellationError`.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await pool.read(body)
        } catch let error as DatabaseError {
            throw Self.libraryError(error, path: path)
        }
    }

    /// All of it happens, or nothing. One at a time.
    /// - Throws: `LibraryError`; `CancellationError`.
    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await pool.write(body)
        } catch let error as DatabaseError {
            throw Self.libraryError(error, path: path)
        }
    }

    /// The same at the start, where nobody waits.
    /// - Throws: `LibraryError`.
    func writeNow<Value>(_ body: (Database) throws -> Value) throws -> Value {
        do {
            return try pool.write(body)
        } catch let error as DatabaseError {
            throw Self.libraryError(error, path: path)
        }
    }

    private static func libraryError(_ error: DatabaseError, path: String) -> LibraryError {
        .database(path: path, problem: error.message ?? error.resultCode.description)
    }

    /// `containsIgnoringCase(text, part)`, for all alphabets; SQLite's LIKE knows only A to Z.
    private static let containsIgnoringCase = DatabaseFunction(
        "containsIgnoringCase", argumentCount: 2, pure: true
    ) { values in
        guard let text = String.fromDatabaseValue(values[0]), let part = String.fromDatabaseValue(values[1]) else {
            return false
        }
        return part.isEmpty || text.lowercased().contains(part.lowercased())
    }
}
