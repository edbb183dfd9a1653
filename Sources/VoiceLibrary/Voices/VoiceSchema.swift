import GRDB

/// The tables of voices. A migration that was released never changes; new ones follow it.
enum VoiceSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 voices") { db in
            try db.execute(
                sql: """
                    CREATE TABLE voice (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        filename TEXT NOT NULL UNIQUE,
                        originalFilename TEXT NOT NULL,
                        fileHash TEXT NOT NULL,
                        fileSizeBytes INTEGER NOT NULL,
                        uploadDate TEXT NOT NULL,
                        language TEXT NOT NULL
                    ) STRICT;

                    -- Names and aliases in one table: one index keeps all of them apart.
                    CREATE TABLE voiceName (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        key TEXT NOT NULL UNIQUE,
                        name TEXT NOT NULL,
                        voiceId INTEGER NOT NULL REFERENCES voice(id) ON DELETE CASCADE,
                        isAlias INTEGER NOT NULL
                    ) STRICT;
                    CREATE UNIQUE INDEX oneNameOfAVoice ON voiceName(voiceId) WHERE NOT isAlias;
                    CREATE INDEX namesOfAVoice ON voiceName(voiceId);

                    -- At most one row; goes with its voice.
                    CREATE TABLE defaultVoice (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        voiceId INTEGER NOT NULL REFERENCES voice(id) ON DELETE CASCADE
                    ) STRICT;

                    -- Files whose voice is deleted, until they are gone too.
                    CREATE TABLE removal (filename TEXT PRIMARY KEY) STRICT;

                    -- Folders that were imported when they were opened.
                    CREATE TABLE imported (source TEXT PRIMARY KEY, date TEXT NOT NULL) STRICT;
                    """)
        }
        return migrator
    }
}
