import AccessControl
import AudioDSP
import SpeechEngine
import VoiceLibrary

extension ServerError {
    /// What an error of the engine is to a client.
    package init(_ error: any Error) {
        switch error {
        case let error as ServerError: self = error
        case let error as AccessRefusal: self = .refused(error)
        case let error as LibraryError: self.init(error)
        case AudioError.parameter(let field, let value, let allowed):
            self = .outOfRange(field: field, value: value, allowed: allowed)
        case SpeechEngineError.unknownVoice(let name, let available): self = .unknownVoice(name, available: available)
        case SpeechEngineError.cloningUnsupported(let model): self = .cloningUnsupported(model: model)
        case SpeechEngineError.unusableRecording(let reason): self = .unusableRecording(reason: reason)
        case SpeechEngineError.unknownModel(let name, let available): self = .unknownModel(name, available: available)
        case SpeechEngineError.noRoomForModel, SpeechEngineError.modelNotLoadable:
            self = .modelUnavailable(reason: String(describing: error))
        case SpeechEngineError.unknownLanguage(let name, let available):
            self = .unknownLanguage(name, available: available)
        case SpeechEngineError.unreadableText(let reason): self = .unreadableText(reason: reason)
        case SpeechEngineError.emptyText: self = .emptyText
        case SpeechEngineError.outOfRange(let field, let value, let allowed):
            self = .outOfRange(field: field, value: value, allowed: allowed)
        case SpeechEngineError.notReady: self = .notReady
        case SpeechEngineError.queueFull(_, let wait): self = .serverBusy(wait: wait)
        case SpeechEngineError.shuttingDown: self = .shuttingDown
        default: self = .speechFailed(reason: String(describing: error))
        }
    }
}
