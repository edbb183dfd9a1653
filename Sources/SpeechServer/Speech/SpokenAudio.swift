import SpeechEngine

/// The samples of a request for speech in order, while they are made: from one pass of the model, or, in standard mode,
/// from one pass for each piece of the text.
struct SpokenAudio: Sendable {
    /// What it came to.
    struct Usage: Sendable {
        var textTokens = 0
        var speechTokens = 0
        var words: [WordTimestamp] = []
    }

    private let service: SpeechService
    private let request: SpeakRequest
    private let origin: SpeechOrigin
    /// The first piece, or all, of which the first event has come.
    private let speech: Speech
    private let firstEvent: SpeechEvent?
    private let laterPieces: ArraySlice<String>

    var sampleRateHz: Int { speech.engine.sampleRateHz }
    var voice: String { speech.voice }

    /// Returns once there is sound, so that what can't be spoken is told before an answer begins.
    /// - Throws: `ServerError`.
    static func start(
        _ request: SpeakRequest, by service: SpeechService, from origin: SpeechOrigin
    ) async throws -> SpokenAudio {
        var pieces = [request.parts.speech.input]
        if let block = request.block {
            pieces = TextBlocks.split(request.parts.speech.input, size: block.size, by: block.strategy)
                .map(\.text)
        }
        do {
            let service = try service.sharingAllowance()
            let speech = try await start(pieces[0], of: request, by: service, from: origin)
            let first = try await speech.first()
            return SpokenAudio(
                service: service, request: request, origin: origin, speech: speech, firstEvent: first,
                laterPieces: pieces.dropFirst())
        } catch {
            throw ServerError(error)
        }
    }

    private static func start(
        _ piece: String, of request: SpeakRequest, by service: SpeechService, from origin: SpeechOrigin
    ) async throws -> Speech {
        var parts = request.parts
        parts.speech.input = piece
        return try await service.start(parts, used: request.used, from: origin)
    }

    /// - Parameter body: gets samples of ±1; while it doesn't return, little more is made.
    /// - Throws: `ServerError` for what the engine throws; what `body` throws.
    func forEach(_ body: ([Float]) async throws -> Void) async throws -> Usage {
        var usage = Usage()
        var speech: Speech? = speech
        var held = firstEvent
        var pieces = laterPieces
        var start = 0.0
        while let current = speech {
            // In standard mode the next piece is made while this one is sent.
            let next: Speech? =
                request.bufferSize > 1 || request.block == nil ? try await startNext(&pieces) : nil
            var events = current.makeAsyncIterator()
            var whole: [Float] = []
            var sampleCount = 0
            while true {
                let event: SpeechEvent?
                if let first = held {
                    event = first
                    held = nil
                } else {
                    do { event = try await events.next() } catch { throw ServerError(error) }
                }
                guard let event else { break }
                switch event {
                case .chunk(let chunk):
                    sampleCount += chunk.samples.count
                    usage.add(chunk.words, after: start)
                    let samples = chunk.samples.map { Float($0) / 32767 }
                    if request.block == nil { try await body(samples) } else { whole += samples }
                case .finished(let summary):
                    usage.textTokens += summary.textTokens
                    usage.speechTokens += summary.tokens
                    usage.add(summary.words, after: start)
                }
            }
            start += Double(sampleCount) / Double(sampleRateHz)
            if !whole.isEmpty { try await body(whole) }
            if let next { speech = next } else { speech = try await startNext(&pieces) }
        }
        return usage
    }

    /// Counts an error that came too late for the answer's status.
    func failed(_ error: ServerError) { service.metrics.told(error, over: origin.transport) }

    private func startNext(_ pieces: inout ArraySlice<String>) async throws -> Speech? {
        guard let piece = pieces.popFirst() else { return nil }
        do {
            return try await Self.start(piece, of: request, by: service, from: origin)
        } catch {
            throw ServerError(error)
        }
    }
}

extension SpokenAudio.Usage {
    fileprivate mutating func add(_ words: [WordTimestamp], after start: Double) {
        self.words += words.map { WordTimestamp(word: $0.word, start: $0.start + start, end: $0.end + start) }
    }
}

extension Speech {
    /// The first event; the others are still to be read.
    fileprivate func first() async throws -> SpeechEvent? {
        var events = makeAsyncIterator()
        return try await events.next()
    }
}
