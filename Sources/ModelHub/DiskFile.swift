import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that is written at its end, with the system's errors told apart.
final class DiskFile {
    private let descriptor: Int32
    private let path: String
    private(set) var byteCount: Int64

    /// Opens a file for writing, or makes it.
    /// - Throws: `HubError.disk`.
    init(_ url: URL) throws(HubError) {
        path = url.path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .disk(path: path, problem: Self.lastError) }
        byteCount = Int64(lseek(descriptor, 0, SEEK_END))
    }

    /// - Throws: `HubError.diskFull`, `.disk`.
    func append(_ bytes: UnsafeRawBufferPointer, stillNeeded: Int64) throws(HubError) {
        var written = 0
        while written < bytes.count {
            let count = write(descriptor, bytes.baseAddress! + written, bytes.count - written)
            if count < 0 {
                if errno == EINTR { continue }
                let isFull = errno == ENOSPC || errno == EDQUOT || errno == EFBIG
                let problem = Self.lastError
                byteCount += Int64(written)
                if isFull {
                    throw .diskFull(path: path, neededBytes: stillNeeded, freeBytes: Self.freeBytes(at: path))
                }
                throw .disk(path: path, problem: problem)
            }
            written += count
        }
        byteCount += Int64(written)
    }

    func empty() throws(HubError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw .disk(path: path, problem: Self.lastError)
        }
        byteCount = 0
    }

    /// Puts what is in the file through a digest.
    func digest(_ digest: inout Digest) throws(HubError) {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset: Int64 = 0
        while offset < byteCount {
            let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
            guard count > 0 else { throw .disk(path: path, problem: count == 0 ? "it shrank" : Self.lastError) }
            buffer.withUnsafeBytes { digest.update(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
            offset += Int64(count)
        }
    }

    /// Waits until the data is on the disk.
    func synchronize() throws(HubError) {
        guard fsync(descriptor) == 0 else { throw .disk(path: path, problem: Self.lastError) }
    }

    deinit { close(descriptor) }

    fileprivate static var lastError: String { String(cString: strerror(errno)) }

    static func rename(_ source: URL, to target: URL) throws(HubError) {
        #if canImport(Darwin)
            let result = Darwin.rename(source.path, target.path)
        #elseif canImport(Musl)
            let result = Musl.rename(source.path, target.path)
        #else
            let result = Glibc.rename(source.path, target.path)
        #endif
        guard result == 0 else { throw .disk(path: target.path, problem: lastError) }
    }

    static func remove(_ url: URL) { unlink(url.path) }

    /// Of a file or what a link leads to; nil if there is none.
    static func size(_ url: URL) -> Int64? {
        var status = stat()
        guard stat(url.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }

    /// Seconds since 1970; 0 if there is nothing.
    static func changed(_ url: URL) -> Int {
        var status = stat()
        guard stat(url.path, &status) == 0 else { return 0 }
        #if canImport(Darwin)
            return Int(status.st_mtimespec.tv_sec)
        #else
            return Int(status.st_mtim.tv_sec)
        #endif
    }

    /// Bytes that a user may still write; nil if the system doesn't say.
    static func freeBytes(at path: String) -> Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }
}

/// A lock between processes, the same as huggingface_hub's: `flock` on a file of its own. Goes with the process.
final class FileLock {
    private let descriptor: Int32

    /// - Parameter onWait: called once if another process has the lock.
    /// - Throws: `HubError.disk`; `CancellationError`.
    init(_ url: URL, onWait: () -> Void) async throws {
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw HubError.disk(path: url.deletingLastPathComponent().path, problem: error.localizedDescription)
        }
        descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HubError.disk(path: url.path, problem: DiskFile.lastError) }
        var isFirst = true
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw HubError.disk(path: url.path, problem: DiskFile.lastError)
            }
            if isFirst { onWait() }
            isFirst = false
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    deinit { close(descriptor) }
}
