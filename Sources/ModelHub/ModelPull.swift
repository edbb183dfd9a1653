import Foundation

/// Gets an official model from the hub into the cache: what is there is kept, what was begun goes on.
public struct ModelPull: Sendable {
    public enum Event: Sendable, Equatable {
        /// What the pull is about: bytes of all files, and of those that are here in whole or in part.
        case plan(commit: String, fileCount: Int, byteCount: Int64, present: Int64)
        /// A file's turn; `present` bytes of it are here.
        case file(name: String, byteCount: Int64, present: Int64)
        /// Bytes that arrived; less than none if they were thrown away.
        case advanced(Int64)
        /// A file is whole and checked.
        case finished(name: String)
        case retrying(reason: String, seconds: Double)
        /// Another process is fetching the same file.
        case waitingForOther(name: String)
    }

    public let model: HubModel
    public let settings: HubSettings
    private let onEvent: @Sendable (Event) -> Void

    public init(_ model: HubModel, settings: HubSettings, onEvent: @escaping @Sendable (Event) -> Void) {
        self.model = model
        self.settings = settings
        self.onEvent = onEvent
    }

    /// - Returns: the folder with the model's files.
    /// - Throws: `HubError`, `CancellationError`. Everything that arrived whole stays, and so do beginnings.
    public func run() async throws -> URL {
        guard !settings.isOffline else { throw HubError.offline }
        let onEvent = onEvent
        return try await HubTransport.with(settings) { transport in
            let client = HubClient(settings: settings, transport: transport) { reason, seconds in
                onEvent(.retrying(reason: reason, seconds: seconds))
            }
            return try await run(client)
        }
    }

    private func run(_ client: HubClient) async throws -> URL {
        let repository = HubCache(folder: settings.cache).repository(model.repository)
        let listing = try await client.listing(model.repository)
        let names = try chosen(listing.files, commit: listing.commit)
        var files: [HubFile] = []
        for name in names {
            files.append(try await client.file(name, model.repository, commit: listing.commit))
        }
        try prepare(repository, files, commit: listing.commit)
        for file in files { try await fetch(file, client, repository) }
        try repository.setCommit(listing.commit)
        return repository.snapshot(listing.commit)
    }

    private func chosen(_ there: Set<String>, commit: String) throws(HubError) -> [String] {
        var chosen: [String] = []
        var missing: [String] = []
        for names in model.files {
            if let name = names.first(where: there.contains) {
                chosen.append(name)
            } else {
                missing.append(names.joined(separator: " or "))
            }
        }
        guard missing.isEmpty else { throw .missingFiles(missing, repository: model.repository, commit: commit) }
        return chosen
    }

    /// Makes the folders and sees to it that there is room.
    private func prepare(_ repository: HubCache.Repository, _ files: [HubFile], commit: String) throws {
        do {
            try FileManager.default.createDirectory(at: repository.blobs, withIntermediateDirectories: true)
        } catch {
            throw HubError.disk(path: repository.blobs.path, problem: error.localizedDescription)
        }
        let byteCount = files.reduce(0) { $0 + $1.byteCount }
        let present = files.reduce(Int64(0)) { $0 + presentBytes($1, repository) }
        onEvent(.plan(commit: commit, fileCount: files.count, byteCount: byteCount, present: present))
        if let free = DiskFile.freeBytes(at: repository.blobs.path), free < byteCount - present {
            throw HubError.diskFull(
                path: repository.cache.path, neededBytes: byteCount - present, freeBytes: free)
        }
    }

    private func presentBytes(_ file: HubFile, _ repository: HubCache.Repository) -> Int64 {
        if DiskFile.size(repository.blob(file.etag)) == file.byteCount { return file.byteCount }
        return min(DiskFile.size(repository.incomplete(file.etag)) ?? 0, file.byteCount)
    }

    private func fetch(_ file: HubFile, _ client: HubClient, _ repository: HubCache.Repository) async throws {
        do {
            try await fetchOnce(file, client, repository)
        } catch HubError.corrupt {
            // The file may have changed since the hub was asked; what it says now decides.
            let now = try await client.file(file.name, model.repository, commit: file.commit)
            try await fetchOnce(now, client, repository)
        }
    }

    private func fetchOnce(_ file: HubFile, _ client: HubClient, _ repository: HubCache.Repository) async throws {
        let lock = try await FileLock(repository.lock(file.etag)) { onEvent(.waitingForOther(name: file.name)) }
        defer { withExtendedLifetime(lock) {} }
        if DiskFile.size(repository.blob(file.etag)) == file.byteCount {
            onEvent(.file(name: file.name, byteCount: file.byteCount, present: file.byteCount))
        } else {
            let download = BlobDownload(
                client: client, repositoryName: model.repository, repository: repository, onEvent: onEvent)
            try await download.run(file)
        }
        try repository.link(file.etag, as: file.name, commit: file.commit)
        onEvent(.finished(name: file.name))
    }
}
