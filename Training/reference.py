"""The reference's own classes (PyPI chatterbox-tts 0.1.7) at the embedded voice's sizes, without importing the rest of
that package."""
import importlib.util
import os
import sys
import types


def _packages():
    """Registers the package's folders so that single modules load without its top level, which wants much more."""
    root = list(importlib.util.find_spec("chatterbox").submodule_search_locations)[0]
    for name in ("chatterbox", "chatterbox.models", "chatterbox.models.s3gen", "chatterbox.models.t3"):
        if name not in sys.modules:
            module = types.ModuleType(name)
            module.__path__ = [os.path.join(root, *name.split(".")[1:])]
            sys.modules[name] = module


_packages()

S3GEN = {
    "vocab_size": 6561, "input_size": 192, "output_size": 80, "spk_embed_dim": 192, "token_mel_ratio": 2, "pre_lookahead_len": 3,
    "encoder": {"output_size": 192, "attention_heads": 3, "linear_units": 384, "num_blocks": 2, "num_up_blocks": 2},
    "decoder": {"in_channels": 320, "channels": [128], "n_blocks": 1, "num_mid_blocks": 2, "num_heads": 2,
                "attention_head_dim": 64, "meanflow": True, "n_timesteps": 1, "cfg_rate": 0.0},
}
T3 = {
    "backbone": "llama", "hidden_size": 256, "num_hidden_layers": 6, "num_attention_heads": 4, "head_dim": 64,
    "intermediate_size": 704, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": None,
    "start_text_token": 1, "stop_text_token": 0, "speech_tokens_dict_size": 6563, "start_speech_token": 6561,
    "stop_speech_token": 6562, "max_text_tokens": 400, "max_speech_tokens": 450, "speaker_embed_size": 256,
    "speech_cond_prompt_len": 0, "use_perceiver_resampler": False, "emotion_adv": True,
}


def flow(c=S3GEN):
    """`CausalMaskedDiffWithXvec`, S3Gen's token-to-mel part."""
    from chatterbox.models.s3gen.decoder import ConditionalDecoder
    from chatterbox.models.s3gen.flow import CausalMaskedDiffWithXvec
    from chatterbox.models.s3gen.flow_matching import CausalConditionalCFM
    from chatterbox.models.s3gen.transformer.upsample_encoder import PreLookaheadLayer, Upsample1D, UpsampleConformerEncoder
    e, d = c["encoder"], c["decoder"]
    width = e["output_size"]
    encoder = UpsampleConformerEncoder(
        output_size=width, attention_heads=e["attention_heads"], linear_units=e["linear_units"], num_blocks=e["num_blocks"],
        dropout_rate=0.0, positional_dropout_rate=0.0, attention_dropout_rate=0.0, normalize_before=True, input_layer="linear",
        pos_enc_layer_type="rel_pos_espnet", selfattention_layer_type="rel_selfattn", input_size=c["input_size"],
        use_cnn_module=False, macaron_style=False)
    encoder.pre_lookahead_layer = PreLookaheadLayer(width, c["pre_lookahead_len"])     # fixed at 512 in the class
    encoder.up_layer = Upsample1D(width, width, 2)
    encoder.up_encoders = encoder.up_encoders[:e["num_up_blocks"]]                     # fixed at 4
    estimator = ConditionalDecoder(
        in_channels=d["in_channels"], out_channels=80, causal=True, channels=d["channels"], dropout=0.0,
        attention_head_dim=d["attention_head_dim"], n_blocks=d["n_blocks"], num_mid_blocks=d["num_mid_blocks"],
        num_heads=d["num_heads"], act_fn="gelu", meanflow=d["meanflow"])
    return CausalMaskedDiffWithXvec(input_size=c["input_size"], output_size=80, spk_embed_dim=c["spk_embed_dim"],
                                    vocab_size=c["vocab_size"], encoder=encoder,
                                    decoder=CausalConditionalCFM(spk_emb_dim=80, estimator=estimator))


def t3(text_tokens, c=T3):
    """The reference's `T3` class."""
    from chatterbox.models.t3.llama_configs import LLAMA_CONFIGS
    from chatterbox.models.t3.modules.t3_config import T3Config
    from chatterbox.models.t3.t3 import T3 as ReferenceT3
    LLAMA_CONFIGS["embedded"] = {
        "vocab_size": 8, "max_position_embeddings": 2048, "hidden_size": c["hidden_size"], "intermediate_size": c["intermediate_size"],
        "num_hidden_layers": c["num_hidden_layers"], "num_attention_heads": c["num_attention_heads"],
        "num_key_value_heads": c["num_attention_heads"], "head_dim": c["head_dim"], "attn_implementation": "eager",
        "hidden_act": "silu", "rms_norm_eps": c["rms_norm_eps"], "rope_theta": c["rope_theta"], "rope_scaling": c["rope_scaling"],
        "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False, "use_cache": True}
    hp = T3Config(text_tokens)
    hp.llama_config_name = "embedded"
    for name in ("start_text_token", "stop_text_token", "speech_tokens_dict_size", "start_speech_token", "stop_speech_token",
                 "max_text_tokens", "max_speech_tokens", "speaker_embed_size", "speech_cond_prompt_len",
                 "use_perceiver_resampler", "emotion_adv"):
        setattr(hp, name, c[name])
    return ReferenceT3(hp)
