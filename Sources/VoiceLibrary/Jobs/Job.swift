import Foundation
import GRDB

/// A long text that is spoken in the background. Its text is apart: `JobStore.text(of:)`.
public struct Job: Sendable, Equatable, Identifiable {
    /// A UUID in small letters.
    public let id: String
    public let state: JobState
    /// How often a worker took it: tells a worker's claim from a later one.
    public let claim: Int
    public let displayName: String?
    /// The first 100 characters of the text, and `...` if there are more.
    public let textPreview: String
    public let textLength: Int
    /// SHA-256 of the text, hexadecimal.
    public let textHash: String

    public let createdAt: Date
    public let updatedAt: Date
    /// When a worker took it first.
    public let startedAt: Date?
    public let pausedAt: Date?
    /// When it was completed, failed or cancelled.
    public let completedAt: Date?
    /// When somebody asked for its details or its audio last.
    public let lastAccessedAt: Date?

    /// What the client called the voice.
    public let voice: String?
    /// The job's own copy of the recording to clone from: the voice may be changed or deleted meanwhile. Nil if there is
    /// none, and once the job is completed.
    public let recordingURL: URL?
    /// As `mp3`.
    public let responseFormat: String
    /// A JSON object.
    public let parameters: String
    public let sessionID: String?
    /// Whose it is; nil is nobody's in particular.
    public let owner: String?
    public let error: String?
    public let isArchived: Bool
    public let tags: [String]
    /// How many jobs this one is the retry of, one after the other.
    public let retryCount: Int
    public let originalJobID: String?

    public let progress: JobProgress
    /// Seconds that making its chunks took.
    public let processingSeconds: Double
    /// Of the result; nil before it is completed, as all that follows.
    public let audioSeconds: Double?
    public let outputURL: URL?
    public let outputSizeBytes: Int?

    /// Decodes the parameters.
    public func parameters<Value: Decodable>(as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(parameters.utf8))
    }
}

/// How far a job is.
public struct JobProgress: Sendable, Equatable {
    /// 0 before the text is cut into chunks.
    public let totalChunks: Int
    public let completedChunks: Int
    /// The chunk that is being made.
    public let currentChunk: Int?
    /// By the seconds that a character of the finished chunks took; nil before the first, and after the end.
    public let remainingSeconds: Double?

    /// 0…100.
    public var percent: Double { totalChunks == 0 ? 0 : Double(completedChunks) / Double(totalChunks) * 100 }
}

/// A part of a job's text, which becomes one file of sound.
public struct JobChunk: Sendable, Equatable {
    public enum State: String, Sendable, Codable, CaseIterable { case pending, processing, completed, failed }

    /// From 0.
    public let index: Int
    public let text: String
    /// Silence to put after it.
    public let pauseAfterMs: Int
    public let state: State
    /// Nil before it is made. The file goes when the job is completed.
    public let audioURL: URL?
    public let sampleCount: Int?
    /// What making it took.
    public let seconds: Double?
    public let error: String?
    public let startedAt: Date?
    public let completedAt: Date?
}

/// A chunk that a job is made with.
public struct NewChunk: Sendable, Equatable {
    public var text: String
    public var pauseAfterMs: Int

    public init(text: String, pauseAfterMs: Int = 0) {
        self.text = text
        self.pauseAfterMs = pauseAfterMs
    }
}

/// What a job is made of.
public struct NewJob: Sendable {
    /// A recording to clone from. The job keeps a copy.
    public struct Recording: Sendable {
        public var bytes: Data
        /// Without the dot.
        public var fileExtension: String

        public init(bytes: Data, fileExtension: String) {
            self.bytes = bytes
            self.fileExtension = fileExtension
        }
    }

    public var text: String
    /// Empty if a worker is to cut the text.
    public var chunks: [NewChunk] = []
    public var displayName: String?
    public var voice: String?
    public var recording: Recording?
    public var responseFormat = "mp3"
    /// A JSON object.
    public var parameters = "{}"
    public var sessionID: String?
    /// Whose it is; a retry is the same one's.
    public var owner: String?
    public var tags: [String] = []

    public init(text: String) { self.text = text }
}
