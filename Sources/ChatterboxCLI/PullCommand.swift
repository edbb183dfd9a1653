import ArgumentParser
import Foundation
import ModelHub

struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Get an official model from the Hugging Face hub.",
        discussion: """
            chatterbox pull nano
            chatterbox serve --model nano

            Files go where huggingface_hub keeps them, and what either has fetched the other uses: HF_HUB_CACHE, else \
            HF_HOME/hub, else ~/.cache/huggingface/hub. What a pull began, the next one finishes. HF_TOKEN, HF_ENDPOINT \
            (a mirror), HTTPS_PROXY, NO_PROXY and HF_HUB_DOWNLOAD_TIMEOUT (seconds of silence; 30) are honoured.
            """)

    @Argument(help: "nano, turbo, english or multilingual; several if you like.")
    var models: [HubModel]

    @Option(
        help: ArgumentHelp("Attempts that may fail one after the other without a byte gained. [6]", valueName: "count"))
    var attempts = 6

    @Option(
        help: ArgumentHelp(
            "Wait before the second attempt; each later wait is twice as long, up to a minute. [1]",
            valueName: "seconds"))
    var retryDelay = 1.0

    func validate() throws {
        guard !models.isEmpty else { throw ValidationError("Name a model: nano, turbo, english or multilingual.") }
        guard (1...1000).contains(attempts) else {
            throw ValidationError("--attempts is \(attempts), but must be an integer from 1 to 1000.")
        }
        guard (0...60).contains(retryDelay) else {
            throw ValidationError("--retry-delay is \(retryDelay), but must be a number from 0 to 60.")
        }
    }

    func run() async throws {
        do {
            let settings = try HubSettings(
                environment: ProcessInfo.processInfo.environment, attempts: attempts, retryDelay: retryDelay)
            for model in models {
                let progress = PullProgress(model: model.rawValue)
                do {
                    let folder = try await ModelPull(model, settings: settings) { progress.show($0) }.run()
                    progress.end("\(model.rawValue) is ready: \(folder.path)")
                } catch {
                    progress.end(nil)
                    throw error
                }
            }
        } catch let error as HubError {
            throw CleanFailure(error.description)
        }
    }
}

extension HubModel: ExpressibleByArgument {}

/// A failure that isn't the fault of the arguments: its text, without the command's usage.
struct CleanFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
