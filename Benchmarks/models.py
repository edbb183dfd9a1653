"""The models that are measured: checkpoints at the published sizes made of random numbers, and the embedded voice."""
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = pathlib.Path(os.environ.get("BENCH_FOLDER", ROOT / ".build" / "bench"))

# Name -> the folder's model, and how its S3Gen works.  Both kinds of english are in one folder.
MODELS = {
    "embedded": ("embedded", None),
    "nano": ("nano", "meanflow"),
    "turbo": ("turbo", "meanflow"),
    "english-meanflow": ("english-meanflow", "meanflow"),
    "english": ("english-meanflow", "guided"),
}


def folder(name):
    """The model's folder, made if it isn't there.  Its prompt is 10 s for S3Gen; T3's is as long as the model takes."""
    kind, _ = MODELS[name]
    if kind == "embedded":
        return ROOT / "Models" / "embedded"
    path = FOLDER / kind
    if not any(path.glob("tokenizer*.json")):                           # what is written last
        print(f"making {path}: 2 to 4 GB", file=sys.stderr)
        official().write_folder(kind.removesuffix("-meanflow"), path, meanflow=kind != kind.removesuffix("-meanflow"))
    return path


def with_prompt(name, seconds):
    """The same model with a voice that was made of a shorter recording."""
    import torch
    whole, path = folder(name), FOLDER / f"{MODELS[name][0]}-{seconds:g}s"
    path.mkdir(parents=True, exist_ok=True)
    for file in whole.iterdir():
        if file.name != "conds.pt" and file.is_file() and not (path / file.name).exists():
            (path / file.name).symlink_to(file.resolve())
    voice = torch.load(whole / "conds.pt", weights_only=True)
    tokens = int(25 * seconds)
    for part, key, count, axis in (("t3", "cond_prompt_speech_tokens", tokens, 1), ("gen", "prompt_token", tokens, 1),
                                   ("gen", "prompt_feat", 2 * tokens, 1)):
        voice[part][key] = voice[part][key].narrow(axis, 0, min(count, voice[part][key].shape[axis])).clone()
    voice["gen"]["prompt_token_len"] = torch.tensor([voice["gen"]["prompt_token"].shape[1]])
    torch.save(voice, path / "conds.pt")
    return path


def options(name):
    """What our server is told beside the folder."""
    decoder = MODELS[name][1]
    return ["--decoder", decoder] if decoder else []


def official():
    sys.path.insert(0, str(ROOT / "Tests" / "EndToEnd"))
    import official as module
    return module


def read_all(path):
    """Reads every file, so that who loads the model first doesn't pay for the disk."""
    for file in path.iterdir():
        if file.is_file():
            with open(file, "rb") as bytes_of:
                while bytes_of.read(1 << 24):
                    pass
