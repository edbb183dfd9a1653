import Foundation
import Synchronization

/// Voices of recordings that came with a request: each is made once, kept for a while, and shared by all who send the same
/// recording. The models that make them are read when the first one is wanted.
public final class ClonedVoices: Sendable {
    private let makeCloner: @Sendable () throws -> VoiceCloner
    private let cloner = Mutex<VoiceCloner?>(nil)
    /// By all of the recording's bytes: two recordings can't be taken for one another. One that is no good isn't worth a
    /// place.
    private let voices: RecentValues<Data, VoiceConditionals>

    /// - Parameter capacity: Voices that are kept.
    public init(capacity: Int = 32, makeCloner: @escaping @Sendable () throws -> VoiceCloner) {
        voices = RecentValues(capacity: capacity)
        self.makeCloner = makeCloner
    }

    /// The voice of a media file; takes seconds the first time.
    /// - Throws: `AudioError` for the recording, `CheckpointError` for the models.
    public func voice(of recording: Data) throws -> VoiceConditionals {
        try voices.value(of: recording) {
            try cloner.withLock { cloner in
                let ready = try cloner ?? makeCloner()
                cloner = ready
                return ready
            }.voice(of: recording, name: "voice_audio")
        }
    }
}
