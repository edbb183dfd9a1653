import Chatterbox
import Checkpoints
import Foundation
import Testing

/// A folder with the files of an official model at the sizes of the fixtures. Its config.json has the small numbers; file
/// names, keys and what else is in the files are the official ones.
struct OfficialFolder {
    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../Fixtures").standardizedFileURL

    let url: URL
    let model: OfficialModel
    let t3File: String
    let s3genFile: String

    /// - Parameter decoder: another than the model's own is `decoder: meanflow`.
    init(_ model: OfficialModel, decoder: OfficialModel.Decoder? = nil) throws {
        let isGPT2 = model == .nano || model == .turbo
        let meanflow = (decoder ?? (isGPT2 ? .meanflow : .guided)) == .meanflow
        self.model = model
        url = FileManager.default.temporaryDirectory.appendingPathComponent("official-\(UUID())")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        t3File = model.t3File
        s3genFile = meanflow ? "s3gen_meanflow.safetensors" : "s3gen.safetensors"
        let flow = meanflow ? "flow_meanflow" : "flow_guided"

        var t3 = try TensorBytes.weights(of: model.fixture)
        for (key, tensor) in t3 where key == "speech_emb.weight" { t3[isGPT2 ? "tfmr.wte.weight" : key] = tensor }
        try TensorBytes.write(t3, to: url.appendingPathComponent(t3File))
        var s3gen = try TensorBytes.weights(of: flow)
        for (key, tensor) in try TensorBytes.weights(of: "hift") { s3gen["mel2wav." + key] = tensor }
        s3gen["tokenizer.window"] = TensorBytes(dtype: "F32", shape: [2], bytes: Data(count: 8))
        s3gen["speaker_encoder.xvector.dense.nonlinear.batchnorm.num_batches_tracked"] = TensorBytes(
            dtype: "I64", shape: [], bytes: Data(count: 8))
        try TensorBytes.write(s3gen, to: url.appendingPathComponent(s3genFile))
        try FileManager.default.copyItem(
            at: Self.fixtures.appendingPathComponent("conds.pt"), to: url.appendingPathComponent("conds.pt"))
        try writeTokenizer()
        try writeConfiguration(flow: flow, isGPT2: isGPT2)
    }

    func remove() { try? FileManager.default.removeItem(at: url) }

    /// Writes one of the files anew.
    func change(_ file: String, _ body: (inout [String: TensorBytes]) throws -> Void) throws {
        let path = url.appendingPathComponent(file)
        var tensors = try TensorBytes.all(of: SafetensorsFile(url: path))
        try body(&tensors)
        try TensorBytes.write(tensors, to: path)
    }

    private func writeConfiguration(flow: String, isGPT2: Bool) throws {
        func json(_ name: String) throws -> [String: Any] {
            let data = try Data(contentsOf: Self.fixtures.appendingPathComponent(name + ".json"))
            return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
        var (t3, s3gen, vocoder) = (try json(model.fixture), try json(flow), try json("hift"))
        t3["file"] = t3File
        if isGPT2 { t3["closing_tokens"] = [7, 7, 7] }
        s3gen["file"] = s3genFile
        vocoder["file"] = s3genFile
        let text: [String: Any] =
            isGPT2
            ? ["type": "turbo"]
            : model == .english
                ? ["type": "english", "file": "tokenizer.json"]
                : ["type": "multilingual", "file": "grapheme_mtl_merged_expanded_v1.json"]
        let configuration: [String: Any] = [
            "format": 1, "name": model.rawValue, "sample_rate": 24000, "t3": t3, "s3gen": s3gen, "vocoder": vocoder,
            "text": text, "voices": ["file": "conds.pt", "default": "default", "names": ["default"]],
        ]
        try JSONSerialization.data(withJSONObject: configuration).write(to: url.appendingPathComponent("config.json"))
    }

    /// Letters and little more, within the fixtures' text vocabularies.
    private func writeTokenizer() throws {
        let letters = "abcdefghijklmnopqrstuvwxyz".map(String.init)
        func write(_ value: Any, _ name: String) throws {
            try JSONSerialization.data(withJSONObject: value).write(to: url.appendingPathComponent(name))
        }
        if model == .nano || model == .turbo {
            let tokens = letters + ["\u{120}", ".", ",", "!"]
            try write(Dictionary(uniqueKeysWithValues: zip(tokens, 0...)), "vocab.json")
            try "#version: 0.2\n".write(to: url.appendingPathComponent("merges.txt"), atomically: true, encoding: .utf8)
            return
        }
        var vocabulary = ["[STOP]": 0, "[UNK]": 2, "[SPACE]": 3]
        if model == .english {
            vocabulary["[START]"] = 1
            for (id, letter) in zip(4..., letters) { vocabulary[letter] = id }
        } else {
            vocabulary["[START]"] = 25
            vocabulary["[en]"] = 1
            for (id, letter) in zip((4...).lazy.filter { $0 != 25 }, letters) { vocabulary[letter] = id }
        }
        let added = vocabulary.filter { $0.key.hasPrefix("[") }.map { content, id in
            [
                "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            ] as [String: Any]
        }
        let tokenizer: [String: Any] = [
            "version": "1.0", "added_tokens": added,
            "pre_tokenizer": ["type": "Whitespace"],
            "model": ["type": "BPE", "unk_token": "[UNK]", "vocab": vocabulary, "merges": [String]()] as [String: Any],
        ]
        try write(tokenizer, model == .english ? "tokenizer.json" : "grapheme_mtl_merged_expanded_v1.json")
    }
}

extension OfficialModel {
    /// The fixture with its T3, small.
    fileprivate var fixture: String {
        switch self {
        case .nano: "t3_nano"
        case .turbo: "t3_turbo"
        case .english: "t3_perceiver"
        case .multilingualV2, .multilingualV3: "t3_multilingual"
        }
    }
}

/// A tensor as it lies in a file.
struct TensorBytes {
    var dtype: String
    var shape: [Int]
    var bytes: Data

    static func all(of file: SafetensorsFile) -> [String: TensorBytes] {
        file.entries.mapValues { entry in
            TensorBytes(
                dtype: entry.dtype.rawValue, shape: entry.shape, bytes: Data(file.contents[entry.bytes]))
        }
    }

    /// What a fixture has under `weights`.
    static func weights(of fixture: String) throws -> [String: TensorBytes] {
        let file = try SafetensorsFile(url: OfficialFolder.fixtures.appendingPathComponent(fixture + ".safetensors"))
        return Dictionary(
            uniqueKeysWithValues: all(of: file).compactMap { key, tensor in
                key.hasPrefix("weights.") ? (String(key.dropFirst("weights.".count)), tensor) : nil
            })
    }

    static func write(_ tensors: [String: TensorBytes], to url: URL) throws {
        var header: [String: Any] = [:]
        var data = Data()
        for (key, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            header[key] = [
                "dtype": tensor.dtype, "shape": tensor.shape,
                "data_offsets": [data.count, data.count + tensor.bytes.count],
            ]
            data += tensor.bytes
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) }
        try (Data(length) + json + data).write(to: url)
    }
}
