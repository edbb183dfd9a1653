import Foundation

/// The folder layout of huggingface_hub, so that either can read what the other has fetched:
/// `models--owner--name/` with `blobs/` by hash, `snapshots/commit/file` linking to them, and `refs/main`.
public struct HubCache: Sendable {
    public let folder: URL

    public init(folder: URL) { self.folder = folder }

    func repository(_ name: String) -> Repository {
        Repository(cache: folder, name: "models--" + name.split(separator: "/").joined(separator: "--"))
    }

    struct Repository: Sendable {
        let cache: URL
        let name: String

        var folder: URL { cache.appendingPathComponent(name, isDirectory: true) }
        var blobs: URL { folder.appendingPathComponent("blobs", isDirectory: true) }
        func blob(_ etag: String) -> URL { blobs.appendingPathComponent(etag) }
        func incomplete(_ etag: String) -> URL { blobs.appendingPathComponent(etag + ".incomplete") }
        func snapshot(_ commit: String) -> URL {
            folder.appendingPathComponent("snapshots", isDirectory: true).appendingPathComponent(
                commit, isDirectory: true)
        }
        var reference: URL { folder.appendingPathComponent("refs/main") }
        func lock(_ etag: String) -> URL { cache.appendingPathComponent(".locks/\(name)/\(etag).lock") }

        /// The commit that `refs/main` names.
        var commit: String? {
            guard let text = try? String(contentsOf: reference, encoding: .utf8) else { return nil }
            let commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
            return HubFile.isCommit(commit) ? commit : nil
        }

        /// Puts a blob under its name in a snapshot: a relative link, or a copy where links can't be made.
        func link(_ etag: String, as file: String, commit: String) throws(HubError) {
            let target = snapshot(commit).appendingPathComponent(file)
            do {
                try FileManager.default.createDirectory(
                    at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
                // made beside and moved, so that the name never leads nowhere
                let fresh = target.deletingLastPathComponent().appendingPathComponent(".\(UUID().uuidString)")
                try FileManager.default.createSymbolicLink(
                    atPath: fresh.path, withDestinationPath: "../../blobs/" + etag)
                try DiskFile.rename(fresh, to: target)
            } catch let error as HubError {
                throw error
            } catch {
                throw .disk(path: target.path, problem: error.localizedDescription)
            }
        }

        /// Makes the commit the one that `main` is, after all its files are there.
        func setCommit(_ commit: String) throws(HubError) {
            if self.commit == commit { return }
            do {
                try FileManager.default.createDirectory(
                    at: reference.deletingLastPathComponent(), withIntermediateDirectories: true)
                // atomic: as a whole or not at all; no newline, as huggingface_hub reads it
                try Data(commit.utf8).write(to: reference, options: .atomic)
            } catch {
                throw .disk(path: reference.path, problem: error.localizedDescription)
            }
        }

        /// The size of a file in a snapshot, nil if it isn't there.
        func size(of file: String, commit: String) -> Int64? {
            DiskFile.size(snapshot(commit).appendingPathComponent(file))
        }
    }

    /// What is here of an official model.
    public struct State: Sendable {
        public let model: HubModel
        /// The snapshot's folder; nil if nothing was pulled yet.
        public let folder: URL?
        /// Bytes of the files that are here.
        public let byteCount: Int64
        /// Files that aren't, by their first name.
        public let missing: [String]
        public var isComplete: Bool { folder != nil && missing.isEmpty }
    }

    /// The newest snapshot that has all files, else the one that `main` names: models that share a repository may have
    /// been pulled at different commits.
    public func state(of model: HubModel) -> State {
        let repository = repository(model.repository)
        let states = repository.snapshots.map { state(of: model, repository, $0) }
        return states.first(where: \.isComplete) ?? states.first
            ?? State(model: model, folder: nil, byteCount: 0, missing: model.files.map { $0[0] })
    }

    private func state(of model: HubModel, _ repository: Repository, _ commit: String) -> State {
        var byteCount: Int64 = 0
        var missing: [String] = []
        for names in model.files {
            if let size = names.lazy.compactMap({ repository.size(of: $0, commit: commit) }).first {
                byteCount += size
            } else {
                missing.append(names[0])
            }
        }
        let isEmpty = missing.count == model.files.count
        return State(
            model: model, folder: isEmpty ? nil : repository.snapshot(commit), byteCount: byteCount, missing: missing)
    }

    /// The folder of a complete model.
    /// - Throws: `HubError.notPulled`.
    public func modelFolder(_ model: HubModel) throws(HubError) -> URL {
        let state = state(of: model)
        guard let folder = state.folder else { throw .notPulled(name: model.rawValue, missing: []) }
        guard state.missing.isEmpty else { throw .notPulled(name: model.rawValue, missing: state.missing) }
        return folder
    }
}

extension HubCache.Repository {
    /// Commits of which files are here: that of `main`, then the others from the newest.
    fileprivate var snapshots: [String] {
        let folder = folder.appendingPathComponent("snapshots")
        let commits = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let sorted = commits.filter(HubFile.isCommit).sorted {
            DiskFile.changed(snapshot($0)) > DiskFile.changed(snapshot($1))
        }
        guard let commit, sorted.contains(commit) else { return sorted }
        return [commit] + sorted.filter { $0 != commit }
    }
}
