/// What can go wrong with voices and jobs. Each says what is allowed or what to do.
public enum LibraryError: Error, Sendable, Equatable {
    /// A value that a client may not send.
    case invalid(field: String, value: String, allowed: String)
    case tooLarge(field: String, byteCount: Int, maximum: Int)

    case unknownVoice(String)
    case unknownAlias(String, voice: String)
    /// A name or an alias that is in use already: by `voice`, as its name or as its alias.
    case nameTaken(String, voice: String, asAlias: Bool)
    /// The voice is known, its file is gone.
    case missingRecording(voice: String, path: String)
    /// A folder to import that holds no library.
    case notALibrary(folder: String, problem: String)

    case unknownJob(String)
    case unknownChunk(Int, job: String)
    /// What a job can't do in the state it is in.
    case impossible(JobAction, job: String, state: JobState, possible: [JobAction])
    /// The job was taken from this worker: paused, ended, or claimed by another since.
    case claimLost(job: String)
    /// A job that can't be completed while chunks are missing.
    case unfinishedChunks([Int], job: String)
    /// The result of a job is gone from the disk, or isn't made yet.
    case missingFile(job: String, path: String)
    /// Another process works on the jobs of this folder.
    case inUse(folder: String)

    case disk(path: String, problem: String)
    case database(path: String, problem: String)
    /// Written by a newer version of this program.
    case newerDatabase(path: String)
}

extension LibraryError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalid(let field, let value, let allowed):
            "\(field) is \"\(value.count > 60 ? value.prefix(60) + "…" : value)\", but must be \(allowed)."
        case .tooLarge(let field, let count, let maximum):
            "\(field) has \(count) bytes; at most \(maximum) are allowed."
        case .unknownVoice(let name): "Voice \"\(name)\" not found."
        case .unknownAlias(let alias, let voice): "Voice \"\(voice)\" has no alias \"\(alias)\"."
        case .nameTaken(let name, let voice, false):
            name == voice
                ? "Voice \"\(name)\" already exists."
                : "\"\(name)\" is taken by voice \"\(voice)\"; capital and small letters count as the same."
        case .nameTaken(let name, let voice, true): "\"\(name)\" is already an alias of voice \"\(voice)\"."
        case .missingRecording(let voice, let path):
            "The recording of voice \"\(voice)\" is gone: \(path). Put it back, or clean up and add the voice anew."
        case .notALibrary(let folder, let problem): "\(folder) is not a voice library: \(problem)."
        case .unknownJob(let id): "Job \(id) not found."
        case .unknownChunk(let index, let job): "Job \(job) has no chunk \(index)."
        case .impossible(let action, let job, let state, let possible):
            "Cannot \(action.rawValue) job \(job) in \(state.rawValue) state; possible: "
                + (possible.filter(\.isForClients).map(\.rawValue) + ["delete"]).joined(separator: ", ") + "."
        case .claimLost(let job): "Job \(job) was paused, ended or taken by another worker meanwhile."
        case .unfinishedChunks(let chunks, let job):
            "Job \(job) can't be completed: \(chunks.count) of its chunks have no audio, the first is \(chunks.first ?? 0)."
        case .missingFile(let job, let path): "The audio of job \(job) isn't there: \(path)."
        case .inUse(let folder):
            "Another process works on the jobs in \(folder). Stop it, or name another folder in LONG_TEXT_DATA_DIR."
        case .disk(let path, let problem): "\(path): \(problem)."
        case .database(let path, let problem): "Database \(path): \(problem)."
        case .newerDatabase(let path):
            "\(path) was written by a newer version of this program. Use that version, or another folder."
        }
    }
}
