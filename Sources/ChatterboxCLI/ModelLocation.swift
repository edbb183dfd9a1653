import ArgumentParser
import Foundation
import ModelHub

/// From what `--model` says to the folder.
enum ModelLocation {
    /// - Parameter name: `embedded`, the name of an official model, or a path. A folder in the way of a name is reached
    ///   as `./nano`.
    /// - Throws: `ValidationError`, `CleanFailure`.
    static func folder(_ name: String, environment: [String: String] = ProcessInfo.processInfo.environment) throws
        -> URL
    {
        if name == "embedded" { return try ProjectFiles.embeddedModel() }
        if let model = HubModel(rawValue: name) {
            do {
                return try HubCache(folder: HubSettings(environment: environment).cache).modelFolder(model)
            } catch {
                throw CleanFailure(error.description)
            }
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: name, isDirectory: &isFolder), isFolder.boolValue else {
            let official = HubModel.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError(
                "There is no model at \(name). Name the folder of one, or embedded, \(official); see chatterbox models."
            )
        }
        return URL(filePath: name)
    }

    /// Sizes of a model's files: no model takes more in memory, and in bfloat16 most take half.
    static func byteCount(_ folder: URL, _ model: HubModel?) -> Int64 {
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.reduce(0) { sum, file in
            // a folder of the hub may have another model's files too
            if let model, !model.files.contains(where: { $0.contains(file.lastPathComponent) }) { return sum }
            let path = file.resolvingSymlinksInPath().path
            let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64
            return sum + (size ?? 0)
        }
    }
}
