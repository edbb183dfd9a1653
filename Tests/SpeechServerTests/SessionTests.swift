import Foundation
import Logging
import NIOCore
import SpeechEngine
import SpeechServer
import Testing

@Suite struct SessionTests {
    static let cancel = #"{"type": "cancel"}"#

    static func request(_ id: String) -> String {
        #"{"type": "stream_request", "request_id": "\#(id)", "data": {"input": "Hello."}}"#
    }

    @Test func conversationInOrder() async throws {
        let client = ScriptedClient(ScriptedEngine(.chunks(2)))
        client.send(Self.request("r"))
        let all = try await client.receive(until: "done")
        #expect(all.kinds == ["connected", "info", "binary", "binary", "metrics", "binary", "metrics", "done"])
        #expect(all[0]["connection_id"] == .string("00000001"))
        #expect(all[1]["text_length"] == .integer(6))
        #expect(all[1]["ignored_parameters"] == .array([.string("top_p")]))
        #expect(all[1]["request_id"] == .string("r"))
        guard case .binary(let header) = all[2] else { return }
        #expect(header.count == 44)
        #expect(all[3] == .binary([1, 0, 0xFF, 0xFF, 0, 1]))
        let metrics: [String: JSONValue] = [
            "chunk": .integer(1), "latency_to_first_chunk": .number(0.1), "elapsed_time": .number(0.1),
            "audio_duration": .integer(1), "rtf": .number(0.1), "chunk_size_bytes": .integer(6),
            "sample_rate": .integer(24000),
        ]
        #expect(all[4]["data"] == .object(metrics))
        #expect(all[7]["total_chunks"] == .integer(2))
        #expect(all[7]["message"] == .string("Streaming complete"))
        #expect(all[7]["end_reason"] == .string("stop_token"))
        #expect(all[7]["tokens"] == .integer(50))
        #expect(all[7]["seed"] == .integer(7))
        #expect(all[7]["first_chunk_tokens"] == .integer(25))
        await client.disconnect()
    }

    @Test func timestampsFollowTheirChunk() async throws {
        let client = ScriptedClient(ScriptedEngine(.chunks(2)))
        client.send(#"{"type": "stream_request", "data": {"input": "Hello. X1", "include_timestamps": true}}"#)
        let all = try await client.receive(until: "done")
        #expect(
            all.kinds == [
                "connected", "info", "binary", "binary", "timestamps", "metrics", "binary", "metrics", "timestamps",
                "done",
            ])
        func word(_ word: String, _ start: JSONValue, _ end: JSONValue) -> JSONValue {
            .array([.object(["word": .string(word), "start": start, "end": end])])
        }
        #expect(all[4]["words"] == word("Hello.", .number(0.08), .number(0.3)))
        #expect(all[8]["words"] == word("X1", .integer(2), .integer(2)))
        await client.disconnect()
    }

    @Test func base64() async throws {
        let client = ScriptedClient(ScriptedEngine(.chunks(1)))
        client.send(
            #"{"type": "stream_request", "data": {"input": "x", "output_format": "base64", "include_metrics": false}}"#)
        let all = try await client.receive(until: "done")
        #expect(all.kinds == ["connected", "info", "audio", "done"])
        #expect(all[2]["data"] == .object(["chunk": .integer(1), "audio": .string("AQD//wAB")]))
        await client.disconnect()
    }

    @Test func recordingsReachAnEngineThatCanCloneAndNoOther() async throws {
        let clip = #"{"type": "stream_request", "data": {"input": "x", "voice_audio": "UklGRg=="}}"#
        let engine = ScriptedEngine(.chunks(1), canClone: true)
        var client = ScriptedClient(engine)
        client.send(clip)
        var all = try await client.receive(until: "done")
        #expect(all[1]["voice"] == .string("voice_audio"))
        #expect(engine.state.withLock { $0.requests[0].voiceAudio?.count } == 4)
        await client.disconnect()

        client = ScriptedClient(ScriptedEngine(.chunks(1)))
        client.send(clip)
        all = try await client.receive(until: "error")
        #expect(all.last?["code"] == .string("cloning_not_supported"))
        #expect(all.last?["field"] == .string("voice_audio"))
        await client.disconnect()

        client = ScriptedClient(
            ScriptedEngine(.fails(.unusableRecording(reason: "the recording has no bytes")), canClone: true))
        client.send(clip)
        all = try await client.receive(until: "error")
        #expect(all.last?["code"] == .string("unusable_recording"))
        #expect(all.last?["error"] == .string("voice_audio: the recording has no bytes"))
        await client.disconnect()
    }

    @Test func parametersReachTheEngine() async throws {
        let engine = ScriptedEngine(.chunks(1))
        let client = ScriptedClient(engine)
        client.send(
            #"{"type": "stream_request", "data": {"input": "x", "voice": "echo", "chunk_size": 10, "seed": 7}}"#)
        _ = try await client.receive(until: "done")
        let request = engine.state.withLock { $0.requests[0] }
        #expect(request.voice == "echo")
        #expect(request.chunkSize == 10)
        #expect(request.seed == 7)
        await client.disconnect()
    }

    @Test func cancelEndsTheRunningRequest() async throws {
        let engine = ScriptedEngine(.hangs)
        let client = ScriptedClient(engine)
        client.send(Self.request("r"))
        _ = try await client.receive(until: "metrics")
        client.send(Self.cancel)
        let all = try await client.receive(until: "done")
        #expect(all.kinds == ["cancelled", "done"])
        #expect(all[0]["request_id"] == .string("r"))
        #expect(all[1]["total_chunks"] == .integer(1))
        #expect(all[1]["end_reason"] == .string("cancelled"))
        await engine.waitUntilCancelled()
        client.send(Self.cancel)
        #expect(try await client.receive(until: "error")[0]["code"] == .string("nothing_to_cancel"))
        await client.disconnect()
    }

    @Test func cancelWhileTheModelIsLoaded() async throws {
        let engine = ScriptedEngine(.loads)
        let client = ScriptedClient(engine)
        client.send(Self.request("r"))
        await engine.waitUntilAsked()
        client.send(#"{"type": "ping"}"#)
        _ = try await client.receive(until: "pong")
        client.send(Self.cancel)
        let all = try await client.receive(until: "done")
        #expect(all.kinds == ["cancelled", "done"])
        #expect(all[1]["end_reason"] == .string("cancelled"))
        #expect(all[1]["total_chunks"] == .integer(0))
        await engine.waitUntilCancelled()
        #expect(engine.state.withLock { $0.requests.isEmpty })
        await client.disconnect()
    }

    @Test func disconnectWhileTheModelIsLoaded() async throws {
        let engine = ScriptedEngine(.loads)
        let client = ScriptedClient(engine)
        client.send(Self.request("r"))
        await engine.waitUntilAsked()
        await client.disconnect()
        await engine.waitUntilCancelled()
    }

    @Test func cancelOfAWaitingRequest() async throws {
        let engine = ScriptedEngine(.hangs)
        let client = ScriptedClient(engine)
        client.send(Self.request("a"))
        client.send(Self.request("b"))
        _ = try await client.receive(until: "metrics")
        client.send(#"{"type": "cancel", "request_id": "b"}"#)
        let all = try await client.receive(until: "done")
        #expect(all.map { $0["request_id"] } == [.string("b"), .string("b")])
        #expect(all[1]["total_chunks"] == .integer(0))
        #expect(engine.state.withLock { $0.cancelled } == 0)
        await client.disconnect()
    }

    @Test func aRecordingMayFollowAsBinaryMessage() async throws {
        func clip(_ id: String) -> String {
            #"{"type": "stream_request", "data": {"input": "x", "voice_audio": true, "request_id": "\#(id)"}}"#
        }
        let engine = ScriptedEngine(.chunks(1), canClone: true)
        let client = ScriptedClient(engine)
        client.send(clip("a"))
        client.send(#"{"type": "ping"}"#)
        _ = try await client.receive(until: "pong")
        client.send(clip("b"))
        let refused = try await client.receive(until: "error")[0]
        #expect(refused["field"] == .string("voice_audio"))
        #expect(refused["request_id"] == .string("b"))
        client.send(.binary(ByteBuffer(string: "RIFF")))
        let all = try await client.receive(until: "done")
        #expect(all[0]["voice"] == .string("voice_audio"))
        #expect(engine.state.withLock { $0.requests[0].voiceAudio } == Data("RIFF".utf8))

        client.send(clip("c"))
        client.send(Self.cancel)
        #expect(try await client.receive(until: "done").kinds == ["cancelled", "done"])
        client.send(.binary(ByteBuffer(string: "RIFF")))
        #expect(try await client.receive(until: "error")[0]["code"] == .string("unexpected_binary"))
        #expect(engine.state.withLock { $0.requests.count } == 1)
        await client.disconnect()
    }

    @Test func controlMessagesWhileSpeaking() async throws {
        let client = ScriptedClient(ScriptedEngine(.hangs))
        client.send(Self.request("r"))
        _ = try await client.receive(until: "metrics")
        client.send(#"{"type": "ping"}"#)
        client.send("nonsense")
        client.send(.binary(ByteBuffer(bytes: [1, 2, 3])))
        #expect(try await client.receive(until: "pong").kinds == ["pong"])
        #expect(try await client.receive(until: "error")[0]["code"] == .string("invalid_json"))
        #expect(try await client.receive(until: "error")[0]["code"] == .string("unexpected_binary"))
        await client.disconnect()
    }

    @Test func queueHasALimit() async throws {
        let client = ScriptedClient(ScriptedEngine(.hangs), limits: ServerLimits { $0.maxQueuedRequests = 2 })
        client.send(Self.request("0"))
        _ = try await client.receive(until: "metrics")
        for id in ["1", "2", "3"] { client.send(Self.request(id)) }
        let error = try await client.receive(until: "error")[0]
        #expect(error["code"] == .string("queue_full"))
        #expect(error["request_id"] == .string("3"))
        client.send(Self.cancel)
        let all = try await client.receive(until: "info")
        #expect(all.kinds == ["cancelled", "done", "info"])
        #expect(all[2]["request_id"] == .string("1"))
        await client.disconnect()
    }

    @Test func disconnectCancelsTheEngine() async throws {
        let engine = ScriptedEngine(.hangs)
        let client = ScriptedClient(engine)
        client.send(Self.request("a"))
        client.send(Self.request("b"))
        _ = try await client.receive(until: "metrics")
        await client.disconnect()
        await engine.waitUntilCancelled()
        #expect(engine.state.withLock { $0.requests.count } == 1)
    }

    @Test func failureWhileSpeaking() async throws {
        let client = ScriptedClient(ScriptedEngine(.fails(.shuttingDown)))
        client.send(Self.request("r"))
        let all = try await client.receive(until: "error")
        #expect(all.kinds == ["connected", "info", "binary", "binary", "metrics", "error"])
        #expect(all.last?["code"] == .string("shutting_down"))
        #expect(all.last?["request_id"] == .string("r"))
        await client.disconnect()
    }

    @Test func refusalByTheEngine() async throws {
        let client = ScriptedClient(ScriptedEngine(.refuses(.queueFull(limit: 4))))
        client.send(Self.request("r"))
        #expect(try await client.receive(until: "error").last?["code"] == .string("server_busy"))
        client.send(#"{"type": "ping"}"#)
        #expect(try await client.receive(until: "pong").kinds == ["pong"])
        await client.disconnect()
    }

    @Test func placesInTheQueueAreTold() async throws {
        let places = [QueuePlace(position: 2), QueuePlace(position: 1, estimatedWait: 3.14)]
        let client = ScriptedClient(ScriptedEngine(.waits(places, ends: true)))
        client.send(Self.request("r"))
        let all = try await client.receive(until: "done")
        #expect(
            all.kinds == ["connected", "queued", "queued", "info", "binary", "binary", "metrics", "done"])
        #expect(all[1]["position"] == .integer(2) && all[1]["estimated_wait"] == nil)
        #expect(all[2]["position"] == .integer(1) && all[2]["estimated_wait"] == .number(3.1))
        #expect(all[2]["request_id"] == .string("r"))
        await client.disconnect()
    }

    @Test func cancelInTheQueue() async throws {
        let engine = ScriptedEngine(.waits([QueuePlace(position: 1)], ends: false))
        let client = ScriptedClient(engine)
        client.send(Self.request("r"))
        _ = try await client.receive(until: "queued")
        client.send(#"{"type": "ping"}"#)
        #expect(try await client.receive(until: "pong").kinds == ["pong"])
        client.send(Self.cancel)
        let all = try await client.receive(until: "done")
        #expect(all.kinds == ["cancelled", "done"])
        #expect(all.last?["end_reason"] == .string("cancelled"))
        await engine.waitUntilCancelled()
        await client.disconnect()
    }

    /// A client that leaves while it waits takes its request with it.
    @Test func leavingTheQueue() async throws {
        let engine = ScriptedEngine(.waits([QueuePlace(position: 1)], ends: false))
        let client = ScriptedClient(engine)
        client.send(Self.request("r"))
        _ = try await client.receive(until: "queued")
        await client.disconnect()
        await engine.waitUntilCancelled()
    }

    @Test func notReady() async throws {
        let engine = ScriptedEngine()
        engine.state.withLock { $0.isReady = false }
        let client = ScriptedClient(engine)
        client.send(Self.request("r"))
        #expect(try await client.receive(until: "error").last?["code"] == .string("not_ready"))
        await client.disconnect()
    }

    @Test func shutdownDrains() async throws {
        let client = ScriptedClient(ScriptedEngine(.hangs))
        client.send(Self.request("a"))
        client.send(Self.request("b"))
        _ = try await client.receive(until: "metrics")
        client.send(.due(.shuttingDown))
        let refused = try await client.receive(until: "error")[0]
        #expect(refused["request_id"] == .string("b"))
        #expect(refused["code"] == .string("shutting_down"))
        client.send(Self.request("c"))
        #expect(try await client.receive(until: "error")[0]["request_id"] == .string("c"))
        client.send(Self.cancel)
        #expect(try await client.receive(until: "close 1001").kinds == ["cancelled", "done", "close 1001"])
        await client.disconnect()
    }

    @Test func shutdownOfAnIdleConnection() async throws {
        let client = ScriptedClient(ScriptedEngine())
        client.send(.due(.shuttingDown))
        #expect(try await client.receive(until: "close 1001").kinds == ["connected", "close 1001"])
        await client.disconnect()
    }

    @Test func nothingIsSpokenAnyMoreWhenTheSocketCloses() async throws {
        let engine = ScriptedEngine(.hangs)
        let client = ScriptedClient(engine)
        client.send(Self.request("r"))
        _ = try await client.receive(until: "metrics")
        client.send(.closing(.shuttingDown))
        await client.disconnect()
        #expect(engine.state.withLock { $0.cancelled } == 1)
    }

    @Test func silentConnectionsEnd() async throws {
        let client = ScriptedClient(ScriptedEngine())
        client.send(.due(.connectionTimeout(.seconds(1))))
        #expect(try await client.receive(until: "close 1001").kinds == ["connected", "close 1001"])
        await client.disconnect()
    }

    @Test func silentSpeechGoesOn() async throws {
        let client = ScriptedClient(ScriptedEngine(.hangs))
        client.send(Self.request("r"))
        _ = try await client.receive(until: "metrics")
        client.send(.due(.connectionTimeout(.seconds(1))))
        client.send(Self.cancel)
        #expect(try await client.receive(until: "done").kinds == ["cancelled", "done"])
        // It is over only when it is silent the next time.
        client.send(#"{"type": "ping"}"#)
        #expect(try await client.receive(until: "pong").kinds == ["pong"])
        await client.disconnect()
    }

    @Test func oldConnectionsEndBehindTheirSpeech() async throws {
        let client = ScriptedClient(ScriptedEngine(.hangs))
        client.send(Self.request("r"))
        _ = try await client.receive(until: "metrics")
        client.send(.due(.connectionLifetime(.seconds(1))))
        client.send(Self.cancel)
        #expect(try await client.receive(until: "close 1001").kinds == ["cancelled", "done", "close 1001"])
        await client.disconnect()
    }

    /// Of one that spoke a request and a context.
    @Test func nothingIsLeftOfASession() async throws {
        weak var session: StreamingSession?
        func run() async {
            let (frames, source) = AsyncStream<ClientFrame>.makeStream()
            let made = StreamingSession(
                connectionID: "00000001", service: SpeechService(engine: ScriptedEngine(.chunks(1))), limits: .init(),
                logger: Logger(label: "test"),
                send: { frame in
                    if case .text(let payload) = frame,
                        ["\"done\"", "\"error\""].contains(where: String(buffer: payload).contains)
                    {
                        source.finish()
                    }
                })
            session = made
            source.yield(
                .text(#"{"type": "append", "context_id": "c", "text": "Hello. ", "data": {}}"#))
            source.yield(.text(#"{"type": "close", "context_id": "c"}"#))
            await made.run(frames)
        }
        await run()
        #expect(session == nil)
    }
}
