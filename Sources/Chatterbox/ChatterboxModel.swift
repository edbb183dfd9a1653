import Checkpoints
import Foundation
import Tensors

/// A model folder, loaded: weights that never change, to be shared by all sessions. Each session has its own
/// `T3State` and `VocoderState`.
public final class ChatterboxModel: Sendable {
    public let configuration: ModelConfiguration
    public let t3: T3
    public let s3gen: S3Gen
    public let vocoder: any Vocoder
    /// Raw text to T3's text ids.
    public let text: TextFrontEnd
    /// By name.
    public let voices: [String: VoiceConditionals]
    /// Voices of recordings; nil if the model can't make them.
    public let clonedVoices: ClonedVoices?

    /// Reads a model's folder, with an audit that every weight is used: by its config.json, or as the official model whose
    /// files are there.
    /// - Parameter watchingAllHeads: whether T3 tells the attention of every head, to find those that follow the text;
    ///   otherwise of those in its configuration or in `AlignmentFile`.
    /// - Parameter keepsPacked: whether packed weights are kept in files for the next start; see `PackedWeights`.
    /// - Throws: `ChatterboxError`, `CheckpointError`, `TextError`, `TensorError`.
    public static func load(
        folder: URL, precision: Precision, selection: OfficialModel.Selection = .init(), watchingAllHeads: Bool = false,
        keepsPacked: Bool = false
    ) throws -> ChatterboxModel {
        var configuration = try ModelConfiguration.read(from: folder, selection: selection)
        if watchingAllHeads { configuration.t3.alignmentHeads = configuration.t3.allHeads }
        var packed: [PackedWeights] = []
        let model = try ChatterboxModel(folder: folder, configuration: configuration, precision: precision) { name in
            let url = folder.appendingPathComponent(name)
            let file = try openCheckpoint(url)
            let weights = keepsPacked ? PackedWeights(of: file, at: url, precision: precision) : nil
            if let weights { packed.append(weights) }
            return WeightReader(file, packed: weights)
        }
        PackedWeights.saveInBackground(packed)
        return model
    }

    /// Waits until all packed weights are written that models keep; for before the process ends.
    public static func finishSaving() { PackedWeights.finishSaving() }

    /// - Parameters:
    ///   - precision: of the weights; with int8 those of T3 alone, and bfloat16 for all others.
    ///   - audited: whether also those numbers are read that loading leaves for later.
    ///   - reader: of a file in the folder, by its name.
    init(
        folder: URL, configuration: ModelConfiguration, precision: Precision, audited: Bool = false,
        reader: (_ file: String) throws -> WeightReader
    ) throws {
        self.configuration = configuration
        // A step of T3 reads every weight for a few rows; all else multiplies many rows with each.
        let t3Precision = precision
        let precision = precision == .int8 ? Precision.bfloat16 : precision
        self.t3 = try T3(reader(configuration.t3.file), configuration: configuration.t3, precision: t3Precision)
        let s3genReader = try reader(configuration.s3gen.file)
        self.s3gen = try S3Gen(s3genReader, configuration: configuration.s3gen, precision: precision)
        switch configuration.vocoder {
        case .sourceFilter(let vocoder):
            self.vocoder = try SourceFilterVocoder(reader(vocoder.file), configuration: vocoder, precision: precision)
        case .hift(let vocoder):
            // S3Gen's official checkpoints have it inside.
            let own = vocoder.file == configuration.s3gen.file ? s3genReader : try reader(vocoder.file)
            self.vocoder = try HiFTGenerator(own.scope("mel2wav"), configuration: vocoder, precision: precision)
            if vocoder.file != configuration.s3gen.file { try own.finish() }
        }
        if let cloning = configuration.cloning {
            // All weights are looked for now, by name and shape; they take memory when the first recording comes.
            let file = try openCheckpoint(folder.appendingPathComponent(configuration.s3gen.file))
            let parts = audited ? s3genReader : WeightReader(shapesOf: file)
            @Sendable func cloner(_ s3gen: WeightReader, _ voiceEncoder: WeightReader) throws -> VoiceCloner {
                try VoiceCloner(
                    voiceEncoder: voiceEncoder, tokenizer: s3gen.scope("tokenizer"),
                    speakerEncoder: s3gen.scope("speaker_encoder"), configuration: cloning, t3: configuration.t3,
                    s3gen: configuration.s3gen)
            }
            _ = try cloner(parts, reader(cloning.file))
            clonedVoices = ClonedVoices {
                try cloner(
                    WeightReader(file),
                    WeightReader(openCheckpoint(folder.appendingPathComponent(cloning.file))))
            }
        } else {
            clonedVoices = nil
        }
        try s3genReader.finish(ignoring: Self.unusedByS3Gen)
        let maximumTokens = configuration.t3.maxTextTokens - configuration.t3.framed([]).count
        switch configuration.text {
        case .phonemes(let text):
            let g2p = try reader(text.g2p.file)
            self.text = try TextFrontEnd(text, maximumTokens: maximumTokens, precision: precision) { key, shape in
                try g2p.tensor(key, shape: shape)
            }
            try g2p.finish()
        case .tokenizer(let text):
            self.text = try TextFrontEnd(
                tokenizer: text.tokenizer(folder: folder, vocabularySize: configuration.t3.textVocabularySize),
                punctuation: text.type, maximumTokens: maximumTokens)
        }
        let voices = try reader(configuration.voices.file)
        self.voices = try Dictionary(
            uniqueKeysWithValues: configuration.voices.names.map { name in
                let scope = voices.contains("t3.speaker_emb") ? voices : voices.scope(name)
                return (
                    name,
                    try VoiceConditionals(scope, name: name, t3: configuration.t3, s3gen: configuration.s3gen)
                )
            })
        try voices.finish(ignoring: VoiceConditionals.unused)
    }

    /// Parts of S3Gen's official checkpoints that make voices of recordings, and aren't needed to speak.
    package static let unusedByS3Gen = [
        "tokenizer.*": "S3Tokenizer: only for reference recordings",
        "speaker_encoder.*": "CAMPPlus x-vector: only for reference recordings",
    ]

    /// The voice of this name.
    /// - Throws: `ChatterboxError.unknownVoice`.
    public func voice(_ name: String) throws -> VoiceConditionals {
        guard let voice = voices[name] else {
            throw ChatterboxError.unknownVoice(name: name, available: configuration.voices.names)
        }
        return voice
    }
}
