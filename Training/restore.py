"""Writes checkpoints of the shipped weights, so that training can go on from them: python restore.py ../Models/embedded
(T3, flow, vocoder and G2P as flow.py, vocoder.py, t3.py and g2p.py would have left them, but for bf16's rounding)."""
import os
import sys

import torch
from safetensors.torch import load_file

from export import unsharpened
from features import DATA
from t3 import LAYERS, SCALE, WIDTH


def t3(state):
    plain = {"text": "text_emb", "text_position": "text_pos_emb.emb", "speech_position": "speech_pos_emb.emb",
             "speaker": "cond_enc.spkr_enc", "emotion": "cond_enc.emotion_adv_fc", "speech": "speech_emb"}
    made = {f"{ours}.weight": state[f"{name}.weight"] / SCALE for ours, name in plain.items()}
    made |= {"speaker.bias": state["cond_enc.spkr_enc.bias"] / SCALE, "head": state["speech_head.weight"], "norm.weight": state["tfmr.norm.weight"],
             "speech_digits": torch.zeros(24, WIDTH), "head_digits": torch.zeros(24, WIDTH)}          # folded into the tables
    for i in range(LAYERS):
        layer = lambda name: state[f"tfmr.layers.{i}.{name}.weight"]
        parts = {"qkv": torch.cat([layer(f"self_attn.{x}_proj") for x in "qkv"]), "out": layer("self_attn.o_proj"),
                 "gate_up": torch.cat([layer("mlp.gate_proj"), layer("mlp.up_proj")]), "down": layer("mlp.down_proj"),
                 "norm1": layer("input_layernorm"), "norm2": layer("post_attention_layernorm")}
        made |= {f"blocks.{i}.{n}.weight": w for n, w in parts.items()}
    return made


def flow(state):
    return state | {"digits.weight": torch.zeros(state["flow.input_embedding.weight"].shape[1], 8)}


def vocoder(state):
    return state | {"input.weight": unsharpened(state["input.weight"])}


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else "../Models/embedded"
    for name, file, turn in (("t3", "t3", t3), ("flow", "s3gen", flow), ("vocoder", "vocoder", vocoder), ("g2p", "g2p", dict)):
        state = {k: v.float() for k, v in load_file(os.path.join(folder, f"{file}.safetensors")).items()}
        torch.save({"modules": [turn(state)], "optimizers": [], "step": 0, "minutes": 0.0}, os.path.join(DATA, f"{name}.pt"))
        print(f"{name}.pt")
