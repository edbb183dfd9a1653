"""The voice encoder with public weights: PyPI resemblyzer's (pretrained.pt, the same architecture), on a recording.

Writes the package's weights under the reference's names, what the package makes of the recording, and runs the Swift test
that compares both: cosine 0.9999 at least. The weights are not committed.

Needs torch, librosa, safetensors, resemblyzer and its dependencies.  Usage: python resemblyzer_parity.py RECORDING FOLDER
"""
import os
import subprocess
import sys

import numpy as np
import scipy.ndimage
import torch
from safetensors.torch import save_file

# The package asks for a module that scipy has renamed.
sys.modules.setdefault("scipy.ndimage.morphology", scipy.ndimage)
import resemblyzer  # noqa: E402
from resemblyzer import audio  # noqa: E402


def main():
    recording, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    torch.set_num_threads(1)
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    state = {k.replace("linear.", "proj."): v for k, v in encoder.state_dict().items() if k.startswith(("lstm.", "linear."))}
    wave = audio.preprocess_wav(recording).astype(np.float32)
    embedding, partials, _ = encoder.embed_utterance(wave, return_partials=True)
    _, slices = encoder.compute_partial_slices(len(wave), 1.3, 0.75)
    padded = np.pad(wave, (0, max(0, slices[-1].stop * 160 - len(wave))))
    mel = audio.wav_to_mel_spectrogram(padded)
    tensors = {"weights." + k: v for k, v in state.items()} | {
        "in.wave": torch.from_numpy(wave), "in.partials": torch.from_numpy(np.stack([mel[s] for s in slices])),
        "out.partials": torch.from_numpy(partials), "out.embedding": torch.from_numpy(embedding[None])}
    save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(folder, "resemblyzer.safetensors"))
    print(f"{len(wave) / 16000:.2f} s without silence, {len(partials)} partials")
    if os.environ.get("ONLY_WRITE"):
        return
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    subprocess.run(["swift", "test", "-c", "release", "--disable-testable-imports", "--filter", "ResemblyzerTests"], cwd=root,
                   env=dict(os.environ, RESEMBLYZER_FIXTURE=os.path.abspath(folder)), check=True)


if __name__ == "__main__":
    main()
