import Foundation
import Synchronization

/// Voices of recordings that came with a request: each is made once, kept for a while, and shared by all who send the same
/// recording. The models that make them are read when the first one is wanted.
public final class ClonedVoices: Sendable {
    /// One recording's voice, made by whoever comes first while the others wait.
    private final class Entry: Sendable {
        let voice = Mutex<VoiceConditionals?>(nil)
    }

    private struct State {
        /// By all of the recording's bytes: two recordings can't be taken for one another.
        var entries: [Data: Entry] = [:]
        /// The longest unused first.
        var order: [Data] = []
    }

    private let capacity: Int
    private let makeCloner: @Sendable () throws -> VoiceCloner
    private let cloner = Mutex<VoiceCloner?>(nil)
    private let state = Mutex(State())

    /// - Parameter capacity: Voices that are kept.
    public init(capacity: Int = 32, makeCloner: @escaping @Sendable () throws -> VoiceCloner) {
        self.capacity = max(capacity, 1)
        self.makeCloner = makeCloner
    }

    /// The voice of a media file; takes seconds the first time.
    /// - Throws: `AudioError` for the recording, `CheckpointError` for the models.
    public func voice(of recording: Data) throws -> VoiceConditionals {
        let entry = state.withLock { state in
            let entry = state.entries[recording] ?? Entry()
            state.entries[recording] = entry
            state.order.removeAll { $0 == recording }
            state.order.append(recording)
            if state.order.count > capacity { state.entries[state.order.removeFirst()] = nil }
            return entry
        }
        do {
            return try entry.voice.withLock { voice in
                if let voice { return voice }
                let made = try cloner.withLock { cloner in
                    let ready = try cloner ?? makeCloner()
                    cloner = ready
                    return ready
                }.voice(of: recording, name: "voice_audio")
                voice = made
                return made
            }
        } catch {
            // A recording that is no good isn't worth a place.
            state.withLock { state in
                state.entries[recording] = nil
                state.order.removeAll { $0 == recording }
            }
            throw error
        }
    }
}
