import AudioDSP
import Foundation
import HTTPTypes
import Hummingbird
import VoiceLibrary

/// The voice library: recordings to speak in the voice of.
struct VoiceRoutes: Sendable {
    let store: VoiceStore
    let service: SpeechService
    let rules: SpeechParameters.Rules

    private static let voice = Schema.object([
        "name": .string, "filename": .string, "original_filename": .string, "file_extension": .string,
        "file_size": .integer, "file_hash": .string, "upload_date": .string, "path": .string, "language": .string,
        "aliases": .list(.string), "exists": .boolean,
    ])
    private static let names = (
        voice: StringField("voice_name", lengths: 1...100, isRequired: true, "The voice's name"),
        new: StringField("new_name", lengths: 1...100, isRequired: true, "What it shall be called"),
        alias: StringField("alias", lengths: 1...100, isRequired: true, "Another name for it"),
        language: StringField("language", lengths: 2...35, "The recording's language; en if absent")
    )
    private static let file = FieldProperty(
        name: "voice_file", isRequired: true,
        schema: [
            "type": "string", "format": "binary",
            "description": .string("The recording: \(SpeechRoutes.recordingEndings), 10 MB at most"),
        ])
    private static let aliases = Schema.object(["voice_name": .string, "aliases": .list(.string)])
    private static let defaultVoice = Schema.object(["default_voice": .nullable(.string), "source": .string])

    var routes: [Route] { collection + single + aliasRoutes + defaultRoutes }

    private var collection: [Route] {
        let aliases = ["/voice-library", "/voice_library"]
        return [
            Route(
                method: .get, path: "/voices", aliases: aliases + ["/audio/voices"], tag: .voices,
                summary: "All voices, the newest first",
                answers: [.json(.object(["voices": .list(Self.voice), "count": .integer]))]
            ) { _ in
                let voices = try await store.voices().map(json)
                return try Response.json(
                    ["voices": .array(voices), "count": .count(voices.count)] as JSONValue)
            },
            Route(
                method: .post, path: "/voices", aliases: aliases, tag: .voices, summary: "Adds a voice",
                body: .init(
                    kind: .form, fields: [Self.names.voice.property, Self.names.language.property],
                    files: [Self.file], limit: SpeechRoutes.maxRecordingBytes + (1 << 20)),
                answers: [
                    .json(.object(["message": .string, "voice": Self.voice]), status: 201, "The voice was added")
                ],
                failures: [409, 413, 415]
            ) { call in try await add(call) },
            Route(
                method: .get, path: "/voices/all-names", tag: .voices, summary: "Names and aliases",
                answers: [.json(.object(["voice_names": .list(.string), "count": .integer]))]
            ) { _ in
                let names = try await store.allNames()
                return try Response.json(
                    ["voice_names": .strings(names), "count": .count(names.count)] as JSONValue)
            },
            Route(
                method: .post, path: "/voices/cleanup", tag: .voices, summary: "Forgets voices whose file is gone",
                answers: [
                    .json(.object(["message": .string, "removed_voices": .list(.string), "count": .integer]))
                ]
            ) { _ in
                let cleanup = try await store.cleanup()
                return try Response.json(
                    [
                        "message": "Cleanup completed", "removed_voices": .strings(cleanup.removedVoices),
                        "count": .count(cleanup.removedVoices.count),
                        "unknown_files": .strings(cleanup.unknownFiles),
                    ] as JSONValue)
            },
        ]
    }

    private var single: [Route] {
        [
            Route(
                method: .get, path: "/voices/{voice_name}", tag: .voices, summary: "One voice, by name or alias",
                answers: [.json(.object(["voice": Self.voice]))], failures: [404]
            ) { call in
                try Response.json(["voice": json(try await store.voice(call.path("voice_name")))] as JSONValue)
            },
            Route(
                method: .put, path: "/voices/{voice_name}", tag: .voices, summary: "Renames a voice",
                body: .init(kind: .form, fields: [Self.names.new.property]),
                answers: [.json(.object(["message": .string, "old_name": .string, "new_name": .string]))],
                failures: [404, 409, 413, 415]
            ) { call in
                let old = call.path("voice_name")
                let new = try Self.free(try await text(Self.names.new, of: call), field: "new_name")
                let voice = try await store.rename(old, to: new)
                return try Response.json(
                    [
                        "message": "Voice renamed successfully", "old_name": .string(old),
                        "new_name": .string(voice.name),
                    ] as JSONValue)
            },
            Route(
                method: .delete, path: "/voices/{voice_name}", tag: .voices,
                summary: "Removes a voice with its recording",
                answers: [.json(.object(["message": .string, "voice_name": .string]))], failures: [404]
            ) { call in
                let name = call.path("voice_name")
                try await store.delete(name)
                return try Response.json(
                    ["message": "Voice deleted successfully", "voice_name": .string(name)] as JSONValue)
            },
            Route(
                method: .get, path: "/voices/{voice_name}/download", tag: .voices, summary: "The recording",
                answers: [.init(status: 200, about: "The file", content: ["application/octet-stream": [:]])],
                failures: [404, 409], access: .anyOf([.voices])
            ) { call in
                let (voice, bytes) = try await store.recording(of: call.path("voice_name"))
                return Response(
                    status: .ok,
                    headers: [
                        .contentType: Self.mediaType(voice.url.pathExtension),
                        .contentDisposition: "attachment; filename=\"\(voice.filename)\"",
                    ], body: .init(byteBuffer: .init(bytes: bytes)))
            },
            Route(
                method: .get, path: "/voices/{voice_name}/preview", tag: .voices,
                summary: "A sentence in a voice, of the library or the model's own",
                answers: [.init(status: 200, about: "The speech", content: ["audio/wav": [:]])],
                failures: [404, 503], access: .anyOf([.speak])
            ) { call in try await preview(call) },
        ]
    }

    private var aliasRoutes: [Route] {
        let path = "/voices/{voice_name}/aliases"
        return [
            Route(
                method: .get, path: path, tag: .voices, summary: "A voice's other names",
                answers: [.json(Self.aliases)],
                failures: [404]
            ) { call in
                let voice = try await store.voice(call.path("voice_name"))
                return try Response.json(aliasJSON(voice, ["count": .count(voice.aliases.count)]))
            },
            Route(
                method: .post, path: path, tag: .voices, summary: "Gives a voice another name",
                body: .init(kind: .form, fields: [Self.names.alias.property]),
                answers: [.json(Self.aliases, status: 201, "The alias was added")], failures: [404, 409, 413, 415]
            ) { call in
                let alias = try Self.free(try await text(Self.names.alias, of: call), field: "alias")
                let voice = try await store.addAlias(alias, to: call.path("voice_name"))
                return try Response.json(
                    aliasJSON(voice, ["message": "Alias added successfully", "alias": .string(alias)]),
                    status: .created)
            },
            Route(
                method: .delete, path: path + "/{alias}", tag: .voices, summary: "Takes another name away",
                answers: [.json(Self.aliases)], failures: [404]
            ) { call in
                let alias = call.path("alias")
                let voice = try await store.removeAlias(alias, from: call.path("voice_name"))
                return try Response.json(
                    aliasJSON(voice, ["message": "Alias removed successfully", "alias": .string(alias)]))
            },
        ]
    }

    private var defaultRoutes: [Route] {
        let path = "/voices/default"
        let aliases = ["/default-voice"]
        return [
            Route(
                method: .get, path: path, aliases: aliases, tag: .voices, summary: "Who speaks if nobody is named",
                answers: [.json(Self.defaultVoice)]
            ) { _ in
                guard let voice = try await store.defaultVoice() else {
                    return try Response.json(ownDefault())
                }
                return try Response.json(
                    [
                        "default_voice": .string(voice.name), "source": "voice_library", "voice_info": json(voice),
                    ] as JSONValue)
            },
            Route(
                method: .post, path: path, aliases: aliases, tag: .voices, summary: "Chooses who speaks",
                body: .init(kind: .form, fields: [Self.names.voice.property]),
                answers: [.json(.object(["message": .string, "default_voice": .string, "voice_info": Self.voice]))],
                failures: [404, 413, 415]
            ) { call in
                let voice = try await store.setDefaultVoice(try await text(Self.names.voice, of: call))
                return try Response.json(
                    [
                        "message": "Default voice updated successfully", "default_voice": .string(voice.name),
                        "voice_info": json(voice),
                    ] as JSONValue)
            },
            Route(
                method: .delete, path: path, aliases: aliases, tag: .voices, summary: "Leaves the choice to the model",
                answers: [.json(Self.defaultVoice)]
            ) { _ in
                try await store.resetDefaultVoice()
                return try Response.json(ownDefault(["message": "Default voice reset to system default"]))
            },
        ]
    }

    private func ownDefault(_ more: [String: JSONValue] = [:]) -> JSONValue {
        .object(
            more.merging([
                "default_voice": .null, "source": "file_system", "path": "",
                "model_voice": .string(service.engine.defaultVoice),
            ]) { $1 })
    }

    private func aliasJSON(_ voice: Voice, _ more: [String: JSONValue]) -> JSONValue {
        .object(
            more.merging(["voice_name": .string(voice.name), "aliases": .strings(voice.aliases)]) { $1 })
    }

    private func json(_ voice: Voice) -> JSONValue {
        [
            "name": .string(voice.name), "filename": .string(voice.filename),
            "original_filename": .string(voice.originalFilename), "file_extension": .string(voice.fileExtension),
            "file_size": .count(voice.fileSizeBytes), "file_hash": .string(voice.fileHash),
            "upload_date": .date(voice.uploadDate), "path": .string(voice.filename),
            "language": .string(voice.language), "aliases": .strings(voice.aliases), "exists": .bool(voice.isPresent),
        ]
    }

    /// A form's one field; the query will do as well.
    private func text(_ field: StringField, of call: Call) async throws -> String {
        var fields = try await call.fields()
        fields.values.merge(call.queryValues) { own, _ in own }
        var reader = call.reader(fields)
        let text = reader(field)
        _ = try reader.finish(known: [field.name])
        return text ?? ""
    }

    /// Paths under /voices that are no voices: a voice of such a name could not be asked for.
    private static let taken = ["all-names", "cleanup", "default"]

    /// - Throws: `ServerError` for a name that can't be a voice's.
    private static func free(_ name: String, field: String) throws(ServerError) -> String {
        guard !taken.contains(name.trimmingCharacters(in: .whitespacesAndNewlines).lowercased()) else {
            throw ServerError.invalidValue(
                field: field, value: "\"\(name)\"",
                allowed: "any name but \(taken.joined(separator: ", ")), which are paths of the API")
        }
        return name
    }

    private func add(_ call: Call) async throws -> Response {
        let fields = try await call.fields()
        var reader = call.reader(fields)
        let name = reader(Self.names.voice) ?? ""
        let language = reader(Self.names.language) ?? "en"
        if !fields.files.contains(where: { $0.name == "voice_file" }) { reader.refuse(.missingField("voice_file")) }
        do { _ = try Self.free(name, field: "voice_name") } catch { reader.refuse(error) }
        _ = try reader.finish(known: ["voice_name", "language"])
        guard let recording = try SpeechRoutes.recording(in: fields),
            let file = fields.files.first(where: { $0.name == "voice_file" })
        else { throw ServerError.missingField("voice_file") }
        try await service.of(call.client).check(recording: recording)
        do {
            // Decoding takes a moment: not on a thread that serves others.
            let seconds = try await Task.detached {
                Double(try MediaFile.decode(recording, sampleRateHz: 16000).count) / 16000
            }.value
            guard seconds >= 0.5 else {
                throw ServerError.invalidValue(
                    field: "voice_file", value: "\(seconds.rounded(decimals: 2)) s long", allowed: "0.5 s at least")
            }
        } catch let error as AudioError {
            throw ServerError.invalidValue(
                field: "voice_file", value: "no usable recording (\(error.description))",
                allowed: "a file of sound")
        }
        let voice = try await store.add(
            name: name, recording: recording, originalFilename: file.fileName, language: language)
        return try Response.json(
            ["message": "Voice uploaded successfully", "voice": json(voice)] as JSONValue, status: .created)
    }

    private func preview(_ call: Call) async throws -> Response {
        var rules = rules
        rules.models = service.models
        let name = call.path("voice_name")
        var query = call.query
        let model = query(ModelField(name: "model", models: rules.models, about: ""))
        _ = try query.finish(known: ["model"])
        var fields = RequestFields(isText: false)
        fields.values = ["input": "Hello! This is how I sound.", "voice": .string(name), "seed": 1]
        fields.values["model"] = model.map(JSONValue.string)
        let request = try SpeakRequest(fields, rules: rules)
        let audio: SpokenAudio
        do {
            audio = try await SpokenAudio(request, by: service.of(call.client), from: call.origin)
        } catch ServerError.unknownVoice(let name, _) {
            throw ServerError.noSuch(kind: "voice", name: name)
        }
        return try await SpeechAnswer(request: request, audio: audio, format: .wav, delivery: .whole).response()
    }

    private static func mediaType(_ ending: String) -> String {
        switch ending.lowercased() {
        case "mp3": "audio/mpeg"
        case "flac": "audio/flac"
        case "m4a": "audio/mp4"
        case "ogg", "oga", "opus": "audio/ogg"
        case "aac": "audio/aac"
        case "webm": "audio/webm"
        case "aif", "aiff": "audio/aiff"
        case "wav": "audio/wav"
        default: "application/octet-stream"
        }
    }
}
