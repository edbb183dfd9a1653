import Foundation
import Testing
import VoiceLibrary

/// Random operations on a store and on a simple model in memory: the same answers, the same state.
@Suite struct VoicePropertyTests {
    struct Model {
        struct Entry {
            var name: String
            var aliases: [String] = []
            var bytes: Data
        }

        var voices: [Entry] = []
        var defaultName: String?

        func same(_ left: String, _ right: String) -> Bool { left.lowercased() == right.lowercased() }
        func index(name: String) -> Int? { voices.firstIndex { same($0.name, name) } }
        func index(nameOrAlias: String) -> Int? {
            voices.firstIndex { voice in
                same(voice.name, nameOrAlias) || voice.aliases.contains { same($0, nameOrAlias) }
            }
        }

        /// - Returns: whether it works.
        mutating func add(_ name: String, _ bytes: Data) -> Bool {
            guard index(nameOrAlias: name) == nil else { return false }
            voices.append(.init(name: name, bytes: bytes))
            return true
        }

        mutating func rename(_ name: String, _ new: String) -> Bool {
            guard let index = index(name: name) else { return false }
            guard same(voices[index].name, new) || self.index(nameOrAlias: new) == nil else { return false }
            if defaultName == voices[index].name { defaultName = new }
            voices[index].name = new
            return true
        }

        mutating func delete(_ name: String) -> Bool {
            guard let index = index(name: name) else { return false }
            if defaultName == voices[index].name { defaultName = nil }
            voices.remove(at: index)
            return true
        }

        mutating func addAlias(_ alias: String, _ name: String) -> Bool {
            guard let index = index(name: name) else { return false }
            if voices[index].aliases.contains(where: { same($0, alias) }) { return true }
            guard self.index(nameOrAlias: alias) == nil else { return false }
            voices[index].aliases.append(alias)
            return true
        }

        mutating func removeAlias(_ alias: String, _ name: String) -> Bool {
            guard let index = index(name: name),
                let position = voices[index].aliases.firstIndex(where: { same($0, alias) })
            else { return false }
            voices[index].aliases.remove(at: position)
            return true
        }

        mutating func setDefault(_ name: String) -> Bool {
            guard let index = index(nameOrAlias: name) else { return false }
            defaultName = voices[index].name
            return true
        }
    }

    @Test(arguments: 1...8) func sameAsTheModel(_ seed: Int) async throws {
        let folder = TemporaryFolder()
        let clock = TestClock()
        var rng = Numbers(UInt64(seed))
        var store = try VoiceStore(folder: folder.url, now: clock.now)
        var model = Model()
        func works(_ operation: () async throws -> Void) async -> Bool {
            do {
                try await operation()
                return true
            } catch is LibraryError {
                return false
            } catch {
                Issue.record(error)
                return false
            }
        }
        for step in 0..<60 {
            clock.advance(1)
            let pool = ["anna", "Anna", "bert", "Ö", "ö", "carl", "CARL"]
            let (a, b) = (pool.randomElement(using: &rng)!, pool.randomElement(using: &rng)!)
            let bytes = Data("\(seed) \(step)".utf8)
            let (ours, theirs): (Bool, Bool) =
                switch Int.random(in: 0..<9, using: &rng) {
                case 0, 1, 2:
                    (
                        await works { try await store.add(name: a, recording: bytes, originalFilename: "x.wav") },
                        model.add(a, bytes)
                    )
                case 3: (await works { try await store.rename(a, to: b) }, model.rename(a, b))
                case 4: (await works { try await store.delete(a) }, model.delete(a))
                case 5: (await works { try await store.addAlias(a, to: b) }, model.addAlias(a, b))
                case 6: (await works { try await store.removeAlias(a, from: b) }, model.removeAlias(a, b))
                case 7: (await works { try await store.setDefaultVoice(a) }, model.setDefault(a))
                default:
                    // Another process.
                    (await works { store = try VoiceStore(folder: folder.url, now: clock.now) }, true)
                }
            #expect(ours == theirs, "seed \(seed), step \(step): \(a), \(b)")
            let voices = try await store.voices()
            #expect(voices.map(\.name) == model.voices.reversed().map(\.name))
            #expect(voices.map(\.aliases) == model.voices.reversed().map(\.aliases))
            #expect(try voices.map { try Data(contentsOf: $0.url) } == model.voices.reversed().map(\.bytes))
            #expect(try await store.defaultVoice()?.name == model.defaultName)
            #expect(try folder.files() == voices.map(\.filename).sorted())
        }
    }

    /// What a name is made of: either it is refused, or it is found again, and nothing of it is in a file's name.
    @Test func anyText() async throws {
        let folder = TemporaryFolder()
        let store = try VoiceStore(folder: folder.url)
        var rng = Numbers(7)
        let pieces: [String] = [
            "a", "Z", "é", "e\u{301}", "/", "\\", ".", "..", " ", "\n", "\0", "\u{202E}", "%2e", "日", "👩‍🚀", "'", "\"",
            ";",
            "--", "*", "\u{85}", "ß", "İ", String(repeating: "x", count: 60),
        ]
        for index in 0..<80 {
            let text = (0..<Int.random(in: 0...4, using: &rng)).map { _ in pieces.randomElement(using: &rng)! }.joined()
            do {
                let voice = try await store.add(
                    name: text, recording: Data("\(index)".utf8), originalFilename: text + ".wav")
                #expect(try await store.recording(of: text).bytes == Data("\(index)".utf8))
                #expect(try await store.recording(of: voice.name).bytes == Data("\(index)".utf8))
                #expect((1...100).contains(voice.name.unicodeScalars.count) && voice.name == voice.name.trimmed)
                #expect(UUID(uuidString: String(voice.filename.dropLast(4))) != nil)
            } catch LibraryError.invalid(let field, _, _) {
                #expect(field == "voice_name")
            } catch LibraryError.nameTaken {
                #expect(throws: Never.self) { try folder.files() }
            }
        }
        #expect(try await folder.files().count == store.voices().count)
    }
}
