import ArgumentParser
import Chatterbox
import Checkpoints
import Foundation

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every tensor of a model.",
        discussion: """
            Reads a model's files as for speaking and says all that is odd: tensors that are missing, misshapen or that \
            nothing reads, types that can't stand for weights, numbers that are infinite or none. Ends with status 1 if \
            there is something.

            chatterbox verify embedded
            chatterbox verify ./chatterbox-turbo
            """)

    @Argument(
        help: ArgumentHelp("The folder of a model, or a name that `chatterbox models` lists.", valueName: "model"))
    var model: String

    @Option(help: "Of a folder with several official models: its name, such as multilingual.")
    var variant: String?

    @Option(help: "guided or meanflow.")
    var decoder: String?

    @Flag(help: "Name every tensor that nothing reads, with the reason, instead of a count.")
    var verbose = false

    func run() throws {
        let settings = Settings(arguments: ["chatterbox.variant": variant, "chatterbox.decoder": decoder])
        let folder = try ModelLocation.folder(model)
        let audit: ModelAudit
        do {
            audit = try ModelAudit(folder: folder, selection: settings.selection(of: model))
        } catch let error as ValidationError {
            throw error
        } catch {
            print("The model can't be checked: \(error)")
            throw ExitCode.failure
        }
        print("\(audit.configuration.name): \(audit.files.count) files")
        for file in audit.files { show(file, audit.ignored.filter { $0.file == file.name }) }
        for problem in audit.problems { print("✗ \(problem)") }
        guard audit.problems.isEmpty else {
            print("\(audit.problems.count) problem\(audit.problems.count == 1 ? "" : "s").")
            throw ExitCode.failure
        }
        print("Every tensor is as it should be.")
    }

    private func show(_ file: ModelAudit.File, _ ignored: [CheckpointAudit.Ignored]) {
        let types = file.types.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        let size = (Double(file.byteCount) / 1e6).formatted(.number.precision(.fractionLength(1)))
        print("  \(file.name): \(file.tensorCount) tensors (\(types)), \(size) MB")
        if verbose {
            for one in ignored { print("    not read: \(one.key): \(one.reason)") }
            return
        }
        let reasons = Dictionary(grouping: ignored, by: \.reason).sorted { $0.key < $1.key }
        for (reason, tensors) in reasons {
            let first = tensors.map(\.key).min() ?? ""
            print("    not read: \(tensors.count == 1 ? first : "\(tensors.count) such as \(first)"): \(reason)")
        }
    }
}
