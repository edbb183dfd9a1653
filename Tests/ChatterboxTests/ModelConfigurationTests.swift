import Chatterbox
import Checkpoints
import Foundation
import Testing

/// config.json: what is accepted, and errors that name the field.
@Suite struct ModelConfigurationTests {
    private static func json() throws -> [String: Any] {
        let data = try Data(contentsOf: Fixture.folder.appendingPathComponent("official_english.json"))
        return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// The official configuration with one value replaced, or removed if nil.
    private static func changed(_ path: String, _ value: Any?) throws -> Data {
        func change(_ object: [String: Any], _ keys: ArraySlice<Substring>) throws -> [String: Any] {
            var object = object
            let key = String(try #require(keys.first))
            if keys.count == 1 {
                object[key] = value
            } else {
                object[key] = try change(#require(object[key] as? [String: Any]), keys.dropFirst())
            }
            return object
        }
        return try JSONSerialization.data(withJSONObject: change(json(), path.split(separator: ".")[...]))
    }

    @Test func foldersWithoutModel() {
        let files = ["config.json"] + OfficialModel.allCases.map(\.t3File)
        #expect(throws: ChatterboxError.noModel(folder: "nothing", files: files)) {
            try ChatterboxModel.load(folder: Fixture.folder.appendingPathComponent("nothing"), precision: .float32)
        }
    }

    @Test func roundTrips() throws {
        let configuration = try OfficialShapesTests.configuration()
        #expect(configuration.t3.headDim == 64 && configuration.s3gen.encoder.upBlockCount == 4)
        #expect(try ModelConfiguration.decode(JSONEncoder().encode(configuration)) == configuration)
    }

    @Test(arguments: [
        "format", "t3", "t3.hidden_size", "s3gen.encoder.num_blocks", "s3gen.decoder.cfg_rate", "vocoder.type",
        "vocoder.hop", "voices.names", "t3.sampling.min_p",
    ])
    func missing(_ field: String) throws {
        let data = try Self.changed(field, nil)
        #expect(throws: ChatterboxError.configuration(file: "config.json", field: field, problem: "missing")) {
            try ModelConfiguration.decode(data)
        }
    }

    private static let bad: [(field: String, value: String)] = [
        ("format", "2"), ("sample_rate", "16000"), ("t3.hidden_size", "0"), ("t3.hidden_size", #""wide""#),
        ("t3.hidden_size", "10000000"), ("t3.head_dim", "63"), ("t3.backbone", #""gpt2""#), ("t3.backbone", #""bert""#),
        ("t3.n_positions", "9000"),
        ("t3.layer_norm_epsilon", "1e-5"), ("t3.sampling.top_k", "-1"), ("t3.closing_tokens", "[9000]"),
        ("t3.file", #""../t3.safetensors""#), ("t3.file", #""""#), ("t3.rms_norm_eps", "0"), ("t3.rope_theta", "0"),
        ("t3.start_text_token", "704"), ("t3.stop_speech_token", "-1"), ("t3.alignment_heads", "[[30, 0]]"),
        ("t3.alignment_heads", "[[0]]"), ("t3.reading_heads", "[[0, 99]]"), ("t3.rope_scaling.rope_type", #""yarn""#),
        ("t3.rope_scaling.factor", "0"),
        ("t3.rope_scaling.high_freq_factor", "1"), ("t3.sampling.min_p", "2"),
        ("t3.sampling.repetition_penalty", "0"), ("s3gen.token_mel_ratio", "3"),
        ("s3gen.encoder.attention_heads", "7"), ("s3gen.encoder.output_size", "256"),
        ("s3gen.decoder.in_channels", "300"), ("s3gen.decoder.channels", "[256, 256]"),
        ("s3gen.decoder.n_timesteps", "0"), ("s3gen.decoder.cfg_rate", "-1"),
        ("s3gen.decoder.precision", #""int3""#), ("vocoder.type", #""wavenet""#),
        ("vocoder.base_channels", "4"), ("vocoder.n_fft", "32"), ("vocoder.upsample_rates", "[]"),
        ("vocoder.upsample_kernel_sizes", "[16, 11, 8]"), ("vocoder.resblock_kernel_sizes", "[2, 7, 11]"),
        ("vocoder.source_resblock_kernel_sizes", "[7]"), ("voices.default", #""nobody""#),
        ("voices.names", #"["a", "a"]"#), ("voices.names", "[]"), ("text.type", #""bpe""#),
        ("text.g2p.file", #""/etc/passwd""#), ("text.g2p.before", "-1"), ("t3.sampling.temperature_scale", "0"),
        ("t3.text_tokens_dict_size", "3"), ("voices.file", #""a/b""#),
    ]

    @Test(arguments: bad)
    func refused(_ field: String, _ value: String) throws {
        let json = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
        let data = try Self.changed(field, json)
        do {
            _ = try ModelConfiguration.decode(data)
            Issue.record("\(field) = \(value) was accepted")
        } catch let error as ChatterboxError {
            guard case .configuration(_, let found, _) = error else {
                Issue.record("\(error)")
                return
            }
            // A contradiction between two fields may be laid to the other one.
            let section = field.split(separator: ".").dropLast().joined(separator: ".")
            let near = !section.isEmpty && found.hasPrefix(section) || found.hasPrefix("voices")
            #expect(found == field || near, "\(error)")
        }
    }

    @Test(arguments: ["", "{", "[]", "null", "{\"format\": 1e99}"])
    func noConfiguration(_ text: String) {
        #expect(throws: ChatterboxError.self) { try ModelConfiguration.decode(Data(text.utf8)) }
    }
}
