import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Files that are whole or not there, whenever the process is killed or the power goes.
enum Disk {
    /// What a file is called while it is written: hidden, and known as ours.
    static let draftSuffix = ".part"

    /// Writes a file under a temporary name beside it, waits until it is on the disk, then gives it its name.
    /// - Throws: `LibraryError.disk`.
    static func write(_ bytes: Data, to url: URL) throws(LibraryError) {
        let draft = url.deletingLastPathComponent().appending(path: ".\(url.lastPathComponent)\(draftSuffix)")
        let descriptor = open(draft.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .disk(path: draft.path, problem: lastProblem) }
        let problem = bytes.withUnsafeBytes { problemOfWriting($0, to: descriptor) }
        close(descriptor)
        if let problem {
            unlink(draft.path)
            throw .disk(path: url.path, problem: problem)
        }
        do {
            try move(draft, to: url)
        } catch {
            unlink(draft.path)
            throw error
        }
    }

    /// Gives a file that some other code wrote its name, once it is on the disk.
    /// - Throws: `LibraryError.disk`.
    static func keep(_ draft: URL, as url: URL) throws(LibraryError) {
        let descriptor = open(draft.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .disk(path: draft.path, problem: lastProblem) }
        let isOnDisk = fsync(descriptor) == 0
        let problem = lastProblem
        close(descriptor)
        guard isOnDisk else { throw .disk(path: draft.path, problem: problem) }
        try move(draft, to: url)
    }

    /// Makes a second name for a file that never changes; a copy where the file system has no such thing.
    /// - Throws: `LibraryError.disk`.
    static func duplicate(_ source: URL, to target: URL) throws(LibraryError) {
        if link(source.path, target.path) == 0 {
            synchronizeFolder(of: target)
            return
        }
        try write(try read(source), to: target)
    }

    /// - Throws: `LibraryError.disk`.
    static func read(_ url: URL) throws(LibraryError) -> Data {
        do {
            return try Data(contentsOf: url)
        } catch {
            throw .disk(path: url.path, problem: problem(of: error))
        }
    }

    /// Removes a file; nothing happens if there is none.
    /// - Throws: `LibraryError.disk`.
    static func remove(_ url: URL) throws(LibraryError) {
        guard unlink(url.path) == 0 || errno == ENOENT else { throw .disk(path: url.path, problem: lastProblem) }
    }

    /// Makes a folder and those above it.
    /// - Throws: `LibraryError.disk`.
    static func makeFolder(_ url: URL) throws(LibraryError) {
        do {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        } catch {
            throw .disk(path: url.path, problem: problem(of: error))
        }
    }

    /// Removes a folder with all in it; nothing happens if there is none.
    /// - Throws: `LibraryError.disk`.
    static func removeFolder(_ url: URL) throws(LibraryError) {
        guard FileManager.default.fileExists(atPath: url.path) else { return }
        do {
            try FileManager.default.removeItem(at: url)
        } catch {
            throw .disk(path: url.path, problem: problem(of: error))
        }
    }

    /// Names of what is in a folder, in order.
    /// - Throws: `LibraryError.disk`.
    static func names(in folder: URL) throws(LibraryError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        } catch {
            throw .disk(path: folder.path, problem: problem(of: error))
        }
    }

    /// Bytes of a regular file, or of the one that a link leads to; nil if there is none.
    static func size(_ url: URL) -> Int? {
        var status = stat()
        guard stat(url.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    /// When a file was written last; nil if there is none.
    static func changed(_ url: URL) -> Date? {
        var status = stat()
        guard stat(url.path, &status) == 0 else { return nil }
        #if canImport(Darwin)
            return Date(timeIntervalSince1970: TimeInterval(status.st_mtimespec.tv_sec))
        #else
            return Date(timeIntervalSince1970: TimeInterval(status.st_mtim.tv_sec))
        #endif
    }

    private static func problemOfWriting(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> String? {
        var written = 0
        while written < bytes.count {
            let count = Self.systemWrite(descriptor, bytes.baseAddress! + written, bytes.count - written)
            if count < 0 {
                if errno == EINTR { continue }
                return lastProblem
            }
            written += count
        }
        return fsync(descriptor) == 0 ? nil : lastProblem
    }

    private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
        #if canImport(Darwin)
            Darwin.write(descriptor, bytes, count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes, count)
        #else
            Glibc.write(descriptor, bytes, count)
        #endif
    }

    private static func move(_ source: URL, to target: URL) throws(LibraryError) {
        guard rename(source.path, target.path) == 0 else { throw .disk(path: target.path, problem: lastProblem) }
        synchronizeFolder(of: target)
    }

    /// A name is on the disk when its folder is. Some file systems can't promise that; then nothing more can be done.
    private static func synchronizeFolder(of url: URL) {
        let descriptor = open(url.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static var lastProblem: String { String(cString: strerror(errno)) }

    private static func problem(of error: any Error) -> String {
        let error = error as NSError
        if let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError, cause.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(cause.code)))
        }
        return error.localizedDescription
    }
}

/// A folder that only one process may have; goes with the process.
final class FolderLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `LibraryError.inUse`, `.disk`.
    init(_ folder: URL) throws(LibraryError) {
        let path = folder.appending(path: ".lock").path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .disk(path: path, problem: String(cString: strerror(errno))) }
        // From here on deinit closes it, also when this throws.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw errno == EWOULDBLOCK
                ? .inUse(folder: folder.path) : .disk(path: path, problem: String(cString: strerror(errno)))
        }
    }

    deinit { close(descriptor) }
}

/// Work on files that takes a while, kept off the threads that all tasks share.
func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global(qos: .userInitiated).async { continuation.resume(with: Result(catching: work)) }
    }
}
