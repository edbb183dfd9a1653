import Foundation
import Synchronization
import Tensors

/// A checkpoint's weights as layers have packed them, in a file beside it, so that the next start needs neither to read nor
/// to pack them: it maps the file. The file is a safetensors file of bytes, with notes on which checkpoint they were
/// made of. Whatever is wrong with it, it is ignored and made anew.
public final class PackedWeights: PackedStore {
    /// Smaller checkpoints are packed sooner than this would be of use.
    public static let leastBytes = 256 << 20

    private struct State {
        var used: [(key: String, bytes: PackedBytes)] = []
        var lacks = false
    }

    /// Where the file may be; the first that can be written is where it will be.
    private let places: [URL]
    /// What the checkpoint was when this was opened.
    private let origin: String
    private let name: String
    private let file: SafetensorsFile?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - file: the checkpoint, opened.
    ///   - url: where it is.
    ///   - precision: of the layers that are asked for; others have a file of their own.
    ///   - leastBytes: of a checkpoint that is worth it; nil if this one isn't, or isn't a mapped file.
    public init?(
        of file: any TensorFile, at url: URL, precision: Precision, leastBytes: Int = PackedWeights.leastBytes,
        cache: URL = PackedWeights.cacheFolder
    ) {
        guard file.mapping != nil, file.contents.count >= leastBytes, let origin = Self.origin(of: file, at: url) else {
            return nil
        }
        self.origin = origin
        name = "\(url.lastPathComponent).\(precision.rawValue).packed"
        let path = url.standardizedFileURL.path
        let hash = String(
            path.utf8.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }, radix: 16)
        let beside = url.deletingLastPathComponent().appendingPathComponent(name)
        let cached = cache.appendingPathComponent("\(hash)-\(name)")
        // What is a link belongs to a store that other programs keep, such as the hub's cache: nothing is put there.
        let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: url.path)) != nil
        places = isLink ? [cached] : [beside, cached]
        self.file = places.lazy.compactMap { Self.open($0, origin: origin) }.first
    }

    /// `XDG_CACHE_HOME`, or `~/.cache`, and chatterbox in it.
    public static var cacheFolder: URL {
        let named = ProcessInfo.processInfo.environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        return (named.map { URL(filePath: $0) } ?? URL(filePath: NSHomeDirectory()).appending(path: ".cache"))
            .appending(path: "chatterbox")
    }

    /// Whether everything that was asked for was there.
    public var isComplete: Bool { !state.withLock { $0.lacks } }

    public func packed(_ key: String, byteCount: Int) -> PackedBytes? {
        guard let file, let entry = file.entries[key], entry.bytes.count == byteCount, let mapping = file.mapping,
            let start = mapping.bytes.baseAddress
        else { return nil }
        let bytes = PackedBytes(
            UnsafeRawBufferPointer(start: start + entry.bytes.lowerBound, count: byteCount), owner: mapping)
        state.withLock { $0.used.append((key, bytes)) }
        return bytes
    }

    public func keep(_ bytes: PackedBytes, as key: String) {
        state.withLock { state in
            state.used.append((key, bytes))
            state.lacks = true
        }
    }

    /// Writes the file if anything in it was missing, and lets go of all weights. The file gets its name when it is whole.
    /// - Returns: where it is; nil if it needn't or can't be written.
    @discardableResult
    public func save() -> URL? {
        let (parts, lacks) = state.withLock { state in
            defer { state = State() }
            return (state.used, state.lacks)
        }
        guard lacks, Set(parts.map(\.key)).count == parts.count else { return nil }
        return places.first { place in
            do {
                try FileManager.default.createDirectory(
                    at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
                return try Self.write(parts, origin: origin, to: place)
            } catch {
                return false
            }
        }
    }

    private static let saving = DispatchGroup()

    /// Saves those that lack something on a thread of its own: they have hundreds of MB to write.
    public static func saveInBackground(_ all: [PackedWeights]) {
        for weights in all where !weights.isComplete {
            saving.enter()
            Thread.detachNewThread {
                weights.save()
                saving.leave()
            }
        }
    }

    /// Waits until all is written: a process that ends before it would have to pack again.
    public static func finishSaving() { saving.wait() }

    // MARK: The file

    private static let alignment = 64

    /// Nil if the file isn't there, is of another checkpoint or damaged.
    private static func open(_ url: URL, origin: String) -> SafetensorsFile? {
        guard let file = try? SafetensorsFile(url: url), file.metadata["origin"] == origin, let mapping = file.mapping,
            file.entries.values.allSatisfy({ $0.dtype == .u8 && $0.bytes.lowerBound % alignment == 0 })
        else { return nil }
        let ranges = file.entries.values.map(\.bytes).sorted { $0.lowerBound < $1.lowerBound }
        let sums = Mutex([UInt64](repeating: 0, count: ranges.count))
        // Reading all of it, on all cores, is also what brings it into memory.
        try? Cores.forEach(ranges.count) { index in
            let sum = PackedBytes.checksum(UnsafeRawBufferPointer(rebasing: mapping.bytes[ranges[index]]))
            sums.withLock { $0[index] = sum }
        }
        return file.metadata["checksum"] == joined(sums.withLock { $0 }) ? file : nil
    }

    private static func joined(_ sums: [UInt64]) -> String {
        let sum = sums.withUnsafeBytes { PackedBytes.checksum($0) }
        return String(sum, radix: 16)
    }

    /// What tells one checkpoint from another: its size, when it was written, and its header.
    private static func origin(of file: any TensorFile, at url: URL) -> String? {
        var status = stat()
        guard stat(url.path, &status) == 0 else { return nil }
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        let header = file.entries.values.map(\.bytes.lowerBound).min() ?? 0
        let sum = file.contents.withUnsafeBytes {
            PackedBytes.checksum(UnsafeRawBufferPointer(rebasing: $0[..<header]))
        }
        return "\(PackedBytes.version) \(status.st_size) \(time.tv_sec).\(time.tv_nsec) \(String(sum, radix: 16))"
    }

    private static func header(of parts: [(key: String, bytes: PackedBytes)], origin: String) throws -> Data {
        struct Entry: Encodable {
            var dtype = "U8"
            var shape: [Int]
            var data_offsets: [Int]
        }
        struct Header: Encodable {
            var metadata: [String: String]
            var entries: [String: Entry] = [:]

            struct Key: CodingKey {
                var stringValue: String
                var intValue: Int? { nil }
                init(stringValue: String) { self.stringValue = stringValue }
                init?(intValue: Int) { nil }
            }

            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Key.self)
                try container.encode(metadata, forKey: Key(stringValue: "__metadata__"))
                for (key, entry) in entries { try container.encode(entry, forKey: Key(stringValue: key)) }
            }
        }
        let sums = parts.map { PackedBytes.checksum($0.bytes.bytes) }
        var header = Header(metadata: ["origin": origin, "checksum": joined(sums)])
        var at = 0
        for (key, part) in parts {
            let count = part.bytes.count
            header.entries[key] = Entry(shape: [count], data_offsets: [at, at + count])
            at += count
        }
        var json = try JSONEncoder().encode(header)
        json.append(Data(repeating: UInt8(ascii: " "), count: -(8 + json.count) & (alignment - 1)))
        return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) } + json
    }

    /// - Returns: false if another process is writing it just now.
    private static func write(
        _ parts: [(key: String, bytes: PackedBytes)], origin: String, to url: URL
    ) throws -> Bool {
        func failed() -> CheckpointError {
            .unreadable(file: url.lastPathComponent, reason: String(cString: strerror(errno)))
        }
        let unfinished = url.path + ".part"
        let descriptor = Foundation.open(unfinished, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failed() }
        let output = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        // Whoever has it locked may have given it its name meanwhile.
        var (opened, named) = (stat(), stat())
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &opened) == 0,
            stat(unfinished, &named) == 0, opened.st_ino == named.st_ino
        else { return true }
        do {
            // A disk that this would fill is left alone.
            let size = parts.reduce(0) { $0 + $1.bytes.bytes.count }
            let folder = url.deletingLastPathComponent().path
            let free = try FileManager.default.attributesOfFileSystem(forPath: folder)[.systemFreeSize] as? NSNumber
            guard free.map({ $0.int64Value > Int64(size) + 1 << 30 }) ?? true else { throw failed() }
            try output.truncate(atOffset: 0)
            try output.write(contentsOf: header(of: parts, origin: origin))
            for (_, part) in parts {
                try output.write(
                    contentsOf: Data(
                        bytesNoCopy: UnsafeMutableRawPointer(mutating: part.bytes.baseAddress!),
                        count: part.bytes.count,
                        deallocator: .none))
            }
            try output.synchronize()
            guard rename(unfinished, url.path) == 0 else { throw failed() }
        } catch {
            unlink(unfinished)
            throw error
        }
        return true
    }
}
