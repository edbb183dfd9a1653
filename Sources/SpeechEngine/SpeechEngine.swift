import Chatterbox
import Foundation
import Synchronization
import Tensors

/// Text to speech, many requests at once, each streamed as its tokens are made.
public final class SpeechEngine: SpeechSynthesizing {
    public struct Configuration: Sendable {
        /// Folder with config.json and weights, or with the files of an official model.
        public var modelFolder: URL
        /// Which of the official models in the folder, and how its S3Gen is to work.
        public var selection = OfficialModel.Selection()
        public var precision: Precision
        /// Inference threads.
        public var threads: Int
        /// Requests that are spoken at once, while others wait; nil is as many as stay in real time.
        public var maxSessions: Int?
        /// Requests that may wait for a place.
        public var maxWaiting: Int
        /// Chunks that may wait for a slow listener before its request pauses.
        public var maxUnreadChunks: Int
        /// Pronunciations of names; see `Lexicon`.
        public var lexiconFile: URL?
        /// Whether packed weights are kept in files, so that the next start is quick; see `PackedWeights`.
        public var keepsPackedWeights = false
        /// Nil measures nothing.
        public var metrics: EngineMetrics?

        public init(
            modelFolder: URL, precision: Precision = .int8,
            threads: Int = ProcessInfo.processInfo.activeProcessorCount, maxSessions: Int? = nil, maxWaiting: Int = 32,
            maxUnreadChunks: Int = 8, lexiconFile: URL? = nil
        ) {
            self.modelFolder = modelFolder
            self.precision = precision
            self.threads = threads
            self.maxSessions = maxSessions
            self.maxWaiting = maxWaiting
            self.maxUnreadChunks = maxUnreadChunks
            self.lexiconFile = lexiconFile
        }
    }

    /// More sessions than this cost memory that nobody has asked about.
    private static let mostSessions = 64

    private struct Loaded: Sendable {
        let model: ChatterboxSpeechModel
        let scheduler: Scheduler<ChatterboxSpeechModel>
    }

    private let configuration: Configuration
    private let loaded = Mutex<Loaded?>(nil)
    private let stopped = Atomic<Bool>(false)
    /// What still goes on after loading.
    private let warming = DispatchGroup()

    public init(configuration: Configuration) { self.configuration = configuration }

    /// Reads the model and starts the threads.
    /// - Throws: `ChatterboxError`, `CheckpointError`, `TextError`, each with what to mend.
    public func load() throws {
        Cores.count = max(Cores.count, configuration.threads)
        let model = try ChatterboxModel.load(
            folder: configuration.modelFolder, precision: configuration.precision, selection: configuration.selection,
            keepsPacked: configuration.keepsPackedWeights)
        var text = model.text
        if let file = configuration.lexiconFile {
            guard case .phonemes(let configuration) = model.configuration.text,
                let read = text.with(try Lexicon(contentsOf: file, symbols: configuration.symbols))
            else {
                throw TextError.unreadableLexicon(path: file.path, problem: "this model reads letters, not phonemes")
            }
            text = read
        }
        var speech = ChatterboxSpeechModel(model: model, text: text)
        try Cores.working { try Self.warmUp(speech) }
        MemoryPool.shared.releaseIdle()  // of weights before they were packed
        readVoice(speech)
        speech.metrics = configuration.metrics  // from here on it works for clients
        let scheduler = Scheduler(
            model: speech, threads: max(1, configuration.threads),
            admission: configuration.maxSessions.map { .fixed($0) } ?? .realTime(most: Self.mostSessions),
            maxWaiting: configuration.maxWaiting, metrics: configuration.metrics)
        loaded.withLock { [speech] in $0 = Loaded(model: speech, scheduler: scheduler) }
    }

    /// Runs what makes sound of tokens once, as little of it as can be, so that no request is the first to find out that it
    /// can't.
    private static func warmUp(_ model: ChatterboxSpeechModel) throws {
        let parts = model.model
        let voice = try parts.voice(parts.configuration.voices.default)
        let mel = try parts.s3gen.mel(
            tokens: [Int32](repeating: 0, count: 10), context: 0, firstToken: 0,
            reference: S3GenReference(embedding: voice.reference.embedding), noise: .seed(0), finalize: true,
            stepCount: 1, trace: nil)
        var vocoder = model.vocoderState(seed: 0)
        _ = try model.vocode(mel, &vocoder)
    }

    /// Has T3 read the default voice, which it remembers. A request that comes meanwhile waits for just that.
    private func readVoice(_ model: ChatterboxSpeechModel) {
        let name = model.model.configuration.voices.default
        warming.enter()
        Thread.detachNewThread { [warming] in
            defer { warming.leave() }
            guard let voice = model.voice(name) else { return }
            let request = SpeechRequest(input: "Ready.")
            guard let piece = try? model.pieces(of: request).next() else { return }
            _ = try? Cores.working { try model.prefill(piece.tokens, voice: voice, request: request) }
        }
    }

    private var current: Loaded? { loaded.withLock { $0 } }

    public var isReady: Bool { current != nil && !stopped.load(ordering: .acquiring) }
    public var sampleRateHz: Int { current?.model.sampleRateHz ?? 24000 }
    public var voices: [String] { current?.model.model.configuration.voices.names ?? [] }
    public var defaultVoice: String { current?.model.model.configuration.voices.default ?? "" }
    public var modelName: String {
        current?.model.model.configuration.name ?? configuration.modelFolder.lastPathComponent
    }

    public var canClone: Bool { current?.model.canClone ?? false }

    public var ignoredParameters: [String] {
        guard let model = current?.model else { return [] }
        let t3 = model.model.configuration.t3
        var ignored: [String] = []
        if model.text.readsPhonemes { ignored.append("normalize_text") }
        if !t3.emotionAdv { ignored.append("exaggeration") }
        if t3.backbone == .gpt2 { ignored.append("cfg_weight") }
        if t3.alignmentHeads.isEmpty {
            ignored += [
                "enable_alignment_monitoring", "alignment_window_size", "alignment_threshold", "include_timestamps",
            ]
        }
        return ignored
    }

    /// Requests that are being spoken, and that wait.
    public var activity: (running: Int, waiting: Int) { current?.scheduler.load ?? (0, 0) }

    public func speak(_ request: SpeechRequest) throws -> SpeechStream {
        guard !stopped.load(ordering: .acquiring) else { throw SpeechEngineError.shuttingDown }
        guard let current else { throw SpeechEngineError.notReady }
        let seed = request.seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        return try current.scheduler.start(
            request, voiceName: request.voice ?? defaultVoice, voices: voices, seed: seed,
            maxUnreadChunks: configuration.maxUnreadChunks)
    }

    /// For the start of a process that is to run for long: what a long text needed doesn't stay with it.
    public static func boundMemory() { Memory.boundHeap() }

    /// Gives memory that nothing uses back to the system; models stay loaded.
    public static func giveBackMemory() { Memory.giveBack() }

    /// Ends all requests with `SpeechEngineError.shuttingDown` and the threads with them.
    public func shutdown() {
        stopped.store(true, ordering: .releasing)
        current?.scheduler.stop()
        warming.wait()
        ChatterboxModel.finishSaving()
    }
}
