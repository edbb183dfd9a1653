import AccessControl
import ArgumentParser
import Foundation

struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Make, list, revoke and rotate the keys that clients need.",
        discussion: """
            chatterbox key create --name laptop                    may have texts spoken
            chatterbox key create --name ops --scopes admin        may do everything
            chatterbox key create --name trial --expires 7d --limits requests_per_minute=10,audio_seconds_per_day=600
            chatterbox key rotate laptop --grace 24h               another secret; the old one serves a day longer
            chatterbox key revoke trial

            A running server heeds all of it at once. See docs/access.md.
            """,
        subcommands: [Create.self, List.self, Revoke.self, Rotate.self])

    struct Place: ParsableArguments {
        @Option(
            help: ArgumentHelp(
                "The file of the keys. [CHATTERBOX_KEYS; data/keys.sqlite]", valueName: "file"))
        var keys: String?

        func open(makingIt: Bool = false) throws -> KeyStore {
            let file = Settings(arguments: ["chatterbox.keys": keys]).keysFile
            guard makingIt || FileManager.default.fileExists(atPath: file.path) else {
                throw ValidationError(
                    "There are no keys: \(file.path) doesn't exist. Make one with chatterbox key create.")
            }
            return try told { try KeyStore(file: file) }
        }
    }

    /// What the library can't do is an error of the command line's.
    fileprivate static func told<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as AccessError { throw ValidationError("\(error)") }
    }

    /// The key alone goes to standard output, so that a script can take it from there.
    fileprivate static func show(_ secret: KeySecret, _ remark: String) {
        FileHandle.standardError.write(Data((remark + "\n").utf8))
        print(secret.text)
    }

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a key. It is shown once.")

        @Option(help: "What it is called: whose it is, or what for.")
        var name: String

        @Option(
            help: ArgumentHelp(
                """
                What it may do: speak (have texts spoken), voices (change the library), admin (everything, and see what \
                others do). [speak]
                """, valueName: "list"))
        var scopes = "speak"

        @Option(
            help: ArgumentHelp("When it ends: a date such as 2030-01-31, or a time such as 90d or 12h. [never]"))
        var expires: String?

        @Option(
            help: ArgumentHelp(
                "What differs from the server's --key-limits, such as streams=4,requests_per_minute=none.",
                valueName: "limits"))
        var limits = ""

        @OptionGroup var place: Place

        func run() throws {
            let made = try told {
                let end = try expires.map { try KeyTime.date($0, field: "expires") }
                let scopes = try Scope.list(scopes)
                let limits = try ClientLimits(parsing: limits)
                return try place.open(makingIt: true).create(name: name, scopes: scopes, expires: end, limits: limits)
            }
            show(
                made.secret,
                """
                Key \(made.key.id) "\(name)" may \(made.key.scopes.text). Keep it: it is shown this once.
                A server that runs without keys asks for them from its next start on.
                """)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show all keys, without their secrets.")

        @Flag(help: "As JSON.")
        var json = false

        @OptionGroup var place: Place

        func run() throws {
            let store = try place.open()
            print(KeyTable.text(try told { try store.list() }, asJSON: json, now: Date()))
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a key at once, and for ever.")

        @Argument(help: "Its id or its name.")
        var key: String

        @OptionGroup var place: Place

        func run() throws {
            let store = try place.open()
            let gone = try told { try store.revoke(key) }
            print("Key \(gone.id) \"\(gone.name)\" is revoked.")
        }
    }

    struct Rotate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a key another secret. Its id, scopes, limits and use stay.")

        @Argument(help: "Its id or its name.")
        var key: String

        @Option(help: ArgumentHelp("How long the old secret serves as well, such as 24h. [0]", valueName: "time"))
        var grace: String?

        @OptionGroup var place: Place

        func run() throws {
            let store = try place.open()
            let made = try told {
                try store.rotate(key, grace: try grace.map { try KeyTime.seconds($0, field: "grace") } ?? 0)
            }
            let end =
                made.key.oldSecretExpires.map { "serves until \($0.formatted(.iso8601))" } ?? "is of no use any more"
            show(
                made.secret,
                "Key \(made.key.id) \"\(made.key.name)\" has another secret, shown this once; the old one \(end).")
        }
    }
}

private func told<Value>(_ body: () throws -> Value) throws -> Value { try KeyCommand.told(body) }
private func show(_ secret: KeySecret, _ remark: String) { KeyCommand.show(secret, remark) }
