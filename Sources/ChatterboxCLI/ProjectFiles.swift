import ArgumentParser
import Foundation

/// Finds what lies beside the code: Models/ and Web/, wherever the executable was started from.
enum ProjectFiles {
    /// The folder of the embedded voice: `CHATTERBOX_MODELS`, else the nearest Models/ above the executable or the
    /// current folder.
    static func embeddedModel() throws -> URL {
        if let models = ProcessInfo.processInfo.environment["CHATTERBOX_MODELS"], !models.isEmpty {
            let folder = URL(filePath: models).appending(path: "embedded")
            guard isFile(folder.appending(path: "config.json")) else {
                throw ValidationError("CHATTERBOX_MODELS is \(models), but there is no embedded/config.json in it.")
            }
            return folder
        }
        guard let config = find("Models/embedded/config.json") else {
            throw ValidationError(
                """
                The embedded voice (Models/embedded) was found neither above the executable nor above the current \
                folder. Name its folder with --model, or the one above it in CHATTERBOX_MODELS.
                """)
        }
        return config.deletingLastPathComponent()
    }

    /// The folder of the studio page.
    static func pages() -> URL? { find("Web/index.html")?.deletingLastPathComponent() }

    private static func find(_ path: String) -> URL? {
        let executable = Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0])
        let folders = [
            executable.resolvingSymlinksInPath().deletingLastPathComponent(),
            URL(filePath: FileManager.default.currentDirectoryPath),
        ]
        for start in folders {
            var folder = start.standardizedFileURL
            while true {
                let candidate = folder.appending(path: path)
                if isFile(candidate) { return candidate }
                let parent = folder.deletingLastPathComponent()
                if parent.path() == folder.path() { break }
                folder = parent
            }
        }
        return nil
    }

    private static func isFile(_ url: URL) -> Bool {
        FileManager.default.fileExists(atPath: url.path(percentEncoded: false))
    }
}
