import ArgumentParser
import AudioDSP
import Foundation

/// Where `say` sends speech while it is made: a file of any format, by its ending, standard output, or a player.
struct SpeechFile {
    /// Commands that play a WAV from standard input, the first of which there is.
    private static let players: [(command: String, arguments: [String])] = [
        ("ffplay", ["-loglevel", "quiet", "-nodisp", "-autoexit", "-"]), ("aplay", ["-q"]),
        ("play", ["-q", "-t", "wav", "-"]),
    ]

    private let handle: FileHandle
    private let encoder: AudioEncoder
    /// A WAV file tells its length in front, once it is known.
    private let isWAV: Bool
    private let player: Process?
    private var sampleCount = 0

    /// - Parameter path: `-` is standard output.
    init(path: String, sampleRateHz: Int) throws {
        let ending = URL(filePath: path).pathExtension.lowercased()
        let named = AudioFormat.allCases.first { $0.fileExtension == ending || $0.rawValue == ending }
        let format = path == "-" ? .wav : ending == "ogg" ? .opus : named
        guard let format else {
            let endings = AudioFormat.allCases.map { "." + $0.fileExtension }.joined(separator: ", ")
            throw ValidationError("The ending of \(path) says no format; choose one of \(endings).")
        }
        encoder = try AudioEncoder(format: format, inputSampleRateHz: sampleRateHz)
        isWAV = format == .wav && path != "-"
        player = nil
        if path == "-" {
            handle = .standardOutput
        } else {
            guard FileManager.default.createFile(atPath: path, contents: nil),
                let opened = FileHandle(forWritingAtPath: path)
            else { throw ValidationError("Can't write \(path). Choose another file with -o.") }
            handle = opened
        }
    }

    /// Plays instead of writing.
    init(playingAt sampleRateHz: Int) throws {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let found = Self.players.lazy.compactMap { player in
            folders.map { URL(filePath: "\($0)/\(player.command)") }
                .first { FileManager.default.isExecutableFile(atPath: $0.path) }.map { ($0, player.arguments) }
        }.first
        guard let (url, arguments) = found else {
            throw ValidationError(
                "No player was found: install ffplay (Debian: ffmpeg) or aplay (alsa-utils), or write a file with -o.")
        }
        let pipe = Pipe()
        let process = Process()
        (process.executableURL, process.arguments, process.standardInput) = (url, arguments, pipe)
        try process.run()
        encoder = try AudioEncoder(format: .wav, inputSampleRateHz: sampleRateHz)
        (handle, player, isWAV) = (pipe.fileHandleForWriting, process, false)
    }

    mutating func write(_ samples: [Int16]) throws {
        sampleCount += samples.count
        try handle.write(contentsOf: encoder.encode(samples.map { Float($0) / 32767 }))
    }

    /// Ends the file, or waits until all has been heard.
    func finish() throws {
        try handle.write(contentsOf: encoder.finish())
        if isWAV {
            try handle.seek(toOffset: 0)
            try handle.write(contentsOf: WAV.header(sampleRateHz: encoder.sampleRateHz, sampleCount: sampleCount))
        }
        if handle !== FileHandle.standardOutput { try handle.close() }
        player?.waitUntilExit()
    }
}
