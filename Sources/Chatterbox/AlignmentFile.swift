import Foundation

/// alignment.json of a model's folder: the heads that follow the text, as `chatterbox calibrate` measured them. They go
/// before those of the model's configuration. A folder may have several T3s: each has its own entry.
public struct AlignmentFile: Codable, Sendable, Equatable {
    public static let name = "alignment.json"

    /// Version of this format; 1.
    public var format: Int
    /// By T3's file: `[layer, head]` each.
    public var heads: [String: [[Int]]]

    /// - Returns: nil if the folder has none.
    /// - Throws: `ChatterboxError.configuration`; `CheckpointError.unreadable`.
    static func read(_ folder: URL) throws -> AlignmentFile? {
        let file = folder.appendingPathComponent(name)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        let found = try ModelConfiguration.decode(AlignmentFile.self, try ModelConfiguration.read(file), file: name)
        let check = ConfigurationCheck(file: name)
        try check.require(found.format == 1, "format", "expected 1, found \(found.format)")
        return found
    }

    /// Writes the heads of one T3 beside those of others, in one step.
    /// - Returns: the file's path.
    /// - Throws: what is wrong with a file that is there already; `ChatterboxError.input` if it can't be written.
    public static func store(_ heads: [[Int]], of t3: T3Configuration, in folder: URL) throws -> String {
        var file = try read(folder) ?? AlignmentFile(format: 1, heads: [:])
        file.heads[t3.file] = heads
        let path = folder.appendingPathComponent(name)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do {
            try (encoder.encode(file) + Data("\n".utf8)).write(to: path, options: .atomic)
        } catch {
            throw ChatterboxError.input(
                what: path.path, expected: "a place that can be written",
                found: error.localizedDescription)
        }
        return path.path
    }
}

extension ModelConfiguration {
    /// With the heads that were measured in this folder, if there are any.
    /// - Throws: `ChatterboxError.configuration`, which names the entry at fault.
    func calibrated(by folder: URL) throws -> ModelConfiguration {
        guard let heads = try AlignmentFile.read(folder)?.heads[t3.file] else { return self }
        var check = ConfigurationCheck(file: AlignmentFile.name)
        try t3.validate(heads, &check, "heads.\(t3.file)")
        var calibrated = self
        calibrated.t3.alignmentHeads = heads
        return calibrated
    }
}
