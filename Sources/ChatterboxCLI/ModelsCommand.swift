import ArgumentParser
import Foundation
import ModelHub

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List the models that are here, and those that could be.",
        discussion: "What it names can be given to --model.")

    private struct Row {
        var name: String
        var size: String
        var state: String
        var languages: String
        var path: String
    }

    func run() throws {
        var rows = [Row(name: "NAME", size: "SIZE", state: "STATE", languages: "LANGUAGES", path: "PATH")]
        if let folder = try? ProjectFiles.embeddedModel() {
            rows.append(
                Row(
                    name: "embedded", size: ByteCount.text(ModelLocation.byteCount(folder, nil)), state: "complete",
                    languages: "English", path: folder.path))
        }
        let settings: HubSettings
        do {
            settings = try HubSettings(environment: ProcessInfo.processInfo.environment)
        } catch {
            throw CleanFailure(error.description)
        }
        let cache = HubCache(folder: settings.cache)
        for model in HubModel.allCases {
            let state = cache.state(of: model)
            let present = model.files.count - state.missing.count
            rows.append(
                Row(
                    name: model.rawValue, size: state.folder == nil ? "-" : ByteCount.text(state.byteCount),
                    state: state.isComplete
                        ? "complete" : present == 0 ? "not here" : "\(present) of \(model.files.count) files",
                    languages: model.languages.count == 1 ? "English" : "\(model.languages.count) languages",
                    path: state.folder?.path ?? "chatterbox pull \(model.rawValue)"))
        }
        for row in rows {
            let columns = [(row.name, 12), (row.size, 10), (row.state, 14), (row.languages, 14)]
            print(
                columns.map { $0.padding(toLength: max($1, $0.count), withPad: " ", startingAt: 0) }.joined(
                    separator: " ")
                    + " " + row.path)
        }
    }
}
