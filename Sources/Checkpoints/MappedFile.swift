import Foundation

/// A file's bytes, mapped read-only: they take memory once they are touched, until they are forgotten.
///
/// `@unchecked Sendable`: `bytes` is set once; the pages are mapped read-only, so threads can only read them together, and
/// forgetting them changes nothing that is read; they are unmapped when the last holder lets go.
public final class MappedFile: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer

    /// - Throws: `CheckpointError.unreadable`.
    init(_ url: URL) throws(CheckpointError) {
        func unreadable() -> CheckpointError {
            .unreadable(file: url.lastPathComponent, reason: String(cString: strerror(errno)))
        }
        let file = open(url.path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw unreadable() }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw unreadable() }
        guard status.st_size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, file, 0), start != MAP_FAILED else {
            throw unreadable()
        }
        bytes = UnsafeRawBufferPointer(start: start, count: Int(status.st_size))
    }

    /// All bytes; the file stays mapped as long as this or a part of it is held.
    var contents: Data {
        guard let start = bytes.baseAddress else { return Data() }
        return Data(
            bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: bytes.count,
            deallocator: .custom { [self] _, _ in withExtendedLifetime(self) {} })
    }

    /// Gives back the memory of the pages that a range lies on. Whoever reads them again gets them from the file again, so
    /// it does no harm to what else is on them.
    func forget(_ range: Range<Int>) {
        guard let start = bytes.baseAddress, !range.isEmpty else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let first = range.lowerBound / page * page
        madvise(UnsafeMutableRawPointer(mutating: start + first), range.upperBound - first, MADV_DONTNEED)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}
