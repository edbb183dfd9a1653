import AudioDSP
import Chatterbox
import Checkpoints
import Foundation
import SpeechEngine
import Testing

/// Requests that bring a recording, on an official folder at small sizes.
@Suite struct ClonedVoiceTests {
    /// The folder with all that cloning needs, its speech vocabulary as large as the tokenizer's.
    private static func folder() throws -> OfficialFolder {
        let folder = try OfficialFolder(.turbo)
        let voiceEncoder = try TensorBytes.weights(of: "voice_encoder")
        try TensorBytes.write(voiceEncoder, to: folder.url.appendingPathComponent("ve.safetensors"))
        try folder.change(folder.s3genFile) { tensors in
            for (scope, fixture) in [("tokenizer", "s3_tokenizer"), ("speaker_encoder", "camp_plus")] {
                tensors = tensors.filter { !$0.key.hasPrefix(scope) }
                for (key, tensor) in try TensorBytes.weights(of: fixture) { tensors["\(scope).\(key)"] = tensor }
            }
            tensors["flow.input_embedding.weight"]?.repeatRows(to: 6561)
        }
        try folder.change(folder.t3File) { tensors in
            for key in ["speech_emb.weight", "speech_head.weight", "speech_head.bias"] {
                tensors[key]?.repeatRows(to: 6563)
            }
            // The end comes by chance, after a dozen tokens or so.
            withUnsafeBytes(of: Float(6.5)) {
                tensors["speech_head.bias"]?.bytes.replaceSubrange(6562 * 4..<6563 * 4, with: $0)
            }
        }
        let file = folder.url.appendingPathComponent("config.json")
        var config = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        func change(_ part: String, _ values: [String: Any]) {
            config[part] = (config[part] as? [String: Any] ?? [:]).merging(values) { $1 }
        }
        change("s3gen", ["vocab_size": 6561])
        change(
            "t3",
            [
                "speech_tokens_dict_size": 6563, "start_speech_token": 6561, "stop_speech_token": 6562,
                "speech_cond_prompt_len": 20,
            ])
        func json(_ name: String) throws -> Any {
            try JSONSerialization.jsonObject(
                with: Data(contentsOf: OfficialFolder.fixtures.appendingPathComponent(name + ".json")))
        }
        config["cloning"] = [
            "file": "ve.safetensors", "loudness": -27, "min_seconds": 2, "voice_encoder": try json("voice_encoder"),
            "tokenizer": try json("s3_tokenizer"), "speaker_encoder": try json("camp_plus"),
        ]
        try JSONSerialization.data(withJSONObject: config).write(to: file)
        return folder
    }

    private static func engine(_ folder: OfficialFolder, sessions: Int, threads: Int) throws -> SpeechEngine {
        var configuration = SpeechEngine.Configuration(modelFolder: folder.url, precision: .float32, threads: threads)
        configuration.maxSessions = sessions
        let engine = SpeechEngine(configuration: configuration)
        try engine.load()
        return engine
    }

    private static func request(_ recording: Data?) -> SpeechRequest {
        SpeechRequest(
            input: "hello", voiceAudio: recording, chunkSize: 10, contextWindow: 5, maxNewTokens: 100,
            enableAlignmentMonitoring: false, seed: 3)
    }

    private static func samples(_ engine: SpeechEngine, _ recording: Data?) async throws -> [Int16] {
        var samples: [Int16] = []
        for try await event in try engine.speak(request(recording)) {
            if case .chunk(let chunk) = event { samples += chunk.samples }
        }
        return samples
    }

    /// Speakers of different pitch and colour.
    private static func recording(_ speaker: Int) -> Data {
        let pitch = 80 + 3.7 * Double(speaker)
        var state = UInt64(speaker + 1)
        let samples = (0..<72000).map { index in
            let time = Double(index) / 24000
            let voice = (1...5).reduce(0.0) { sum, harmonic in
                sum + sin(2 * .pi * pitch * Double(harmonic) * time) / Double(1 + (harmonic + speaker) % 5)
            }
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let hiss = Double(state >> 40) / Double(1 << 23) - 1
            return Float(0.2 * max(0.01, sin(2 * .pi * 3 * time) + 0.5) * voice + 0.0005 * hiss)
        }
        return Data(WAV.file(PCM16.samples(samples), sampleRateHz: 24000))
    }

    @Test func fiftySessionsWithFiftyVoicesNeverMix() async throws {
        let folder = try Self.folder()
        defer { folder.remove() }
        let recordings = (0..<50).map(Self.recording)
        let model = try ChatterboxModel.load(folder: folder.url, precision: .float32)
        let cloned = try #require(model.clonedVoices)
        let fingerprints = try recordings.map { try cloned.voice(of: $0).fingerprint }
        #expect(Set(fingerprints).count == 50)
        // One after the other, on one thread: what each must sound like.
        let alone = try Self.engine(folder, sessions: 1, threads: 1)
        var expected: [[Int16]] = []
        for recording in recordings { expected.append(try await Self.samples(alone, recording)) }
        alone.shutdown()
        #expect(Set(expected).count == 50)
        // All at once, twice over: the second time some voices are remembered, some made anew.
        let busy = try Self.engine(folder, sessions: 50, threads: 4)
        for _ in 0..<2 {
            let found = try await withThrowingTaskGroup(of: (Int, [Int16]).self) { group in
                for (index, recording) in recordings.enumerated() {
                    group.addTask { (index, try await Self.samples(busy, recording)) }
                }
                return try await group.reduce(into: [Int: [Int16]]()) { $0[$1.0] = $1.1 }
            }
            for index in recordings.indices { #expect(found[index] == expected[index], "voice \(index)") }
        }
        busy.shutdown()
        // Nobody has changed a voice that was shared.
        #expect(try recordings.map { try cloned.voice(of: $0).fingerprint } == fingerprints)
    }

    /// From the bytes of a file to speech; lossless files give the same voice.
    @Test func everyFormatSpeaks() async throws {
        let folder = try Self.folder()
        defer { folder.remove() }
        let engine = try Self.engine(folder, sessions: 1, threads: 1)
        var spoken: [String: [Int16]] = [:]
        for format in ["wav", "flac", "mp3", "m4a", "ogg", "opus", "webm"] {
            let file = OfficialFolder.fixtures.appendingPathComponent("media/speech.\(format)")
            spoken[format] = try await Self.samples(engine, Data(contentsOf: file))
            #expect(spoken[format]?.isEmpty == false, "\(format)")
        }
        #expect(spoken["wav"] == spoken["flac"])
        #expect(spoken["wav"] != spoken["mp3"])
        engine.shutdown()
    }

    @Test func whatIsNoGoodIsSaidAndTheEngineGoesOn() async throws {
        let folder = try Self.folder()
        defer { folder.remove() }
        #expect(try ModelAudit(folder: folder.url).problems == [])
        let engine = try Self.engine(folder, sessions: 2, threads: 1)
        #expect(engine.canClone)
        await #expect(throws: SpeechEngineError.unusableRecording(reason: AudioError.unknownFormat.description)) {
            try await Self.samples(engine, Data("no recording".utf8))
        }
        let silence = Data(WAV.file([Int16](repeating: 0, count: 72000), sampleRateHz: 24000))
        let reason = AudioError.recording(property: .loudness, found: "silence", allowed: "-50 LUFS or more")
        await #expect(throws: SpeechEngineError.unusableRecording(reason: reason.description)) {
            try await Self.samples(engine, silence)
        }
        let own = try await Self.samples(engine, Self.recording(1))
        let built = try await Self.samples(engine, nil)
        #expect(!own.isEmpty && own != built)
        engine.shutdown()
    }

    /// A weight that only cloning needs is missed when the model is loaded, by its name.
    @Test func missingWeightsOfCloningAreNamed() throws {
        for key in ["tokenizer.encoder.conv1.weight", "speaker_encoder.head.bn1.bias"] {
            let folder = try Self.folder()
            defer { folder.remove() }
            var shape: [Int] = []
            try folder.change(folder.s3genFile) { tensors in
                shape = tensors[key]?.shape ?? []
                tensors[key] = nil
            }
            let missing = CheckpointError.missing(file: folder.s3genFile, key: key, expected: shape)
            #expect(throws: missing) { try ChatterboxModel.load(folder: folder.url, precision: .float32) }
            #expect(try ModelAudit(folder: folder.url).problems == [missing])
        }
    }

    @Test func modelsWithoutCloningRefuseRecordings() throws {
        let folder = try OfficialFolder(.turbo)
        defer { folder.remove() }
        let engine = try Self.engine(folder, sessions: 1, threads: 1)
        #expect(!engine.canClone)
        #expect(throws: SpeechEngineError.cloningUnsupported(model: "turbo")) {
            try engine.speak(Self.request(Self.recording(0)))
        }
        engine.shutdown()
    }
}

extension TensorBytes {
    /// The rows over and over again, up to a number of them.
    fileprivate mutating func repeatRows(to count: Int) {
        let row = bytes.count / shape[0]
        var all = Data()
        while all.count < count * row { all += bytes }
        bytes = Data(all.prefix(count * row))
        shape[0] = count
    }
}
