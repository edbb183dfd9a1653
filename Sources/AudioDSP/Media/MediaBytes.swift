import CFFmpeg

/// A file in memory, for libavformat to read and seek in.
final class MediaBytes {
    let context: UnsafeMutablePointer<AVIOContext>
    private let position: UnsafeMutablePointer<Position>

    private struct Position {
        let bytes: UnsafeRawBufferPointer
        var at = 0
        /// Bytes that may still be handed out: a damaged index that sends the reader to and fro comes to an end.
        var budget: Int
    }

    private static let bufferSize = 16 << 10

    /// - Parameter bytes: must outlive this object.
    /// - Throws: `AudioError.noMemory`.
    init(_ bytes: UnsafeRawBufferPointer) throws {
        position = .allocate(capacity: 1)
        position.initialize(to: Position(bytes: bytes, budget: 16 * bytes.count + (1 << 20)))
        let buffer = av_malloc(Self.bufferSize)?.assumingMemoryBound(to: UInt8.self)
        let context = avio_alloc_context(
            buffer, Int32(Self.bufferSize), 0, position, { MediaBytes.read($0, $1, $2) }, nil,
            { MediaBytes.seek($0, $1, $2) })
        guard let context else {
            av_free(buffer)
            position.deallocate()
            throw AudioError.noMemory
        }
        self.context = context
    }

    deinit {
        // libavformat may have replaced the buffer.
        av_free(context.pointee.buffer)
        var context: UnsafeMutablePointer<AVIOContext>? = context
        avio_context_free(&context)
        position.deallocate()
    }

    private static func read(_ opaque: UnsafeMutableRawPointer?, _ to: UnsafeMutablePointer<UInt8>?, _ size: Int32)
        -> Int32
    {
        guard let position = opaque?.assumingMemoryBound(to: Position.self), let to else { return ff_error_eof }
        let bytes = position.pointee.bytes
        let count = min(Int(size), bytes.count - position.pointee.at, position.pointee.budget)
        guard count > 0, let base = bytes.baseAddress else { return ff_error_eof }
        UnsafeMutableRawPointer(to).copyMemory(from: base + position.pointee.at, byteCount: count)
        position.pointee.at += count
        position.pointee.budget -= count
        return Int32(count)
    }

    private static func seek(_ opaque: UnsafeMutableRawPointer?, _ offset: Int64, _ whence: Int32) -> Int64 {
        guard let position = opaque?.assumingMemoryBound(to: Position.self) else { return -1 }
        let size = Int64(position.pointee.bytes.count)
        let target: Int64
        switch whence & ~AVSEEK_FORCE {
        case AVSEEK_SIZE: return size
        case SEEK_SET: target = offset
        case SEEK_CUR: target = Int64(position.pointee.at).addingReportingOverflow(offset).partialValue
        case SEEK_END: target = size.addingReportingOverflow(offset).partialValue
        default: return -1
        }
        guard (0...size).contains(target) else { return -1 }
        position.pointee.at = Int(target)
        return target
    }
}
