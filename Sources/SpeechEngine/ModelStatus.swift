/// What a server tells of a model that may be asked for.
public struct ModelStatus: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        case loaded, loading, unloaded
    }

    public var name: String
    public var isDefault: Bool
    public var state: State
    /// What it takes in memory while it is loaded, at most, by estimate; 0 if that isn't known.
    public var byteCount: Int64
    /// Codes.
    public var languages: [String]
    /// Names; empty while it isn't loaded.
    public var voices: [String]
    /// Whether it makes voices of recordings.
    public var canClone: Bool
    /// Requests that it speaks or that wait for it.
    public var activeRequests: Int
    /// Why it couldn't be loaded when that was last tried; nil if it could, or nobody tried.
    public var failure: String?

    public init(
        name: String, isDefault: Bool, state: State, byteCount: Int64 = 0, languages: [String] = ["en"],
        voices: [String] = [], canClone: Bool = false, activeRequests: Int = 0, failure: String? = nil
    ) {
        self.name = name
        self.isDefault = isDefault
        self.state = state
        self.byteCount = byteCount
        self.languages = languages
        self.voices = voices
        self.canClone = canClone
        self.activeRequests = activeRequests
        self.failure = failure
    }
}
