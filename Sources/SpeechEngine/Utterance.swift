import AudioDSP
import Chatterbox

/// One request on its way from text to samples, in small units of work. Knows nothing of threads and clients.
package struct Utterance<Model: SpeechModel>: Sendable {
    /// What a unit of work gave.
    package enum Progress: Sendable {
        case more
        /// Samples that are ready; may be few at the end of a piece.
        case chunk([Float])
        case finished(SpeechSummary.EndReason)
    }

    /// What the next unit of work is; of those who wait for their first sound, the first named go first.
    package enum Work: Comparable, Sendable {
        /// A text to begin, or audio.
        case own
        /// A token, to be made together with those of others.
        case token
        /// A recording to make a voice of, which takes seconds.
        case voice
    }

    private let model: Model
    private let request: SpeechRequest
    /// Who speaks; made in the first unit of work if the request brings a recording.
    private var speaker: Speaker?
    private let seed: UInt64
    private var growth: ChunkGrowth
    private var pieces: AnyPieces
    private var nextPiece: TextPiece?
    private var isSentenceOver: Bool
    private var pieceIndex = 0
    private var speaking: Speaking?
    private var endReason: SpeechSummary.EndReason = .stopToken
    private var stage = Stage.text
    /// Speech tokens so far, the stop tokens not counted.
    package private(set) var tokenCount = 0
    /// Text tokens that the model has read.
    package private(set) var textTokenCount = 0

    /// Nil if nobody asked, or the model can't tell.
    private var timeline: WordTimeline?
    private var toldWords: [WordTimestamp] = []

    private enum Stage { case voice, text, tokens, flush, finished }

    private struct Speaker: Sendable {
        let voice: Model.Voice
        var synthesizer: ChunkSynthesizer<Model>

        init(_ voice: Model.Voice, model: Model, request: SpeechRequest, seed: UInt64) {
            self.voice = voice
            synthesizer = ChunkSynthesizer(model: model, voice: voice, request: request, seed: seed)
        }
    }

    /// A piece that T3 is speaking.
    private struct Speaking: Sendable {
        /// Nil while the model has it.
        var decoding: Model.Decoding?
        var monitor: AlignmentMonitor?
        var sampler: TokenSampler
        var history: [Int32] = []
        var unheard: [Int32] = []
        var ended = false
    }

    /// Lazy pieces; only one thread at a time has the utterance.
    private struct AnyPieces: @unchecked Sendable {
        // Proof: the iterator is reached only through the utterance, a value that its scheduler gives to one worker at a
        // time, under a lock.
        let iterator: AnyIterator<TextPiece>
    }

    /// - Throws: `SpeechEngineError.unknownVoice`, `.cloningUnsupported`, `.outOfRange`, `.unknownLanguage`,
    ///   `.unreadableText`.
    package init(model: Model, request: SpeechRequest, voiceName: String, voices: [String], seed: UInt64) throws {
        try request.validate()
        if request.voiceAudio != nil {
            guard model.canClone else { throw SpeechEngineError.cloningUnsupported(model: model.name) }
            stage = .voice
        } else {
            guard let voice = model.voice(voiceName) else {
                throw SpeechEngineError.unknownVoice(name: voiceName, available: voices)
            }
            speaker = Speaker(voice, model: model, request: request, seed: seed)
        }
        self.model = model
        self.request = request
        self.seed = seed
        growth = ChunkGrowth(first: request.chunkSize)
        isSentenceOver = request.followsSentence
        pieces = AnyPieces(iterator: try model.pieces(of: request))
        if request.includeTimestamps {
            timeline = WordTimeline(words: model.words(of: request.input), secondsPerToken: Self.seconds(1, model))
        }
    }

    package var isFinished: Bool { stage == .finished }
    /// Whether it is finished and nothing cut it short.
    package var isSpoken: Bool { isFinished && endReason == .stopToken }
    /// Seconds of audio so far.
    package var audioDuration: Double { Double(speaker?.synthesizer.sampleCount ?? 0) / Double(model.sampleRateHz) }

    /// Tells that a chunk was sent, so that the next may be of another size.
    /// - Parameter elapsed: seconds since the request.
    package mutating func chunkSent(elapsed: Double, sessions: Int = 1) {
        if request.chunkGrowth {
            growth.chunkSent(elapsed: elapsed, tokens: tokenCount, audio: audioDuration, sessions: sessions)
        }
    }

    /// Words whose times are known since the last call.
    package mutating func takeWords() -> [WordTimestamp] {
        defer { toldWords = [] }
        return toldWords
    }

    /// Of so many tokens' audio.
    package func seconds(_ tokens: Int) -> Double { Self.seconds(tokens, model) }

    /// Of so many tokens' audio.
    private static func seconds(_ tokens: Int, _ model: Model) -> Double {
        Double(tokens * model.framesPerToken * model.samplesPerFrame) / Double(model.sampleRateHz)
    }

    package var work: Work {
        switch stage {
        case .voice: .voice
        case .tokens where !isChunkComplete: .token
        default: .own
        }
    }

    private var isChunkComplete: Bool {
        guard let speaking else { return false }
        return speaking.ended || speaking.unheard.count >= growth.size
    }

    /// Adds the newest token, and what T3 has made of those before it, to a pass of the model; `draw` gets it back.
    package mutating func enter(_ tokens: inout [Int32], _ decodings: inout [Model.Decoding]) {
        guard let token = speaking?.history.last, let decoding = speaking?.decoding else {
            preconditionFailure("a piece begins with a token")
        }
        tokens.append(token)
        decodings.append(decoding)
        speaking?.decoding = nil  // the one copy is changed in place
    }

    /// Draws the next token from what the model has made of the newest one.
    package mutating func draw(_ decoding: Model.Decoding) {
        guard var speaking else { preconditionFailure("no piece is being spoken") }
        self.speaking = nil
        speaking.decoding = decoding
        draw(from: decoding, &speaking, fed: speaking.history.last)
        self.speaking = speaking
    }

    /// Does one unit of work.
    /// - Parameter checkpoint: called at every token and flow step; throws to cancel.
    /// - Throws: `SpeechEngineError.emptyText` if the text has nothing to speak; what the model or `checkpoint` throws.
    package mutating func advance(checkpoint: () throws -> Void) throws -> Progress {
        switch stage {
        case .voice:
            try checkpoint()
            guard let recording = request.voiceAudio else { preconditionFailure("no recording") }
            do {
                let voice = try model.voice(of: recording)
                speaker = Speaker(voice, model: model, request: request, seed: seed)
            } catch let error as AudioError {
                throw SpeechEngineError.unusableRecording(reason: error.description)
            }
            stage = .text
            return .more
        case .text:
            try checkpoint()
            let piece = nextPiece ?? pieces.iterator.next()
            nextPiece = nil
            guard let piece else {
                guard pieceIndex > 0 else { throw SpeechEngineError.emptyText }
                toldWords += timeline?.rest() ?? []
                stage = .flush
                return .more
            }
            try begin(piece)
            stage = .tokens
            return .more
        case .tokens:
            guard isChunkComplete else {
                try checkpoint()
                var (tokens, decodings): ([Int32], [Model.Decoding]) = ([], [])
                enter(&tokens, &decodings)
                try model.step(tokens, &decodings)
                draw(decodings.removeLast())
                return .more
            }
            return try synthesize(checkpoint)
        case .flush:
            stage = .finished
            return .chunk(try speaker?.synthesizer.flush() ?? [])
        case .finished:
            return .finished(endReason)
        }
    }

    private mutating func begin(_ piece: TextPiece) throws {
        if isSentenceOver { speaker?.synthesizer.pauseBetweenSentences() }
        isSentenceOver = piece.text.endsSentence
        guard let speaker else { preconditionFailure("nobody to speak") }
        let decoding = try model.prefill(piece.tokens, voice: speaker.voice, request: request)
        if decoding.alignment.isEmpty { timeline = nil }
        let start = Double(speaker.synthesizer.pieceFrame * model.samplesPerFrame) / Double(model.sampleRateHz)
        let offset = model.alignmentOffset
        timeline?.begin(piece.words, offset: offset, start: start)
        var speaking = Speaking(
            decoding: decoding,
            monitor: request.enableAlignmentMonitoring && !decoding.alignment.isEmpty
                ? AlignmentMonitor(
                    length: decoding.alignment.count, window: request.alignmentWindowSize,
                    threshold: request.alignmentThreshold, tuning: model.alignmentTuning) : nil,
            sampler: model.sampler(for: request, seed: seed &+ UInt64(pieceIndex) &* 0x9E37_79B9_7F4A_7C15))
        draw(from: decoding, &speaking, fed: nil)
        self.speaking = speaking
        pieceIndex += 1
        textTokenCount += piece.tokens.count
    }

    /// The audio of a chunk that is complete.
    private mutating func synthesize(_ checkpoint: () throws -> Void) throws -> Progress {
        guard var speaking else { preconditionFailure("no piece is being spoken") }
        self.speaking = nil  // the one copy is changed in place
        let samples =
            try speaker?.synthesizer.step(speaking.unheard, endsPiece: speaking.ended, checkpoint: checkpoint) ?? []
        speaking.unheard = []
        let isCut = speaking.ended && endReason == .maxNewTokens
        toldWords += timeline?.take(ending: !speaking.ended ? .no : isCut ? .cut : .whole) ?? []
        if speaking.ended {
            stage = endReason == .maxNewTokens ? .flush : .text
        } else {
            self.speaking = speaking
        }
        return samples.isEmpty ? .more : .chunk(samples)
    }

    /// Draws the next token into the history, or ends the piece.
    private mutating func draw(from decoding: Model.Decoding, _ speaking: inout Speaking, fed: Int32?) {
        let stop = model.stopToken
        var logits = decoding.logits
        for token in model.forbiddenTokens where token != stop { logits[Int(token)] = -.infinity }
        let alignment = decoding.alignment
        var verdict = speaking.monitor?.observe(attention: alignment, token: fed) ?? .allow
        // Speech needs a token at least, or nothing would be heard of the piece.
        if speaking.history.isEmpty { verdict = .suppressEnd }
        if tokenCount < request.minNewTokens, isLastPiece() { verdict = .suppressEnd }
        if verdict == .suppressEnd { logits[Int(stop)] = -.infinity }
        speaking.decoding?.readable = speaking.monitor?.reach
        if case .forceEnd = verdict {
            speaking.ended = true
            endReason = .alignment
            return
        }
        let token = speaking.sampler.sample(logits: logits, history: speaking.history)
        if token == stop {
            speaking.ended = true
            endReason = .stopToken
            return
        }
        timeline?.observe(alignment)
        speaking.history.append(token)
        speaking.unheard.append(token)
        tokenCount += 1
        if tokenCount >= request.maxNewTokens {
            speaking.ended = true
            endReason = .maxNewTokens
        } else if speaking.history.count >= model.maxTokensPerPiece {
            speaking.ended = true
            endReason = .modelLimit
        }
    }

    private mutating func isLastPiece() -> Bool {
        if nextPiece == nil { nextPiece = pieces.iterator.next() }
        return nextPiece == nil
    }
}
