import ArgumentParser
import AudioDSP
import Foundation
import SpeechEngine
import SpeechServer

struct SayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "say",
        abstract: "Speak a text into a file, or aloud.",
        discussion: """
            chatterbox say "Good morning." -o morning.mp3
            chatterbox say "Good morning." --play
            echo "From a pipe." | chatterbox say - -o - | aplay

            The ending of -o says the format: .wav, .mp3, .opus, .flac, .aac, .pcm, .ul or .al. With -o - a WAV goes to \
            standard output. Either way it leaves while it is made. With --server another machine, or a server that has its
            model loaded already, does the work.
            """)

    @Argument(help: "The text, 1 to 3000 characters; - reads standard input.")
    var text: String

    @Option(name: .shortAndLong, help: ArgumentHelp("Where to write; - is standard output.", valueName: "file"))
    var output = "speech.wav"

    @Flag(help: "Play it while it is made, through ffplay, aplay or play, and write no file.")
    var play = false

    @Option(help: "One of the model's voices. [alloy]")
    var voice: String?

    @Option(help: "The text's language, such as fr; chatterbox models lists what a model speaks. [en]")
    var language: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether numbers, dates and the like become words before an official model reads them.")
    var normalizeText = true

    @Option(help: "How lively, 0.25 to 2. [0.5]")
    var exaggeration: Double?

    @Option(help: "How closely to follow the text, 0 to 1; lower is slower. [0.5]")
    var cfgWeight: Double?

    @Option(help: "How varied, 0.05 to 5. [0.8]")
    var temperature: Double?

    @Option(help: "Sample from the likeliest tokens of this probability, 0 to 1. [0.95]")
    var topP: Double?

    @Option(help: "Speech tokens made before a piece of audio, 10 to 100. [25]")
    var chunkSize: Int?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether pieces after the first may grow to 100 tokens. [if neither --chunk-size nor --seed is given]")
    var chunkGrowth: Bool?

    @Option(help: "Speak the same way each time for the same number. [another each time]")
    var seed: UInt64?

    @Option(
        help: ArgumentHelp("Write when each word is spoken, as WebVTT; needs known heads.", valueName: "file"))
    var timestamps: String?

    @Option(
        help: ArgumentHelp(
            "Have a server speak it, such as https://speech.example.org, in place of this process.",
            valueName: "address"))
    var server: String?

    @Option(help: "For a server that wants one. [CHATTERBOX_API_KEY]")
    var key: String?

    @Option(
        help: ArgumentHelp(
            """
            PEM file of the authorities that an https server's certificate may be signed by, or that certificate itself. \
            [CHATTERBOX_CACERT; those of the system]
            """, valueName: "file"))
    var cacert: String?

    @OptionGroup var model: ModelOptions

    func run() async throws {
        if let server { return try await speak(through: server) }
        let engine = try Settings(arguments: model.arguments).makeEngine()
        do {
            try engine.load()
        } catch {
            throw ValidationError("The model can't be loaded: \(error)")
        }
        let request = try makeRequest()
        guard timestamps == nil || !engine.ignoredParameters.contains("include_timestamps") else {
            throw ValidationError("This model can't tell when words are spoken; see chatterbox calibrate.")
        }
        var words: [WordTimestamp] = []
        var file =
            try play
            ? SpeechFile(playingAt: engine.sampleRateHz) : SpeechFile(path: output, sampleRateHz: engine.sampleRateHz)
        var summary: SpeechSummary?
        var latency = 0.0
        do {
            for try await event in try engine.speak(request) {
                switch event {
                case .chunk(let chunk):
                    try file.write(chunk.samples)
                    latency = chunk.latencyToFirstChunk
                    words += chunk.words
                    showProgress(chunk.audioDuration, of: request.input)
                case .finished(let end):
                    summary = end
                    words += end.words
                }
            }
        } catch let error as SpeechEngineError {
            throw ValidationError(ServerError(error).message)
        }
        try file.finish()
        try write(words)
        engine.shutdown()
        guard let summary else { return }
        showSummary(audioDuration: summary.audioDuration, elapsedTime: summary.elapsedTime, latency: latency)
    }

    /// - Parameter latency: of the first audio, in seconds.
    func showSummary(audioDuration: Double, elapsedTime: Double, latency: Double) {
        let seconds = audioDuration.formatted(.number.precision(.fractionLength(2)))
        let elapsed = elapsedTime.formatted(.number.precision(.fractionLength(2)))
        say(
            "\(output == "-" || play ? "" : "\(output): ")\(seconds) s of speech in \(elapsed) s, "
                + "first audio after \(Int(latency * 1000)) ms")
    }

    /// Words where `--timestamps` says, if it does.
    func write(_ words: [WordTimestamp]) throws {
        guard let timestamps else { return }
        do {
            try Data(WebVTT.text(words).utf8).write(to: URL(filePath: timestamps))
        } catch {
            throw ValidationError("Can't write \(timestamps). Choose another file with --timestamps.")
        }
    }

    /// The same checks and defaults as a request over the WebSocket.
    func makeRequest() throws -> SpeechRequest {
        var input = text
        if text == "-" {
            let bytes = FileHandle.standardInput.readDataToEndOfFile()
            guard let decoded = String(data: bytes, encoding: .utf8) else {
                throw ValidationError("Standard input is not UTF-8 text.")
            }
            input = decoded.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        var data: [String: JSONValue] = ["input": .string(input)]
        data["voice"] = voice.map(JSONValue.string)
        data["language"] = language.map(JSONValue.string)
        data["normalize_text"] = .bool(normalizeText)
        data["exaggeration"] = exaggeration.map(JSONValue.number)
        data["cfg_weight"] = cfgWeight.map(JSONValue.number)
        data["temperature"] = temperature.map(JSONValue.number)
        data["top_p"] = topP.map(JSONValue.number)
        data["chunk_size"] = chunkSize.map { .integer(Int64($0)) }
        data["chunk_growth"] = chunkGrowth.map(JSONValue.bool)
        data["include_timestamps"] = .bool(timestamps != nil)
        data["seed"] = seed.map(JSONValue.unsigned)
        do {
            return try StreamRequest(data).speech
        } catch let error as ServerError {
            throw ValidationError(error.message)
        }
    }

    /// A bar on a terminal; people speak some 15 characters a second.
    func showProgress(_ seconds: Double, of text: String) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        let share = min(0.99, seconds / max(0.5, Double(text.count) / 15))
        let filled = Int(share * 30)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        let spoken = seconds.formatted(.number.precision(.fractionLength(1)))
        FileHandle.standardError.write(Data("\r\(bar) \(spoken) s of speech".utf8))
    }

    private func say(_ line: String) {
        let clear = isatty(STDERR_FILENO) == 1 ? "\r\u{1B}[K" : ""
        FileHandle.standardError.write(Data((clear + line + "\n").utf8))
    }
}
