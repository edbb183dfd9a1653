/// Where a job is.
public enum JobState: String, Sendable, Codable, CaseIterable {
    case pending, chunking, processing, paused, completed, failed, cancelled

    /// Nothing happens to it any more, unless it is tried again.
    public var isFinal: Bool { self == .completed || self == .failed || self == .cancelled }
}

/// What can be done to a job.
public enum JobAction: String, Sendable, CaseIterable {
    /// A worker takes a job whose text isn't cut into chunks yet.
    case chunk
    /// A worker takes a job whose chunks are there, or has cut them.
    case process
    /// A chunk's sound is there.
    case finishChunk = "finish a chunk of"
    case pause, resume, cancel, complete, fail
    /// The worker is gone.
    case interrupt
    /// A new job with the same text.
    case retry

    /// The others are for workers and for the start.
    public var isForClients: Bool { [.pause, .resume, .cancel, .retry].contains(self) }
}

extension JobState {
    /// The one place that says what leads where.
    /// - Returns: the state after an action; nil if it can't be done.
    public func after(_ action: JobAction) -> JobState? {
        switch (self, action) {
        case (.pending, .chunk): .chunking
        case (.pending, .process), (.chunking, .process): .processing
        // A worker from before a pause may keep what it had all but done.
        case (.processing, .finishChunk), (.paused, .finishChunk), (.pending, .finishChunk): self
        case (.pending, .pause), (.chunking, .pause), (.processing, .pause): .paused
        case (.paused, .resume): .pending
        case (.pending, .cancel), (.chunking, .cancel), (.processing, .cancel), (.paused, .cancel): .cancelled
        case (.processing, .complete): .completed
        case (.chunking, .fail), (.processing, .fail): .failed
        case (.chunking, .interrupt), (.processing, .interrupt): .pending
        // Of the new job.
        case (.failed, .retry), (.cancelled, .retry): .pending
        default: nil
        }
    }

    /// What can be done now.
    public var possibleActions: [JobAction] { JobAction.allCases.filter { after($0) != nil } }
}
