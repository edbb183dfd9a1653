/// A published checkpoint, by the name a user says.
public enum HubModel: String, CaseIterable, Sendable {
    case nano, turbo, english, multilingual

    /// On the Hugging Face hub.
    public var repository: String {
        switch self {
        case .nano: "ResembleAI/chatterbox-nano"
        case .turbo: "ResembleAI/chatterbox-turbo"
        case .english, .multilingual: "ResembleAI/chatterbox"
        }
    }

    /// The files it needs; of several names for one file the first that the repository has.
    public var files: [[String]] {
        let common = [["ve.safetensors", "ve.pt"], ["conds.pt"]]
        let gpt2 = [["vocab.json"], ["merges.txt"], ["added_tokens.json"], ["tokenizer_config.json"]]
        switch self {
        case .nano: return [["t3_nano_v1.safetensors"], ["s3gen_meanflow.safetensors"]] + common + gpt2
        case .turbo: return [["t3_turbo_v1.safetensors"], ["s3gen_meanflow.safetensors"]] + common + gpt2
        case .english: return [["t3_cfg.safetensors"], ["s3gen.safetensors"]] + common + [["tokenizer.json"]]
        case .multilingual:
            return [["t3_mtl23ls_v3.safetensors", "t3_mtl23ls_v2.safetensors"], ["s3gen.safetensors", "s3gen.pt"]]
                + common + [["grapheme_mtl_merged_expanded_v1.json"], ["Cangjie5_TC.json"]]
        }
    }

    /// Codes of the languages it speaks.
    public var languages: [String] {
        switch self {
        case .nano, .turbo, .english: ["en"]
        case .multilingual:
            [
                "ar", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "it", "ja", "ko", "ms", "nl", "no", "pl",
                "pt", "ru", "sv", "sw", "tr", "zh",
            ]
        }
    }
}
