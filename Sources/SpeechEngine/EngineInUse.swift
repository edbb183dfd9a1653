/// What `ModelRegistry` asks of the engine of one model.
public protocol LoadableSpeechEngine: SpeechSynthesizing {
    /// Reads the model; keeps the calling thread busy meanwhile.
    func load() throws
    /// Ends its requests. The memory goes with the last reference.
    func shutdown()
}

extension SpeechEngine: LoadableSpeechEngine {}

/// An engine that its registry keeps loaded until this is let go.
package final class EngineInUse<Engine: SpeechSynthesizing>: SpeechSynthesizing {
    private let engine: Engine
    private let onRelease: @Sendable () -> Void

    init(_ engine: Engine, onRelease: @escaping @Sendable () -> Void) {
        self.engine = engine
        self.onRelease = onRelease
    }

    deinit { onRelease() }

    package var isReady: Bool { engine.isReady }
    package var sampleRateHz: Int { engine.sampleRateHz }
    package var voices: [String] { engine.voices }
    package var defaultVoice: String { engine.defaultVoice }
    package var modelName: String { engine.modelName }
    package var ignoredParameters: [String] { engine.ignoredParameters }
    package var canClone: Bool { engine.canClone }
    package func speak(_ request: SpeechRequest) throws -> SpeechStream { try engine.speak(request) }
}
