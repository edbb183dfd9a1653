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
    /// Starts a request; returns at once.
    /// - Throws: `SpeechEngineError`. What is found later is thrown by the stream.
    /// Whether a request may bring a recording to speak in the voice of.
    var canClone: Bool { get }
    func speak(_ request: SpeechRequest) throws -> SpeechStream
}
