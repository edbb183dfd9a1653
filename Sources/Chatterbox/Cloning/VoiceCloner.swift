import AudioDSP
import Checkpoints
import Foundation
import Tensors

/// A recording to a voice: checked, brought to the wanted loudness, and turned into what T3 and S3Gen are conditioned on.
///
/// Where it differs from the reference: 16 kHz is made from 24 kHz by a windowed sinc of 64 zero crossings where that uses
/// soxr (S3Gen's own 16 kHz is torchaudio's, as there); an incomplete last token of the prompt is left out with its mel
/// frame; recordings are checked.
/// Source: resemble-ai/chatterbox tts.py and tts_turbo.py `prepare_conditionals`, models/s3gen/s3gen.py `embed_ref`
public struct VoiceCloner: Sendable {
    /// Of the recordings.
    public static let sampleRateHz = MelSpectrogram.sampleRateHz
    /// The longest recording that is taken; no more than 15 s are heard but for the speaker.
    public static let maxSeconds = 60.0
    /// What S3Gen hears of it.
    private static let decoderSeconds = 10
    /// Samples of a token at 16 kHz.
    private static let tokenSamples = 640

    private let configuration: CloningConfiguration
    private let promptLength: Int
    private let framesPerToken: Int
    private let voiceEncoder: VoiceEncoder
    private let tokenizer: S3TokenizerV2
    private let speakerEncoder: CAMPPlus
    private let mel: MelSpectrogram
    private let sharp: Resampler
    private let soft: Resampler

    /// - Parameters:
    ///   - voiceEncoder: all of ve.safetensors.
    ///   - tokenizer: `tokenizer.` in S3Gen's checkpoint.
    ///   - speakerEncoder: `speaker_encoder.` there.
    /// - Throws: `CheckpointError`, `TensorError`.
    public init(
        voiceEncoder: WeightReader, tokenizer: WeightReader, speakerEncoder: WeightReader,
        configuration: CloningConfiguration, t3: T3Configuration, s3gen: S3GenConfiguration
    ) throws {
        self.configuration = configuration
        (promptLength, framesPerToken) = (t3.speechCondPromptLength, s3gen.tokenMelRatio)
        self.voiceEncoder = try VoiceEncoder(voiceEncoder, configuration: configuration.voiceEncoder ?? .init())
        try voiceEncoder.finish(ignoring: VoiceEncoder.unused)
        self.tokenizer = try S3TokenizerV2(tokenizer, configuration: configuration.tokenizer ?? .init())
        self.speakerEncoder = try CAMPPlus(
            speakerEncoder, configuration: configuration.speakerEncoder ?? .init())
        mel = try MelSpectrogram()
        sharp = try Resampler(from: Self.sampleRateHz, to: 16000, halfWidth: 64)
        soft = try Resampler(from: Self.sampleRateHz, to: 16000)
    }

    /// - Parameters:
    ///   - recording: a media file.
    ///   - name: of the voice.
    /// - Throws: `AudioError`, which says what is wrong with the recording and what would be right.
    public func voice(of recording: Data, name: String) throws -> VoiceConditionals {
        try voice(
            of: MediaFile.decode(recording, sampleRateHz: Self.sampleRateHz, limits: .init(seconds: Self.maxSeconds)),
            name: name)
    }

    /// - Parameter samples: 24 kHz, ±1.
    /// - Throws: `AudioError.recording`.
    public func voice(of samples: [Float], name: String) throws -> VoiceConditionals {
        try RecordingQuality(samples, sampleRateHz: Self.sampleRateHz)
            .check(.init(seconds: configuration.minSeconds...Self.maxSeconds))
        return try conditionals(of: samples, name: name)
    }

    /// Without a check of the recording.
    package func conditionals(of samples: [Float], name: String) throws -> VoiceConditionals {
        let at24 =
            configuration.loudness.map {
                Loudness.normalized(samples, sampleRateHz: Self.sampleRateHz, target: $0)
            } ?? samples
        let at16 = try sharp(at24)
        let prompt =
            promptLength == 0
            ? [] : try tokenizer(Array(at16.prefix(promptLength * Self.tokenSamples)), limit: promptLength)
        return VoiceConditionals(
            name: name, t3: T3Cond(speakerEmb: try voiceEncoder(at16), promptSpeechTokens: prompt),
            reference: try reference(Array(at24.prefix(Self.decoderSeconds * Self.sampleRateHz))))
    }

    private func reference(_ at24: [Float]) throws -> S3GenReference {
        let frames = try mel(at24)
        let at16 = try soft(at24)
        let tokens = try tokenizer(at16).prefix(frames.shape[1] / framesPerToken)
        return S3GenReference(
            embedding: try speakerEncoder(at16), promptToken: Array(tokens),
            promptFeat: try frames.sliced(axis: 1, from: 0, to: tokens.count * framesPerToken))
    }
}

extension VoiceConditionals {
    /// A number that tells voices apart: of everything that speech is conditioned on, and not of the name (FNV-1a).
    public var fingerprint: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ bits: UInt32) {
            for shift in stride(from: 0, to: 32, by: 8) {
                hash = (hash ^ UInt64(bits >> UInt32(shift) & 0xFF)) &* 0x100_0000_01B3
            }
        }
        for tensor in [t3.speakerEmb, reference.embedding, reference.promptFeat] {
            mix(UInt32(tensor.count))
            tensor.withUnsafeBufferPointer { for value in $0 { mix(value.bitPattern) } }
        }
        for tokens in [t3.promptSpeechTokens, reference.promptToken] {
            mix(UInt32(tokens.count))
            for token in tokens { mix(UInt32(bitPattern: token)) }
        }
        return hash
    }
}
