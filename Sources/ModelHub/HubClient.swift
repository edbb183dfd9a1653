import Foundation
import NIOCore

/// The questions a pull asks of the hub.
struct HubClient: Sendable {
    let settings: HubSettings
    let transport: HubTransport
    let onWait: @Sendable (_ reason: String, _ seconds: Double) -> Void

    /// The commit that `main` is, and the files it has.
    func listing(_ repository: String) async throws -> (commit: String, files: Set<String>) {
        struct Listing: Decodable {
            struct File: Decodable { let rfilename: String }
            let sha: String
            let siblings: [File]
        }
        let url = try url("/api/models/\(repository)/revision/main")
        return try await retry(url).run {
            let answer = try await transport.follow(.GET, url)
            try check(answer, repository)
            let body = try await answer.body.collect(upTo: 8 << 20)
            guard let listing = try? JSONDecoder().decode(Listing.self, from: Data(body.readableBytesView)) else {
                throw HubError.unexpected(url: url.absoluteString, problem: "no JSON with sha and siblings")
            }
            guard HubFile.isCommit(listing.sha) else {
                throw HubError.unexpected(url: url.absoluteString, problem: "sha is \"\(listing.sha)\"")
            }
            return (listing.sha, Set(listing.siblings.map(\.rfilename)))
        }
    }

    /// What a file's headers say of it.
    func file(_ name: String, _ repository: String, commit: String) async throws -> HubFile {
        let url = try fileURL(name, repository, commit: commit)
        return try await retry(url).run {
            // Large files redirect to another host, and say before it what they are.
            let answer = try await transport.follow(.HEAD, url) { $0.headers.contains(name: "X-Linked-Etag") }
            try check(answer, repository, file: name, commit: commit)
            let headers = answer.headers
            guard let etag = HubFile.etag(headers.first(name: "X-Linked-Etag") ?? headers.first(name: "ETag")) else {
                throw HubError.unexpected(url: url.absoluteString, problem: "no ETag that names the file")
            }
            let size = headers.first(name: "X-Linked-Size") ?? headers.first(name: "Content-Length")
            guard let size, let byteCount = Int64(size), byteCount >= 0 else {
                throw HubError.unexpected(url: url.absoluteString, problem: "no size")
            }
            if let other = headers.first(name: "X-Repo-Commit"), other != commit {
                throw HubError.unexpected(url: url.absoluteString, problem: "the file is of commit \(other)")
            }
            return HubFile(name: name, commit: commit, etag: etag, byteCount: byteCount)
        }
    }

    func fileURL(_ name: String, _ repository: String, commit: String) throws -> URL {
        try url("/\(repository)/resolve/\(commit)/\(name)")
    }

    func retry(_ url: URL) -> Retry { Retry(settings, url: url, onWait: onWait) }

    /// - Throws: `HubError` for what stays as it is, `Retry.Passing` for what may pass.
    func check(_ answer: HubTransport.Answer, _ repository: String, file: String? = nil, commit: String = "") throws {
        let code = answer.headers.first(name: "X-Error-Code")
        switch answer.status {
        case 200..<300: return
        case 300..<400 where answer.headers.contains(name: "X-Linked-Etag"): return
        case 401 where code == "RepoNotFound":
            throw HubError.unknownRepository(repository, endpoint: settings.endpoint)
        case 401, 403:
            throw HubError.refused(
                repository: repository, page: "\(settings.endpoint)/\(repository)", sentToken: settings.token != nil)
        case 404:
            guard let file, code != "RepoNotFound" else {
                throw HubError.unknownRepository(repository, endpoint: settings.endpoint)
            }
            throw HubError.missingFiles([file], repository: repository, commit: commit)
        case 408, 425, 429, 500..<600:
            throw Retry.Passing(
                reason: "the server said \(answer.status)",
                retryAfter: answer.headers.first(name: "Retry-After").flatMap(Double.init))
        default:
            throw HubError.unexpected(url: answer.url.absoluteString, problem: "status \(answer.status)")
        }
    }

    private func url(_ path: String) throws -> URL {
        guard let url = URL(string: settings.endpoint + path) else {
            throw HubError.setting(name: "HF_ENDPOINT", value: settings.endpoint, allowed: "a URL")
        }
        return url
    }
}
