import AccessControl
import Foundation
import SpeechEngine

/// Voices beyond those that a model brings along.
package protocol VoiceSource: Sendable {
    /// Names and aliases.
    func sourceNames() async throws -> [String]
    /// Who speaks if a request names nobody; nil is the model's own choice.
    func sourceDefault() async throws -> String?
    /// The recording of a voice, by name or alias; nil if there is no such voice.
    func sourceRecording(of name: String) async throws -> (name: String, content: Data)?
}

/// Starts requests: finds the model and the voice, and keeps the record. WebSocket, HTTP and jobs all speak through it.
package struct SpeechService: Sendable {
    package let engine: any SpeechSynthesizing
    package let voices: (any VoiceSource)?
    package let log: RequestLog
    package let metrics: ServerMetrics
    /// For whom, and what a request of several pieces may still speak; nil is the server itself.
    var client: AccessClient?
    var allowance: SpeechAllowance?

    package init(
        engine: any SpeechSynthesizing, voices: (any VoiceSource)? = nil, log: RequestLog = RequestLog(),
        metrics: ServerMetrics = ServerMetrics()
    ) {
        (self.engine, self.voices, self.log, self.metrics) = (engine, voices, log, metrics)
    }

    /// The names of the models, the default first.
    var models: [String] { engine.models.map(\.name) }

    /// Starts a request as soon as its model is loaded. Cancelling the task ends the wait.
    /// - Parameter used: the parameters as the record shall show them.
    /// - Throws: `SpeechEngineError`, `ServerError`.
    func start(
        _ parts: SpeechParameters, used: [String: JSONValue], from origin: SpeechOrigin
    ) async throws -> Speech {
        do {
            return try await begin(parts, used: used, from: origin)
        } catch {
            // Over HTTP the request's own line tells it; a job tries again.
            if origin.transport == .websocket, !(error is CancellationError) {
                origin.logger.tell("speech refused", ServerError(error))
            }
            throw error
        }
    }

    private func begin(
        _ parts: SpeechParameters, used: [String: JSONValue], from origin: SpeechOrigin
    ) async throws -> Speech {
        guard engine.isReady else { throw ServerError.notReady }
        let allowance = try allowance ?? openAllowance()
        if let recording = parts.speech.voiceAudio { try await check(recording: recording) }
        let model = try await engine.engine(of: parts.model)
        var request = parts.speech
        let voice: String
        if request.voiceAudio != nil {
            voice = SpeechParameters.ownVoice
        } else {
            switch try await speaker(request.voice, of: model) {
            case .model(let name):
                request.voice = name
                voice = name
            case .library(let name, let recording):
                guard model.canClone else { throw ServerError.voiceNeedsCloning(name, model: model.modelName) }
                request.voiceAudio = recording
                voice = name
            }
        }
        var shown = used
        for name in ["input", "voice_audio"] { shown[name] = nil }
        let stream = try model.speak(request)
        let report = SpeechReport(
            request, from: origin, model: name(of: parts), voice: voice, parameters: shown, log: log, metrics: metrics)
        return Speech(engine: model, voice: voice, stream: stream, report: report, allowance: allowance)
    }

    /// By which requests call their model.
    private func name(of parts: SpeechParameters) -> String {
        let asked = engine.models.first { model in parts.model.map { $0 == model.name } ?? model.isDefault }
        return asked?.name ?? engine.modelName
    }

    /// Says now what ``start(_:used:)`` would say of who is to speak, if the model is loaded: one that isn't says itself
    /// what it lacks, once it is.
    func checkSpeaker(of parts: SpeechParameters) async throws {
        let asked = engine.models.first { model in parts.model.map { $0 == model.name } ?? model.isDefault }
        guard let model = asked, model.state == .loaded, let voice = parts.voice else { return }
        if voice == SpeechParameters.ownVoice {
            guard model.canClone else { throw ServerError.cloningUnsupported(model: model.name) }
            return
        }
        if model.voices.contains(voice) { return }
        if try await voices?.sourceRecording(of: voice) != nil {
            guard model.canClone else { throw ServerError.voiceNeedsCloning(voice, model: model.name) }
            return
        }
        guard OpenAIVoices.stand(in: model.voices, for: voice) != nil else {
            throw ServerError.unknownVoice(voice, available: try await available(model.voices))
        }
    }

    /// The recording of a voice of the library; nil if it is one of the model's own.
    func libraryVoice(_ voice: String, of model: String?) async throws -> Data? {
        let asked = engine.models.first { $0.name == model || model == nil && $0.isDefault }
        guard asked?.voices.contains(voice) != true else { return nil }
        return try await voices?.sourceRecording(of: voice)?.content
    }

    private enum Speaker {
        case model(String)
        case library(String, Data)
    }

    private func speaker(_ voice: String?, of model: any SpeechSynthesizing) async throws -> Speaker {
        guard let voice else {
            // A default that has gone, or that this model can't speak in, is nobody's fault who asks now.
            guard model.canClone, let name = try await voices?.sourceDefault(),
                let found = try await voices?.sourceRecording(of: name)
            else { return .model(model.defaultVoice) }
            return .library(found.name, found.content)
        }
        if model.voices.contains(voice) { return .model(voice) }
        if let found = try await voices?.sourceRecording(of: voice) { return .library(found.name, found.content) }
        if let stand = OpenAIVoices.stand(in: model.voices, for: voice) {
            return .model(stand.isEmpty ? model.defaultVoice : stand)
        }
        throw ServerError.unknownVoice(voice, available: try await available(model.voices))
    }

    private func available(_ own: [String]) async throws -> [String] {
        own + (try await voices?.sourceNames() ?? []).filter { !own.contains($0) }
    }
}

/// The names that OpenAI's clients offer, whatever voices a model has.
enum OpenAIVoices {
    /// Which of the embedded voices is the nearest in kind; those not named here are among them.
    private static let nearest = [
        "ash": "echo", "ballad": "fable", "cedar": "onyx", "coral": "nova", "marin": "nova", "sage": "shimmer",
        "verse": "fable",
    ]
    static let names = ["alloy", "echo", "fable", "onyx", "nova", "shimmer"] + nearest.keys.sorted()

    /// Who speaks for `name` among `voices`: an empty name is the model's default voice, nil says that the name is none of
    /// OpenAI's.
    static func stand(in voices: [String], for name: String) -> String? {
        guard names.contains(name) else { return nil }
        if voices.contains(name) { return name }
        return nearest[name].flatMap { voices.contains($0) ? $0 : nil } ?? ""
    }
}

/// A request being spoken: its events, which are put on record as they are read.
package final class Speech: AsyncSequence, Sendable {
    package typealias Element = SpeechEvent
    /// Held as long as the request: so long the model stays loaded.
    package let engine: any SpeechSynthesizing
    /// Who speaks.
    package let voice: String
    private let stream: SpeechStream
    private let report: SpeechReport
    private let allowance: SpeechAllowance?

    init(
        engine: any SpeechSynthesizing, voice: String, stream: SpeechStream, report: SpeechReport,
        allowance: SpeechAllowance?
    ) {
        (self.engine, self.voice, self.stream, self.report) = (engine, voice, stream, report)
        self.allowance = allowance
    }

    /// Its places in the engine's queue, until it is spoken.
    var waiting: AsyncStream<QueuePlace> { stream.waiting }

    func cancel() { stream.cancel() }

    package struct AsyncIterator: AsyncIteratorProtocol, Sendable {
        fileprivate let speech: Speech
        fileprivate var events: SpeechStream.AsyncIterator
        /// Seconds counted so far.
        private var counted = 0.0

        fileprivate init(speech: Speech, events: SpeechStream.AsyncIterator) {
            (self.speech, self.events) = (speech, events)
        }

        package mutating func next() async throws -> SpeechEvent? {
            do {
                let event = try await events.next()
                switch event {
                case .chunk(let chunk):
                    speech.report.chunk(chunk)
                    try speech.allowance?.add(audioSeconds: chunk.audioDuration - counted)
                    counted = chunk.audioDuration
                case .finished(let summary): speech.report.finished(summary)
                case nil: break
                }
                return event
            } catch {
                if error is AccessRefusal { speech.cancel() }
                speech.report.failed(error)
                throw error
            }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(speech: self, events: stream.makeAsyncIterator())
    }
}
