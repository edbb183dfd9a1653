import Foundation
import Synchronization

/// What the server is speaking and has spoken, for `/status`: requests over HTTP, WebSocket and of jobs alike. It keeps
/// the first characters of each text, and no more.
package final class RequestLog: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case initializing, processingText = "processing_text", generatingAudio = "generating_audio", completed, error
    }

    package struct Record: Sendable {
        package var id: String
        var state: State
        var start: Date
        var end: Date?
        var textLength: Int
        var textPreview: String
        /// A voice's name, or "uploaded file".
        var voiceSource: String
        var parameters: [String: JSONValue]
        var currentChunk = 0
        /// Seconds of speech so far.
        var audioDuration = 0.0
        /// What it will be, by the text's length.
        var expectedDuration: Double
        var errorMessage: String?
        var memoryMb: Double?

        func duration(at now: Date) -> Double { (end ?? now).timeIntervalSince(start) }
        var progress: Double { min(99, audioDuration / expectedDuration * 100) }

        /// When it will be done, at the pace so far.
        func estimatedCompletion(at now: Date) -> Date? {
            guard end == nil, audioDuration > 0 else { return nil }
            return start + duration(at: now) * max(1, expectedDuration / audioDuration)
        }
    }

    struct Statistics: Sendable {
        var total = 0
        var completed = 0
        var failed = 0
        var duration = 0.0
        var textLength = 0
        /// Seconds of speech.
        var audio = 0.0
    }

    private struct Contents {
        var running: [Record] = []
        var history: [Record] = []
        var statistics = Statistics()
    }

    static let maxHistory = 100
    private static let previewLength = 100
    private let contents = Mutex(Contents())

    package init() {}

    /// Of the request that has run longest, and the others.
    var running: [Record] { contents.withLock { $0.running } }
    /// The newest first.
    var history: [Record] { contents.withLock { $0.history } }
    /// Seconds that a second of speech has taken on average; nil as long as nobody knows.
    var pace: Double? {
        let statistics = statistics
        return statistics.audio > 0 ? statistics.duration / statistics.audio : nil
    }
    var statistics: Statistics { contents.withLock { $0.statistics } }

    /// - Parameter wanted: its id, unless another request has it.
    /// - Returns: the id by which it is known.
    func begin(
        id wanted: String, text: String, voiceSource: String, parameters: [String: JSONValue]
    ) -> String {
        let length = text.unicodeScalars.count
        let preview = String(text.prefix(Self.previewLength))
        var record = Record(
            id: wanted, state: .processingText, start: Date(), textLength: length,
            textPreview: preview.count < text.count ? preview + "..." : preview, voiceSource: voiceSource,
            parameters: parameters,
            // People speak some 15 characters a second.
            expectedDuration: max(0.5, Double(length) / 15))
        return contents.withLock { contents in
            var number = 1
            while contents.running.contains(where: { $0.id == record.id }) {
                number += 1
                record.id = "\(wanted)-\(number)"
            }
            contents.running.append(record)
            contents.statistics.total += 1
            return record.id
        }
    }

    /// Tells that a chunk was made.
    func chunk(_ id: String, audioDuration: Double) {
        contents.withLock { contents in
            guard let index = contents.running.firstIndex(where: { $0.id == id }) else { return }
            contents.running[index].state = .generatingAudio
            contents.running[index].currentChunk += 1
            contents.running[index].audioDuration = audioDuration
        }
    }

    /// - Parameter error: what the client was told, nil if all was spoken. Only the first call for an id counts.
    func end(_ id: String, error: String? = nil) {
        let memory = Health.Memory.current().cpuMemoryMb
        contents.withLock { contents in
            guard let index = contents.running.firstIndex(where: { $0.id == id }) else { return }
            var record = contents.running.remove(at: index)
            record.end = Date()
            record.state = error == nil ? .completed : .error
            record.errorMessage = error
            record.memoryMb = memory
            contents.history.insert(record, at: 0)
            if contents.history.count > Self.maxHistory { contents.history.removeLast() }
            if error == nil {
                contents.statistics.completed += 1
                contents.statistics.duration += record.duration(at: Date())
                contents.statistics.textLength += record.textLength
                contents.statistics.audio += record.audioDuration
            } else {
                contents.statistics.failed += 1
            }
        }
    }

    func clearHistory() { contents.withLock { $0.history = [] } }

    func resetStatistics() -> Int {
        contents.withLock { contents in
            defer { contents.statistics = Statistics() }
            return contents.statistics.total
        }
    }
}
