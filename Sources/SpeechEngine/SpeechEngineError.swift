/// Why a request or the engine itself can't go on.
public enum SpeechEngineError: Error, Sendable, Equatable {
    /// `field` is the parameter's name in the protocol.
    case outOfRange(field: String, value: String, allowed: String)
    case unknownVoice(name: String, available: [String])
    /// The model has only the voices that came with it.
    case cloningUnsupported(model: String)
    /// No voice can be made of the request's recording.
    case unusableRecording(reason: String)
    case unknownModel(name: String, available: [String])
    /// The models in use leave no room in the memory budget.
    case noRoomForModel(name: String, neededBytes: Int64, budgetBytes: Int64, inUse: [String])
    /// The model's files can't be loaded; `reason` says what to mend.
    case modelNotLoadable(name: String, reason: String)
    case unknownLanguage(name: String, available: [String])
    /// The text is written in a way that this build can't read in its language; `reason` says how it can.
    case unreadableText(reason: String)
    /// Nothing in the text can be spoken.
    case emptyText
    /// All places are taken and `limit` requests wait already, for `wait` seconds and more if that is known.
    case queueFull(limit: Int, wait: Double? = nil)
    case notReady
    case shuttingDown
    /// The request was cancelled by the client.
    case cancelled
}

extension SpeechEngineError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .outOfRange(let field, let value, let allowed):
            "\(field) is \(value), allowed is \(allowed)"
        case .unknownVoice(let name, let available):
            "unknown voice '\(name)', available are \(available.joined(separator: ", "))"
        case .cloningUnsupported(let model):
            "the model \(model) can't make voices of recordings; choose one of its own"
        case .unusableRecording(let reason): reason
        case .unknownModel(let name, let available):
            "unknown model '\(name)', available are \(available.joined(separator: ", "))"
        case .noRoomForModel(let name, let needed, let budget, let inUse):
            "model '\(name)' needs \(needed >> 20) MiB of the \(budget >> 20) MiB that models may take"
                + (inUse.isEmpty ? "" : ", and \(inUse.joined(separator: ", ")) can't go; try again later")
        case .modelNotLoadable(let name, let reason): "model '\(name)' can't be loaded: \(reason)"
        case .unknownLanguage(let name, let available):
            "unknown language '\(name)', available are \(available.joined(separator: ", "))"
        case .unreadableText(let reason): reason
        case .emptyText: "the text has nothing that can be spoken"
        case .queueFull(let limit, let wait):
            "the server is busy: \(limit) requests wait already; try again in "
                + (wait.map { "\(Int($0.rounded(.up))) seconds" } ?? "a few seconds")
        case .notReady: "the model is still loading; try again in a few seconds"
        case .shuttingDown: "the server is shutting down"
        case .cancelled: "the request was cancelled"
        }
    }
}
