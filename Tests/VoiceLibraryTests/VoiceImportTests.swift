import Foundation
import Testing
import VoiceLibrary

@Suite struct VoiceImportTests {
    let sibling = TemporaryFolder()
    let folder = TemporaryFolder()

    /// An entry as chatterbox-tts-api 2.1 writes it.
    func entry(_ name: String, file: String, _ content: String, changes: [String: Any] = [:]) throws -> [String: Any] {
        try sibling.write(content, to: file)
        let own: [String: Any] = [
            "name": name, "filename": file, "original_filename": "up \(file)",
            "file_extension": "." + (file.split(separator: ".").last ?? ""), "file_size": content.utf8.count,
            "file_hash": "900150983cd24fb0d6963f7d28e17f72", "upload_date": "2025-06-23T10:11:12.123456",
            "path": "voices/\(file)", "language": "fr", "aliases": [String](),
        ]
        return own.merging(changes) { $1 }
    }

    func write(_ voices: [String: Any], defaultVoice: Any? = nil) throws {
        try JSONSerialization.data(withJSONObject: ["voices": voices, "version": "2.0"])
            .write(to: sibling.url.appending(path: "voices.json"))
        if let defaultVoice {
            let settings: [String: Any] = [
                "default_voice": defaultVoice, "default_voice_path": "voices/anna.wav", "version": "1.0",
                "last_updated": "2025-06-23T10:11:12",
            ]
            try JSONSerialization.data(withJSONObject: settings)
                .write(to: sibling.url.appending(path: "config.json"))
        }
    }

    func writeTwo() throws {
        try write(
            [
                "anna": entry("anna", file: "anna.wav", "abc", changes: ["aliases": ["alloy", "Nova"]]),
                "bert b.": entry(
                    "bert b.", file: "bert b..mp3", "bert", changes: ["file_hash": "x", "language": "xx!"]),
            ], defaultVoice: "alloy")
    }

    func expectTwo(_ store: VoiceStore) async throws {
        let anna = try await store.voice("anna")
        #expect(anna.originalFilename == "up anna.wav" && anna.language == "fr" && anna.fileExtension == ".wav")
        #expect(anna.fileHash == "900150983cd24fb0d6963f7d28e17f72" && anna.fileSizeBytes == 3)
        #expect(anna.aliases == ["alloy", "Nova"])
        // Without a zone: the machine's.
        let parts = Calendar.current.dateComponents([.year, .month, .day, .hour, .second], from: anna.uploadDate)
        #expect(parts.year == 2025 && parts.month == 6 && parts.day == 23 && parts.hour == 10 && parts.second == 12)
        #expect(try await store.recording(of: "nova").bytes == Data("abc".utf8))
        #expect(try await store.recording(of: "bert b.").bytes == Data("bert".utf8))
        #expect(try await store.voice("bert b.").language == "en")
        #expect(try await store.defaultVoice()?.name == "anna")
    }

    @Test func inPlaceAtFirstOpen() async throws {
        try writeTwo()
        let before = try sibling.files()
        let store = try VoiceStore(folder: sibling.url)
        let report = try #require(store.firstImport)
        #expect(report.entries.map(\.name) == ["anna", "bert b."])
        #expect(report.entries[0].outcome == .imported(notes: []))
        guard case .imported(let notes) = report.entries[1].outcome else {
            Issue.record("\(report)")
            return
        }
        #expect(notes.count == 2 && notes[0].contains("MD5") && notes[1].contains("xx!"))
        #expect(report.importedCount == 2 && report.defaultVoice == "anna" && report.problems == [])
        #expect("\(report)".contains("2 of 2 voices imported"))
        try await expectTwo(store)
        // Nothing is touched.
        #expect(try sibling.files() == before)
        #expect(try await store.voice("anna").filename == "anna.wav")
        let cleanup = try await store.cleanup()
        #expect(cleanup.removedVoices == [] && cleanup.unknownFiles == [])

        // Only once: what is deleted stays so.
        try await store.delete("anna")
        #expect(try sibling.files() == before.filter { $0 != "anna.wav" })
        let again = try VoiceStore(folder: sibling.url)
        #expect(again.firstImport == nil)
        #expect(try await again.voices().map(\.name) == ["bert b."])
    }

    @Test func intoAnotherFolder() async throws {
        try writeTwo()
        let before = try sibling.files()
        let store = try VoiceStore(folder: folder.url)
        #expect(store.firstImport == nil)
        #expect(try await store.importFolder(sibling.url).importedCount == 2)
        #expect(try sibling.files() == before)
        #expect(try folder.files().count == 2)
        // The copies don't need the folder.
        try FileManager.default.removeItem(at: sibling.url)
        try await expectTwo(store)
    }

    @Test func twice() async throws {
        try writeTwo()
        let store = try VoiceStore(folder: folder.url)
        _ = try await store.importFolder(sibling.url)
        try await store.setDefaultVoice("bert b.")
        let second = try await store.importFolder(sibling.url)
        #expect(second.entries.map(\.outcome) == Array(repeating: .skipped(reason: "it is here already"), count: 2))
        // What was chosen since stays.
        #expect(second.defaultVoice == nil)
        #expect(try await store.defaultVoice()?.name == "bert b.")
        #expect(try folder.files().count == 2)
    }

    /// Each bad entry is reported, the good ones come.
    @Test func badEntries() async throws {
        try write([
            "good": entry("good", file: "good.wav", "good"),
            "GOOD": entry("GOOD", file: "good2.wav", "other"),
            ".dot": entry(".dot", file: "dot.wav", "dot"),
            "text": entry("text", file: "text.txt", "text"),
            "gone": ["filename": "gone.wav"],
            "outside": entry(
                "outside", file: "outside.wav", "x", changes: ["filename": "../../outside2.wav", "path": "/etc/hosts"]),
            "number": 3,
            "odd": entry("odd", file: "odd.wav", "odd", changes: ["filename": 5]),
            "same file": entry("same file", file: "good.wav", "good", changes: [:]),
            "aliases": entry(
                "aliases", file: "aliases.wav", "a", changes: ["aliases": ["", "good", "fine", "Aliases"]]),
            // As older versions wrote: neither language nor aliases; and the date is wrong.
            "old": ["filename": "old.ogg", "upload_date": "yesterday"],
        ])
        try sibling.write("old", to: "old.ogg")
        let store = try VoiceStore(folder: sibling.url)
        let report = try #require(store.firstImport)
        let outcomes = Dictionary(uniqueKeysWithValues: report.entries.map { ($0.name, $0.outcome) })
        func reason(_ name: String) -> String {
            if case .skipped(let reason) = outcomes[name] { reason } else { "\(String(describing: outcomes[name]))" }
        }
        // Names come in order, so capital letters first.
        #expect(outcomes["GOOD"] == .imported(notes: ["its file isn't the one that was uploaded (other MD5)"]))
        #expect(reason("good").contains("taken by voice \"GOOD\""))
        #expect(reason(".dot").contains("not start with a dot"))
        #expect(reason("text").contains("text.txt"))
        #expect(reason("gone").contains("gone.wav isn't in the folder"))
        #expect(reason("outside").contains("isn't in the folder"))
        #expect(reason("number").contains("can't be read"))
        #expect(reason("odd").contains("filename"))
        guard case .imported(let notes) = outcomes["aliases"] else {
            Issue.record("\(report)")
            return
        }
        #expect(notes.count == 4)
        #expect(try await store.aliases(of: "aliases") == ["fine"])
        #expect(outcomes["old"] == .imported(notes: []))
        #expect(try await store.voice("old").language == "en")
        #expect(outcomes["same file"] != nil)
        #expect(report.entries.count == 11)
    }

    /// Two entries with one file: in place the second would delete what the first uses.
    @Test func oneFileForTwo() async throws {
        try write([
            "a": entry("a", file: "x.wav", "x"), "b": entry("b", file: "x.wav", "x"),
        ])
        let store = try VoiceStore(folder: sibling.url)
        #expect(store.firstImport?.importedCount == 1)
        #expect(try await store.voices().map(\.name) == ["a"])
    }

    @Test func tooLarge() async throws {
        try write(["a": entry("a", file: "a.wav", "12345")])
        let store = try VoiceStore(folder: sibling.url, maximumRecordingBytes: 4)
        #expect(store.firstImport?.importedCount == 0)
    }

    @Test func aDefaultVoiceThatIsGone() async throws {
        try write(["a": entry("a", file: "a.wav", "a")], defaultVoice: "b")
        let store = try VoiceStore(folder: sibling.url)
        #expect(store.firstImport?.problems == ["The default voice b isn't among the voices."])
        #expect(try await store.defaultVoice() == nil)
    }

    @Test func noDefaultVoice() async throws {
        try write(["a": entry("a", file: "a.wav", "a")], defaultVoice: NSNull())
        let store = try VoiceStore(folder: sibling.url)
        #expect(store.firstImport?.problems == [])
    }

    @Test func aBrokenSettingsFile() async throws {
        try write(["a": entry("a", file: "a.wav", "a")])
        try sibling.write("{", to: "config.json")
        let store = try VoiceStore(folder: sibling.url)
        #expect(store.firstImport?.importedCount == 1)
        #expect(store.firstImport?.problems.count == 1)
    }

    /// The start goes on, and the next one tries again.
    @Test(arguments: ["", "{", "[]", "{}", "{\"voices\": []}"]) func aBrokenLibrary(_ text: String) async throws {
        try sibling.write(text, to: "voices.json")
        do {
            let store = try VoiceStore(folder: sibling.url)
            let report = try #require(store.firstImport)
            #expect(report.entries == [] && report.problems.count == 1)
            #expect(report.problems[0].contains("voices.json can't be read"))
            let error = await #expect(throws: LibraryError.self) { try await store.importFolder(sibling.url) }
            guard case .notALibrary = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
        try writeTwo()
        #expect(try VoiceStore(folder: sibling.url).firstImport?.importedCount == 2)
    }

    @Test func noLibrary() async throws {
        let store = try VoiceStore(folder: folder.url)
        await #expect(throws: LibraryError.self) { try await store.importFolder(sibling.url) }
    }

    /// A library that appears in a folder that is in use already comes at the next start.
    @Test func later() async throws {
        let bytes = Data("own".utf8)
        do {
            let store = try VoiceStore(folder: sibling.url)
            try await store.add(name: "own", recording: bytes, originalFilename: "x.wav")
        }
        try writeTwo()
        let store = try VoiceStore(folder: sibling.url)
        #expect(store.firstImport?.importedCount == 2)
        #expect(try await Set(store.voices().map(\.name)) == ["own", "anna", "bert b."])
    }
}
