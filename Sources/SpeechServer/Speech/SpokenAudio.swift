import SpeechEngine

/// The samples of a request for speech in order, while they are made: from one pass of the model, or, in standard mode,
/// from one pass for each piece of the text. One reader at a time; what was spoken is let go of at once.
actor SpokenAudio {
    /// What it came to.
    struct Usage: Sendable {
        var textTokens = 0
        var speechTokens = 0
        var words: [WordTimestamp] = []
    }

    let sampleRateHz: Int
    let voice: String
    private(set) var usage = Usage()

    private let service: SpeechService
    private let request: SpeakRequest
    private let origin: SpeechOrigin
    /// Of what is being sent.
    private var events: Speech.AsyncIterator?
    /// In standard mode the next piece is made while this one is sent.
    private var following: Speech?
    private var laterPieces: ArraySlice<String>
    private var lastPiece: String
    /// A piece of standard mode, until all of it is there.
    private var piece: [Int16] = []
    /// Seconds at which the piece begins, and its samples so far.
    private var (start, sampleCount) = (0.0, 0)

    /// - Throws: `ServerError`.
    init(_ request: SpeakRequest, by service: SpeechService, from origin: SpeechOrigin) async throws {
        var pieces = [request.parts.speech.input]
        if let block = request.block {
            pieces = TextBlocks.split(request.parts.speech.input, size: block.size, by: block.strategy)
                .map(\.text)
        }
        var origin = origin
        origin.printsMetrics = request.printsMetrics
        (self.request, self.origin) = (request, origin)
        do {
            self.service = try service.sharingAllowance()
        } catch {
            throw ServerError(error)
        }
        let first = try await Self.speech(pieces[0], of: request, by: self.service, from: origin)
        (sampleRateHz, voice) = (first.engine.sampleRateHz, first.voice)
        (following, laterPieces, lastPiece) = (first, pieces.dropFirst(), pieces[0])
    }

    private static func speech(
        _ piece: String, after before: String? = nil, of request: SpeakRequest, by service: SpeechService,
        from origin: SpeechOrigin
    ) async throws -> Speech {
        var parts = request.parts
        parts.speech.input = piece
        parts.speech.follow(before)
        do {
            return try await service.start(parts, used: request.used, from: origin)
        } catch {
            throw ServerError(error)
        }
    }

    /// The next samples; nil at the end. While nobody asks, little more is made.
    /// - Throws: `ServerError`.
    func next() async throws -> [Int16]? {
        while try await hasPiece() {
            switch try await nextEvent() {
            case .chunk(let chunk):
                sampleCount += chunk.samples.count
                usage.add(chunk.words, after: start)
                guard request.block != nil else { return chunk.samples }
                piece += chunk.samples
            case .finished(let summary):
                usage.textTokens += summary.textTokens
                usage.speechTokens += summary.tokens
                usage.add(summary.words, after: start)
            case nil:
                start += Double(sampleCount) / Double(sampleRateHz)
                defer { (events, sampleCount, piece) = (nil, 0, []) }
                if !piece.isEmpty { return piece }
            }
        }
        return nil
    }

    private func hasPiece() async throws -> Bool {
        if events != nil { return true }
        var speech = following
        following = nil
        if speech == nil { speech = try await nextPiece() }
        events = speech?.makeAsyncIterator()
        if speech != nil, request.bufferSize > 1 { following = try await nextPiece() }
        return speech != nil
    }

    private func nextPiece() async throws -> Speech? {
        guard let text = laterPieces.popFirst() else { return nil }
        defer { lastPiece = text }
        return try await Self.speech(text, after: lastPiece, of: request, by: service, from: origin)
    }

    private func nextEvent() async throws -> SpeechEvent? {
        guard var reader = events else { return nil }
        do {
            let event = try await reader.next()
            events = reader
            return event
        } catch {
            throw ServerError(error)
        }
    }

    /// Counts an error that came too late for the answer's status.
    nonisolated func failed(_ error: ServerError) { service.metrics.told(error, over: origin.transport) }
}

extension SpokenAudio.Usage {
    fileprivate mutating func add(_ words: [WordTimestamp], after start: Double) {
        self.words += words.map { WordTimestamp(word: $0.word, start: $0.start + start, end: $0.end + start) }
    }
}
