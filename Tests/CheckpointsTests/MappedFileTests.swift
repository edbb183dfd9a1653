import Checkpoints
import Foundation
import Tensors
import Testing

@Suite struct MappedFileTests {
    private static let count = 1 << 20

    /// A file with a tensor of 4 MB, and a small one behind it.
    private func withFile<R>(_ body: (URL) throws -> R) throws -> R {
        let size = 4 * Self.count
        let json =
            #"{"large":{"dtype":"F32","shape":[1024,1024],"data_offsets":[0,\#(size)]},"#
            + #""small":{"dtype":"F32","shape":[2],"data_offsets":[\#(size),\#(size + 8)]}}"#
        let padded = json + String(repeating: " ", count: (8 - json.utf8.count % 8) % 8)
        let values = (0..<Self.count + 2).map { Float($0) * 0.5 }
        let url = FileManager.default.temporaryDirectory.appending(path: "mapped-\(UUID()).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        try contents(padded, data: values.withUnsafeBytes { Array($0) }).write(to: url)
        return try body(url)
    }

    @Test func lentTensorsAreThoseOfTheFile() throws {
        try withFile { url in
            let file = try openCheckpoint(url)
            let copied = try openCheckpoint(contents: Data(contentsOf: url), name: "copy")
            for key in ["large", "small"] {
                var tensor = try file.tensor(key)
                #expect(try tensor == copied.tensor(key))
                tensor.withUnsafeMutableBufferPointer { $0[0] = -1 }
                #expect(try file.tensor(key) == copied.tensor(key) && tensor.values[0] == -1)
            }
        }
    }

    @Test func aTensorOutlivesItsFile() throws {
        let tensor = try withFile { try openCheckpoint($0).tensor("large") }
        #expect(tensor[1023, 1023] == Float(Self.count - 1) * 0.5)
    }

    @Test func whatIsNoFileCannotBeRead() throws {
        let folder = FileManager.default.temporaryDirectory
        for path in ["no-such-file-\(UUID())", "."] {
            let error = #expect(throws: CheckpointError.self) {
                try openCheckpoint(folder.appending(path: path))
            }
            guard case .unreadable = error else {
                Issue.record("\(path): \(String(describing: error))")
                continue
            }
        }
        let empty = folder.appending(path: "empty-\(UUID())")
        try Data().write(to: empty)
        defer { try? FileManager.default.removeItem(at: empty) }
        let error = #expect(throws: CheckpointError.self) { try openCheckpoint(empty) }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    #if os(Linux)
        /// Of a mapped file, in kB.
        private func resident(_ url: URL) throws -> Int {
            var (isFile, sum) = (false, 0)
            // Read to its end: the system gives such a file no length.
            let maps = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps")).readToEnd() ?? Data()
            for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
                if line.hasPrefix("Rss:") {
                    if isFile { sum += Int(line.filter(\.isNumber)) ?? 0 }
                } else if line.prefix(while: { $0 != " " }).contains("-") {
                    isFile = line.hasSuffix(url.lastPathComponent)
                }
            }
            return sum
        }

        /// Pages are there while the tensor is, and no longer.
        @Test func whatNobodyReadsTakesNoMemory() throws {
            try withFile { url in
                let file = try openCheckpoint(url)
                let held = try file.tensor("large").withUnsafeBufferPointer { values in
                    #expect(values.reduce(0, +) > 0)
                    return try resident(url)
                }
                #expect(held >= 4096)
                #expect(try resident(url) < 512)
                _ = try file.tensor("small")
                #expect(try resident(url) < 512)
                withExtendedLifetime(file) {}
            }
        }
    #endif
}
