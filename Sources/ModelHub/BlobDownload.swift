import Foundation
import NIOCore

/// Fetches a blob into `.incomplete`, going on where an earlier attempt ended, and gives it its name once it is whole.
struct BlobDownload {
    let client: HubClient
    let repositoryName: String
    let repository: HubCache.Repository
    let onEvent: @Sendable (ModelPull.Event) -> Void

    /// - Throws: `HubError.corrupt` if what arrived isn't what the hub promised; it is thrown away then.
    func run(_ file: HubFile) async throws {
        let place = repository.incomplete(file.etag)
        let disk = try DiskFile(place)
        var digest = file.makeDigest()
        if disk.byteCount > file.byteCount { try disk.empty() }
        onEvent(.file(name: file.name, byteCount: file.byteCount, present: disk.byteCount))
        if digest != nil { try disk.digest(&digest!) }
        let url = try client.fileURL(file.name, repositoryName, commit: file.commit)
        do {
            try await client.retry(url).run(progress: { disk.byteCount }) {
                guard disk.byteCount < file.byteCount || file.byteCount == 0 else { return }
                try await attempt(file, url, disk, &digest)
            }
            let found = digest?.finish()
            if let found, found != file.etag {
                throw HubError.corrupt(file: file.name, expected: "hash \(file.etag)", found: found)
            }
        } catch let error as HubError {
            if case .corrupt = error {
                onEvent(.advanced(-disk.byteCount))
                DiskFile.remove(place)
            }
            throw error
        }
        try disk.synchronize()
        try DiskFile.rename(place, to: repository.blob(file.etag))
    }

    /// One request for what is missing.
    private func attempt(_ file: HubFile, _ url: URL, _ disk: DiskFile, _ digest: inout Digest?) async throws {
        let start = disk.byteCount
        let answer = try await client.transport.follow(
            .GET, url, headers: start > 0 ? [("Range", "bytes=\(start)-")] : [])
        func restart() throws {
            onEvent(.advanced(-disk.byteCount))
            try disk.empty()
            digest = file.makeDigest()
        }
        if answer.status == 416 {
            try restart()
            throw Retry.Passing(reason: "the server couldn't go on from byte \(start)")
        }
        try client.check(answer, repositoryName, file: file.name, commit: file.commit)
        if answer.status == 206 {
            guard let range = ContentRange(answer.headers.first(name: "Content-Range")), range.start == start else {
                try restart()
                throw Retry.Passing(reason: "the server went on from another byte than \(start)")
            }
            try expect(file, range.total)
        } else {
            // the server sends all of it
            if start > 0 { try restart() }
            try expect(file, answer.headers.first(name: "Content-Length").flatMap(Int64.init))
        }
        for try await part in answer.body {
            guard disk.byteCount + Int64(part.readableBytes) <= file.byteCount else {
                throw HubError.corrupt(
                    file: file.name, expected: "\(file.byteCount) bytes", found: "more")
            }
            try part.withUnsafeReadableBytes { bytes throws(HubError) in
                try disk.append(bytes, stillNeeded: file.byteCount - disk.byteCount)
                digest?.update(bytes)
            }
            onEvent(.advanced(Int64(part.readableBytes)))
        }
        guard disk.byteCount == file.byteCount else {
            throw Retry.Passing(reason: "the connection was cut at \(disk.byteCount) of \(file.byteCount) bytes")
        }
    }

    private func expect(_ file: HubFile, _ total: Int64?) throws {
        guard let total, total != file.byteCount else { return }
        throw HubError.corrupt(file: file.name, expected: "\(file.byteCount) bytes", found: "\(total)")
    }
}

/// `bytes 5-9/10`
struct ContentRange: Equatable {
    var start: Int64
    /// Nil if it isn't known.
    var total: Int64?

    init?(_ header: String?) {
        guard let header, header.hasPrefix("bytes ") else { return nil }
        let parts = header.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let start = parts[0].split(separator: "-").first.flatMap({ Int64($0) }) else {
            return nil
        }
        self.start = start
        total = Int64(parts[1])
        if total == nil, parts[1] != "*" { return nil }
    }
}
