import Foundation
import Testing
import VoiceLibrary

@Suite struct VoiceStoreTests {
    let folder = TemporaryFolder()
    let clock = TestClock()

    func store() throws -> VoiceStore { try VoiceStore(folder: folder.url, now: clock.now) }

    func bytes(_ text: String = "RIFF") -> Data { Data(text.utf8) }

    @Test func addKeepsAllThatIsKnown() async throws {
        let store = try store()
        let voice = try await store.add(
            name: " Anna ", recording: bytes("abc"), originalFilename: "C:\\tmp\\../My Voice.WAV", language: "PT-br")
        #expect(voice.name == "Anna")
        #expect(voice.fileHash == "900150983cd24fb0d6963f7d28e17f72")
        #expect(voice.fileSizeBytes == 3)
        #expect(voice.originalFilename == "My Voice.WAV")
        #expect(voice.fileExtension == ".wav")
        #expect(voice.language == "pt-br")
        #expect(voice.aliases == [])
        #expect(voice.uploadDate == clock.now())
        #expect(voice.isPresent)
        #expect(voice.url.deletingLastPathComponent().path == folder.url.standardizedFileURL.path)
        #expect(try Data(contentsOf: voice.url) == bytes("abc"))
        #expect(try folder.files() == [voice.filename])
        #expect(!voice.filename.contains("Anna"))
        // The next process sees the same.
        #expect(try await self.store().voices() == [voice])
    }

    @Test func newestFirst() async throws {
        let store = try store()
        for name in ["a", "c", "b"] {
            clock.advance(1)
            try await store.add(name: name, recording: bytes(), originalFilename: "x.mp3")
        }
        #expect(try await store.voices().map(\.name) == ["b", "c", "a"])
    }

    @Test(arguments: ["anna", "ANNA", " Anna\n"]) func namesAreFoundInAnyCase(_ name: String) async throws {
        let store = try store()
        try await store.add(name: "Anna", recording: bytes(), originalFilename: "x.ogg")
        #expect(try await store.voice(name).name == "Anna")
        await #expect(throws: LibraryError.nameTaken(name.trimmed, voice: "Anna", asAlias: false)) {
            try await store.add(name: name, recording: bytes(), originalFilename: "y.ogg")
        }
        #expect(try folder.files().count == 1)
    }

    /// é as one character and as two is the same name.
    @Test func accentsAreOneSpelling() async throws {
        let store = try store()
        try await store.add(name: "Ren\u{E9}", recording: bytes(), originalFilename: "x.ogg")
        #expect(try await store.voice("RENE\u{301}").name == "Ren\u{E9}")
    }

    @Test(arguments: [
        "", "  ", ".hidden", "..", "a/b", "a\\b", "a\u{0}b", "a\nb", "a\u{7F}", "a\u{2028}b",
        String(repeating: "x", count: 101),
    ]) func namesThatAreRefused(_ name: String) async throws {
        let store = try store()
        try await store.add(name: "known", recording: bytes(), originalFilename: "x.wav")
        func expectRefusal(_ field: String, _ operation: () async throws -> Void) async {
            let error = await #expect(throws: LibraryError.self) { try await operation() }
            guard case .invalid(field, name, _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
        await expectRefusal("voice_name") {
            try await store.add(name: name, recording: bytes(), originalFilename: "x.wav")
        }
        await expectRefusal("new_name") { try await store.rename("known", to: name) }
        await expectRefusal("alias") { try await store.addAlias(name, to: "known") }
        #expect(try folder.files().count == 1)
    }

    @Test(arguments: ["x", "日本語", "a b", "100 % \"sure\" <&>?*:|", String(repeating: "é", count: 100), "👩‍👩‍👧"])
    func namesThatAreAllowed(_ name: String) async throws {
        let store = try store()
        try await store.add(name: name, recording: bytes(), originalFilename: "x.wav")
        #expect(try await store.voice(name).name == name)
    }

    @Test(arguments: ["x", "x.txt", "x.wav.exe", "", "wav", ".", "x.", "../x"]) func formatsThatAreRefused(
        _ filename: String
    ) async throws {
        let error = await #expect(throws: LibraryError.self) {
            try await store().add(name: "a", recording: bytes(), originalFilename: filename)
        }
        guard case .invalid("voice_file", _, let allowed) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(allowed.contains(".wav"))
        #expect(try folder.files() == [])
    }

    @Test(arguments: [
        "", "e", "english", "e!", "en_US", "en-", "-en", "en-x", "é", "en-123456789",
        String(repeating: "en-", count: 12),
    ])
    func languagesThatAreRefused(_ language: String) async throws {
        let error = await #expect(throws: LibraryError.self) {
            try await store().add(name: "a", recording: bytes(), originalFilename: "x.wav", language: language)
        }
        guard case .invalid("language", language, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func sizes() async throws {
        let store = try VoiceStore(folder: folder.url, maximumRecordingBytes: 4)
        try await store.add(name: "a", recording: bytes("1234"), originalFilename: "x.wav")
        await #expect(throws: LibraryError.tooLarge(field: "voice_file", byteCount: 5, maximum: 4)) {
            try await store.add(name: "b", recording: bytes("12345"), originalFilename: "x.wav")
        }
        await #expect(throws: LibraryError.self) {
            try await store.add(name: "b", recording: Data(), originalFilename: "x.wav")
        }
    }

    @Test func rename() async throws {
        let store = try store()
        let old = try await store.add(name: "Anna", recording: bytes(), originalFilename: "x.wav")
        try await store.add(name: "Bert", recording: bytes(), originalFilename: "x.wav")
        try await store.addAlias("Carl", to: "Bert")
        try await store.setDefaultVoice("Anna")

        let new = try await store.rename("ANNA", to: "Dora")
        #expect(new.name == "Dora")
        #expect(new.filename == old.filename)
        #expect(try await store.defaultVoice()?.name == "Dora")
        await #expect(throws: LibraryError.unknownVoice("Anna")) { try await store.voice("Anna") }
        // Another case of its own name is free.
        #expect(try await store.rename("Dora", to: "dora").name == "dora")

        await #expect(throws: LibraryError.nameTaken("bert", voice: "Bert", asAlias: false)) {
            try await store.rename("dora", to: "bert")
        }
        await #expect(throws: LibraryError.nameTaken("carl", voice: "Bert", asAlias: true)) {
            try await store.rename("dora", to: "carl")
        }
        await #expect(throws: LibraryError.unknownVoice("Carl")) { try await store.rename("Carl", to: "x") }
        await #expect(throws: LibraryError.unknownVoice("nobody")) { try await store.rename("nobody", to: "x") }
    }

    @Test func delete() async throws {
        let store = try store()
        try await store.add(name: "Anna", recording: bytes(), originalFilename: "x.wav")
        try await store.addAlias("alloy", to: "Anna")
        try await store.setDefaultVoice("Anna")
        await #expect(throws: LibraryError.unknownVoice("alloy")) { try await store.delete("alloy") }
        try await store.delete("anna")
        #expect(try await store.voices() == [])
        #expect(try await store.allNames() == [])
        #expect(try await store.defaultVoice() == nil)
        #expect(try folder.files() == [])
        await #expect(throws: LibraryError.unknownVoice("anna")) { try await store.delete("anna") }
        // Its names are free again.
        try await store.add(name: "alloy", recording: bytes(), originalFilename: "x.wav")
    }

    /// A file that is gone already doesn't hinder.
    @Test func deleteWithoutFile() async throws {
        let store = try store()
        let voice = try await store.add(name: "a", recording: bytes(), originalFilename: "x.wav")
        try FileManager.default.removeItem(at: voice.url)
        try await store.delete("a")
        #expect(try await store.voices() == [])
    }

    @Test func recording() async throws {
        let store = try store()
        let voice = try await store.add(name: "a", recording: bytes("sound"), originalFilename: "x.wav")
        try await store.addAlias("b", to: "a")
        #expect(try await store.recording(of: "B").bytes == bytes("sound"))
        #expect(try await store.recording(of: "B").voice.name == "a")
        try FileManager.default.removeItem(at: voice.url)
        #expect(!(try await store.voice("a").isPresent))
        await #expect(throws: LibraryError.missingRecording(voice: "a", path: voice.url.path)) {
            try await store.recording(of: "a")
        }
        await #expect(throws: LibraryError.unknownVoice("c")) { try await store.recording(of: "c") }
    }

    @Test func aliases() async throws {
        let store = try store()
        try await store.add(name: "Anna", recording: bytes(), originalFilename: "x.wav")
        try await store.add(name: "Bert", recording: bytes(), originalFilename: "x.wav")
        #expect(try await store.addAlias("nova", to: "anna").aliases == ["nova"])
        #expect(try await store.addAlias(" echo ", to: "Anna").aliases == ["nova", "echo"])
        // Again is no error.
        #expect(try await store.addAlias("NOVA", to: "Anna").aliases == ["nova", "echo"])
        #expect(try await store.aliases(of: "Echo") == ["nova", "echo"])
        #expect(try await store.voice("ECHO").name == "Anna")
        #expect(try await store.allNames() == ["Bert", "Anna", "nova", "echo"])

        await #expect(throws: LibraryError.nameTaken("nova", voice: "Anna", asAlias: true)) {
            try await store.addAlias("nova", to: "Bert")
        }
        await #expect(throws: LibraryError.nameTaken("anna", voice: "Anna", asAlias: false)) {
            try await store.addAlias("anna", to: "Bert")
        }
        await #expect(throws: LibraryError.nameTaken("Bert", voice: "Bert", asAlias: false)) {
            try await store.addAlias("Bert", to: "Bert")
        }
        await #expect(throws: LibraryError.nameTaken("Nova", voice: "Anna", asAlias: true)) {
            try await store.add(name: "Nova", recording: bytes(), originalFilename: "x.wav")
        }
        await #expect(throws: LibraryError.unknownVoice("nova")) { try await store.addAlias("x", to: "nova") }
        await #expect(throws: LibraryError.unknownAlias("nova", voice: "Bert")) {
            try await store.removeAlias("nova", from: "Bert")
        }
        await #expect(throws: LibraryError.unknownAlias("Anna", voice: "Anna")) {
            try await store.removeAlias("Anna", from: "Anna")
        }
        await #expect(throws: LibraryError.unknownVoice("x")) { try await store.removeAlias("nova", from: "x") }
        #expect(try await store.removeAlias("Nova", from: "ANNA").aliases == ["echo"])
        await #expect(throws: LibraryError.unknownVoice("nova")) { try await store.aliases(of: "nova") }
    }

    @Test func defaultVoice() async throws {
        let store = try store()
        #expect(try await store.defaultVoice() == nil)
        await #expect(throws: LibraryError.unknownVoice("a")) { try await store.setDefaultVoice("a") }
        try await store.add(name: "a", recording: bytes(), originalFilename: "x.wav")
        try await store.add(name: "b", recording: bytes(), originalFilename: "x.wav")
        try await store.addAlias("nova", to: "b")
        try await store.setDefaultVoice("a")
        #expect(try await store.setDefaultVoice("nova").name == "b")
        #expect(try await self.store().defaultVoice()?.name == "b")
        try await store.resetDefaultVoice()
        try await store.resetDefaultVoice()
        #expect(try await store.defaultVoice() == nil)
    }

    @Test func cleanup() async throws {
        let store = try store()
        let gone = try await store.add(name: "gone", recording: bytes(), originalFilename: "x.wav")
        let here = try await store.add(name: "here", recording: bytes(), originalFilename: "x.wav")
        try FileManager.default.removeItem(at: gone.url)
        try folder.write("?", to: "stranger.wav")
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "subfolder"), withIntermediateDirectories: true)
        let cleanup = try await store.cleanup()
        #expect(cleanup.removedVoices == ["gone"])
        #expect(cleanup.unknownFiles == ["stranger.wav"])
        #expect(try folder.files() == [here.filename, "stranger.wav", "subfolder"].sorted())
        #expect(try await store.voices() == [here])
        #expect(try await store.cleanup().removedVoices == [])
    }

    /// Of many who want a name at once, in this process and through another store, one gets it.
    @Test func oneWins() async throws {
        let stores = [try store(), try store()]
        let winners = await withTaskGroup(of: Int?.self) { group in
            for index in 0..<40 {
                group.addTask {
                    do {
                        try await stores[index % 2].add(
                            name: index % 3 == 0 ? "Anna" : "anna", recording: bytes("\(index)"),
                            originalFilename: "x.wav")
                        return index
                    } catch LibraryError.nameTaken {
                        return nil
                    } catch {
                        Issue.record(error)
                        return nil
                    }
                }
            }
            return await group.compactMap(\.self).reduce(into: []) { $0.append($1) }
        }
        #expect(winners.count == 1)
        #expect(try await stores[0].recording(of: "anna").bytes == bytes("\(winners[0])"))
        #expect(try folder.files().count == 1)
    }

    /// An alias and a name are one space, also in a race.
    @Test func namesAgainstAliases() async throws {
        let store = try store()
        try await store.add(name: "base", recording: bytes(), originalFilename: "x.wav")
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<20 {
                group.addTask { _ = try? await store.addAlias("n\(index)", to: "base") }
                group.addTask {
                    _ = try? await store.add(name: "N\(index)", recording: bytes(), originalFilename: "x.wav")
                }
            }
        }
        let names = try await store.allNames()
        #expect(names.count == 21)
        #expect(Set(names.map { $0.lowercased() }).count == 21)
    }

    @Test func aFolderThatCantBe() throws {
        try folder.write("", to: "file")
        #expect(throws: LibraryError.self) { try VoiceStore(folder: folder.url.appending(path: "file")) }
    }

    @Test func aFileThatIsNoDatabase() throws {
        try folder.write(String(repeating: "no database ", count: 1000), to: VoiceStore.databaseFilename)
        let error = #expect(throws: LibraryError.self) { try store() }
        guard case .database = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}

extension String {
    var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
