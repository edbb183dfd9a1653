import ArgumentParser
import ChatterboxClient
import Foundation
import SpeechEngine

extension SayCommand {
    /// Has a server speak.
    /// - Parameter address: such as `http://localhost:8000`.
    func speak(through address: String) async throws {
        let client = try client(at: address)
        let request = try makeRequest()
        var words: [WordTimestamp] = []
        var file: SpeechFile?
        var (rate, sampleCount, latency) = (0, 0, 0.0)
        do {
            for try await event in client.speak(request.input, options) {
                switch event {
                case .queued(let position, _): showPlace(position)
                case .started(let start):
                    rate = start.sampleRate
                    file = try play ? SpeechFile(playingAt: rate) : SpeechFile(path: output, sampleRateHz: rate)
                case .audio(let samples):
                    try file?.write(samples)
                    sampleCount += samples.count
                    showProgress(Double(sampleCount) / Double(rate), of: request.input)
                case .words(let some):
                    words += some.map { WordTimestamp(word: $0.word, start: $0.start, end: $0.end) }
                case .metrics(let metrics): latency = metrics.latencyToFirstChunk
                case .done(let summary):
                    try file?.finish()
                    try write(words)
                    showSummary(
                        audioDuration: summary.audioDuration, elapsedTime: summary.elapsedTime, latency: latency)
                }
            }
        } catch ChatterboxClientError.server(_, let message, _) {
            throw ValidationError("The server says: \(message)")
        } catch ChatterboxClientError.notSecure(_, _, let reason) {
            throw ValidationError(
                """
                No secure connection to \(address): \(reason). An authority that this system doesn't know, or the \
                certificate itself, can be named with --cacert.
                """)
        } catch ChatterboxClientError.unusableAuthorities(let file, let reason) {
            throw ValidationError("--cacert is \(file), but must be a PEM file of certificates: \(reason)")
        } catch let error as ValidationError {
            throw error
        } catch {
            throw ValidationError("No speech from \(address): \(error)")
        }
    }

    private func client(at address: String) throws -> ChatterboxClient {
        guard let url = URL(string: address.contains("://") ? address : "http://" + address), let host = url.host,
            ["http", "ws", "https", "wss"].contains(url.scheme)
        else {
            throw ValidationError(
                "--server is \"\(address)\", but must be an address such as http://localhost:8000 or https://speech.example.org."
            )
        }
        let isSecure = ["https", "wss"].contains(url.scheme)
        guard isSecure || cacert == nil else {
            throw ValidationError("--cacert is for https and wss, but --server is \"\(address)\".")
        }
        let security = isSecure ? Security.tls(authorities: given(cacert, or: "CHATTERBOX_CACERT")) : .none
        return ChatterboxClient(
            host: host, port: url.port ?? (isSecure ? 443 : 80), key: given(key, or: "CHATTERBOX_API_KEY"),
            security: security)
    }

    private func given(_ option: String?, or name: String) -> String? {
        let value = option ?? ProcessInfo.processInfo.environment[name]
        return value?.isEmpty == true ? nil : value
    }

    private var options: SpeechOptions {
        var options = SpeechOptions(voice: voice, model: model.model.first)
        options.language = language
        options.normalizeText = normalizeText
        (options.exaggeration, options.cfgWeight) = (exaggeration, cfgWeight)
        (options.temperature, options.topP) = (temperature, topP)
        (options.chunkSize, options.chunkGrowth) = (chunkSize, chunkGrowth)
        options.includeTimestamps = timestamps != nil
        options.seed = seed
        return options
    }

    private func showPlace(_ position: Int) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        FileHandle.standardError.write(Data("\rwaiting, place \(position) \u{1B}[K".utf8))
    }
}
