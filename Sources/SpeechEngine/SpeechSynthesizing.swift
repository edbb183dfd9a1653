/// What a server needs of an engine.
public protocol SpeechSynthesizing: Sendable {
    /// Whether the model is loaded.
    var isReady: Bool { get }
    var sampleRateHz: Int { get }
    /// Names, the default voice among them; empty until ready.
    var voices: [String] { get }
    var defaultVoice: String { get }
    var modelName: String { get }
    /// Parameters, by their names in the protocol, that this model can't honour.
    var ignoredParameters: [String] { get }
    /// Whether a request may bring a recording to speak in the voice of.
    var canClone: Bool { get }
    /// Every model that a request may name, the default first.
    var models: [ModelStatus] { get }
    /// The engine of one of `models`, loaded first if need be; nil is the default model. The model stays loaded as long as
    /// the engine is held. Cancelling the task ends the wait at once.
    /// - Throws: `SpeechEngineError.unknownModel`, `.noRoomForModel`, `.modelNotLoadable`, `.shuttingDown`;
    ///   `CancellationError`.
    func engine(of model: String?) async throws -> any SpeechSynthesizing
    /// Starts a request with the default model; returns at once.
    /// - Throws: `SpeechEngineError`. What is found later is thrown by the stream.
    func speak(_ request: SpeechRequest) throws -> SpeechStream
}

/// Of an engine of one model.
extension SpeechSynthesizing {
    public var models: [ModelStatus] {
        [
            ModelStatus(
                name: modelName, isDefault: true, state: isReady ? .loaded : .loading, voices: voices,
                canClone: canClone)
        ]
    }

    public func engine(of model: String?) async throws -> any SpeechSynthesizing {
        guard let model, model != modelName else { return self }
        throw SpeechEngineError.unknownModel(name: model, available: [modelName])
    }
}
