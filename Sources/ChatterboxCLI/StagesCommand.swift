import ArgumentParser
import Foundation
import SpeechEngine

struct StagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stages",
        abstract: "Time the stages of a model, one by one.",
        discussion: """
            Loads a model and prints as JSON how many seconds each stage takes with the machine to itself: T3 reading a \
            text, with a voice that is new to it and with one that it remembers; T3 making a token, of one session and of \
            several in one pass; drawing from the logits; S3Gen and the vocoder making the first chunk and a later one. \
            Each is the median, least and most of some rounds.

            chatterbox stages --model nano --rounds 3
            """)

    @Option(help: "Speech tokens of a chunk, 10 to 100.")
    var chunkSize = 25

    @Option(help: "Tokens in front of a later chunk that the decoder hears again, 0 to 200.")
    var contextWindow = 50

    @Option(help: "Rounds of every stage, 1 to 50; tokens are measured 8 times as often.")
    var rounds = 5

    @Option(help: "Sessions that share a pass of T3, 1 to 64.")
    var sessions = 8

    @OptionGroup var model: ModelOptions

    func validate() throws {
        func check(_ value: Int, _ range: ClosedRange<Int>, _ option: String) throws {
            guard range.contains(value) else {
                throw ValidationError(
                    "--\(option) is \(value), but must be from \(range.lowerBound) to \(range.upperBound).")
            }
        }
        try check(chunkSize, SpeechRequest.Limits.chunkSize, "chunk-size")
        try check(contextWindow, SpeechRequest.Limits.contextWindow, "context-window")
        try check(rounds, 1...50, "rounds")
        try check(sessions, 1...64, "sessions")
    }

    func run() throws {
        let configuration = try Settings(arguments: model.arguments).engineConfiguration()
        let setting = StageTimes.Setting(
            chunkSize: chunkSize, contextWindow: contextWindow, rounds: rounds, sessions: sessions)
        let times: StageTimes
        do {
            times = try StageTimes(configuration: configuration, setting: setting)
        } catch {
            throw CleanFailure("The model can't be measured: \(error)")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        print(String(decoding: try encoder.encode(times), as: UTF8.self))
    }
}
