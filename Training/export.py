"""Writes the model folder from the checkpoints of the training runs.  Usage: python export.py ../Models/embedded"""
import json
import os
import sys

import torch
from safetensors.torch import save_file

import flow
import reference
import voices
from features import DATA
from g2p import G2PNet, LETTERS
from t3 import GUIDED, SCALE, SYMBOLS, CompactT3
from training import load
from vocoder import COARSE, FINE, HOP, N_FFT, SourceFilterVocoder

LICENCE = "Apache-2.0"
# The heads that read the text in the shipped weights: the guided one, and three that look two or three tokens further on.
# After training T3 anew, measure: `chatterbox calibrate embedded` names them.
READING = [[2, 0], [3, 1], [3, 2], [5, 2]]


def t3_state(model):
    state = {f"{ours}.weight": getattr(model, name).weight * SCALE for ours, name in (
        ("text_emb", "text"), ("text_pos_emb.emb", "text_position"), ("speech_pos_emb.emb", "speech_position"),
        ("cond_enc.spkr_enc", "speaker"), ("cond_enc.emotion_adv_fc", "emotion"))}
    state["cond_enc.spkr_enc.bias"] = model.speaker.bias * SCALE
    state["speech_emb.weight"], state["speech_head.weight"] = model.speech_table() * SCALE, model.head_table()
    for i, b in enumerate(model.blocks):
        q, k, v = b.qkv.weight.chunk(3)
        gate, up = b.gate_up.weight.chunk(2)
        named = {"self_attn.q_proj": q, "self_attn.k_proj": k, "self_attn.v_proj": v, "self_attn.o_proj": b.out.weight,
                 "mlp.gate_proj": gate, "mlp.up_proj": up, "mlp.down_proj": b.down.weight,
                 "input_layernorm": b.norm1.weight, "post_attention_layernorm": b.norm2.weight}
        state |= {f"tfmr.layers.{i}.{n}.weight": w for n, w in named.items()}
    state["tfmr.norm.weight"] = model.norm.weight
    # in the reference's state dict, without a part in inference
    state["tfmr.embed_tokens.weight"] = torch.zeros(8, reference.T3["hidden_size"])
    state["text_head.weight"] = torch.zeros(len(SYMBOLS) + 2, reference.T3["hidden_size"])
    reference.t3(len(SYMBOLS) + 2).load_state_dict(state, strict=True)
    return state


def sharpened(weight, strength=0.2, span=15):
    """The vocoder's input layer `[width, 3 * 80]` as if each bin of its log-mels stood out by `strength` more from the mean of
    the `span` bins around it.  Regression blurs harmonics and formants; this gives some of their depth back, as the
    post-filter of a speech codec does.  A constant mel stays as it is, so the layer's normalisation does too."""
    return (weight.reshape(-1, 3, 80) @ sharpening(strength, span)).reshape(weight.shape)


def unsharpened(weight, strength=0.2, span=15):
    """What `sharpened` was given."""
    return (weight.reshape(-1, 3, 80) @ torch.linalg.inv(sharpening(strength, span))).reshape(weight.shape)


def sharpening(strength, span):
    near = (torch.arange(80)[:, None] + torch.arange(-(span // 2), span // 2 + 1)).clamp(0, 79)
    smooth = torch.zeros(80, 80).scatter_add_(1, near, torch.full(near.shape, 1 / span))
    return torch.eye(80) + strength * (torch.eye(80) - smooth)


@torch.no_grad()
def main(folder):
    os.makedirs(folder, exist_ok=True)

    def save(name, state):
        state = {k: v.detach().to(torch.bfloat16).contiguous().clone() for k, v in state.items()}
        path = os.path.join(folder, name)
        save_file(state, path, {"licence": LICENCE, "source": "Training/export.py"})
        os.chmod(path, 0o644)
        print(f"{name}: {sum(v.numel() for v in state.values()) / 1e6:.2f} M numbers")

    save("t3.safetensors", t3_state(load(CompactT3(), "t3")))
    s3gen = flow.trained().folded()
    reference.flow().load_state_dict(s3gen, strict=True)
    save("s3gen.safetensors", {f"flow.{k}": v for k, v in s3gen.items()})
    name = "vocoder-decoded" if os.path.exists(os.path.join(DATA, "vocoder-decoded.pt")) else "vocoder"
    vocoder = load(SourceFilterVocoder(), name).state_dict()
    vocoder["input.weight"] = sharpened(vocoder["input.weight"])
    save("vocoder.safetensors", vocoder)
    save("g2p.safetensors", load(G2PNet(), "g2p").state_dict())
    save_file({f"{v}.{part}": torch.from_numpy(voices.embedding(v, size))[None] for v in voices.NAMES
               for part, size in (("t3.speaker_emb", reference.T3["speaker_embed_size"]), ("gen.embedding", reference.S3GEN["spk_embed_dim"]))},
              os.path.join(folder, "voices.safetensors"))
    config = {
        "format": 1, "name": "embedded", "sample_rate": 24000,
        "t3": {"file": "t3.safetensors", "text_tokens_dict_size": len(SYMBOLS) + 2, **reference.T3,
               "alignment_heads": [list(GUIDED)], "reading_heads": READING, "sampling": {"repetition_penalty": 1.0, "min_p": 0.05, "temperature_scale": 0.5}},
        # bfloat16 in the decoder costs a tenth of DNSMOS
        "s3gen": {"file": "s3gen.safetensors", **reference.S3GEN, "decoder": {**reference.S3GEN["decoder"], "precision": "float32"}},
        "vocoder": {"type": "source_filter", "file": "vocoder.safetensors", "width": 192, "f0_width": 128, "f0_right": [1, 0, 0, 0], "n_fft": N_FFT, "hop": HOP,
                    "coarse_right": list(COARSE), "fine_right": list(FINE)},
        "text": {"type": "phonemes", "symbols": SYMBOLS,
                 "g2p": {"file": "g2p.safetensors", "width": 192, "before": 3, "after": 5, "letters": LETTERS}},
        "voices": {"file": "voices.safetensors", "default": "alloy", "names": voices.NAMES},
    }
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, ensure_ascii=False, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "../Models/embedded")
