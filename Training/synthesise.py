"""Lets the teacher speak text.json.  One worker: python synthesise.py RANK WORKERS.  All its files are appended as it
goes, so that a stopped run leaves usable data.  Each utterance is made from one pass of the teacher's network and
rendered twice, with the same timing: neutral (what the speech tokens describe) and in one of the voices (what S3Gen
and the vocoder learn to make of them)."""
import json
import os
import sys
import time

import numpy as np
import onnx
import onnxruntime
import torch
from hibari import Hibari, dsp
import hibari

from features import DATA, SAMPLE_RATE, TOKEN_SAMPLES, log_mel
from voices import NAMES, VOICES, excursion

torch.set_num_threads(1)
DURATIONS = "/CumSum_output_0"          # cumulative end of each phoneme id, in 25 ms units
KEEP_WAVE_EVERY = 4


def session():
    """The teacher's graph with its durations as one more output."""
    source = os.path.join(os.path.dirname(hibari.__file__), "assets/hibari.onnx")
    path = os.path.join(DATA, f"teacher{os.getpid()}.onnx")
    graph = onnx.load(source)
    graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(DURATIONS))
    onnx.save(graph, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    made = onnxruntime.InferenceSession(path, options)
    os.remove(path)
    return made


def stretched(spectrum, factor, nearest=False):
    """`[601, F]` moved along frequency by `factor`: formants follow."""
    at = np.clip(np.arange(601) / factor, 0, 600)
    if nearest:
        return spectrum[np.round(at).astype(int)]
    low = np.floor(at).astype(int)
    high, part = np.minimum(low + 1, 600), (at - low)[:, None].astype(np.float32)
    return spectrum[low] * (1 - part) + spectrum[high] * part


def render(parts, f0, level, stretch, seed):
    lh, th, ln, lr, phi = parts
    if stretch != 1:
        lh, ln, lr = (stretched(p, stretch) for p in (lh, ln, lr))
        th, phi = (stretched(p, stretch, nearest=True) for p in (th, phi))
    wave = dsp.synth(lh, th, ln, lr, phi, np.where(f0 > 40, f0 * level, f0), np.random.default_rng(seed))
    return np.clip(wave, -1, 1)


def expressive(f0, factor):
    voiced = f0 > 40
    if factor == 1 or not voiced.any():
        return f0
    mean = np.exp(np.log(f0[voiced]).mean())
    return np.where(voiced, mean * (np.maximum(f0, 1) / mean) ** factor, f0).astype(np.float32)


def main(rank, workers):
    teacher, run = Hibari(), session()
    out = {n: open(os.path.join(DATA, f"{rank}.{n}"), "wb") for n in ("neutral.f16", "voiced.f16", "f0.f32", "phone.u8", "wave.i16")}
    log = open(os.path.join(DATA, f"{rank}.jsonl"), "w")
    texts = json.load(open(os.path.join(DATA, "text.json")))[rank::workers]
    frame = sample = 0
    began = time.time()
    for k, text in enumerate(texts):
        rng = np.random.default_rng(k * workers + rank)
        try:
            phones = " ".join(teacher.phonemize(text))
        except Exception:
            continue
        ids = teacher.ids(phones)
        if not 3 <= len(ids) <= 330:
            continue
        voice = NAMES[rng.integers(len(NAMES))]
        level, stretch, speed = VOICES[voice]
        exaggeration = 0.5 if rng.random() < 0.4 else float(np.exp(rng.uniform(np.log(0.25), np.log(2.0))))
        *outputs, ends = run.run(None, {"ids": np.asarray([ids], np.int64), "speed": np.asarray([speed], np.float32)})
        *parts, f0 = (x[0] for x in outputs)
        ends = ends.reshape(-1)
        f0 = expressive(f0, excursion(exaggeration))
        wave = render(parts, f0, 1, 1, k)
        energy = np.abs(wave[: len(wave) // 480 * 480]).reshape(-1, 480).max(1)
        active = np.nonzero(energy > 0.01)[0]
        if len(active) == 0:
            continue
        first, last = max(0, int(active[0]) // 2 - 1), min(len(wave) // TOKEN_SAMPLES, int(active[-1]) // 2 + 4)
        if not 4 <= last - first <= 390:
            continue
        cut = slice(first * TOKEN_SAMPLES, last * TOKEN_SAMPLES)
        spoken = wave if (level, stretch) == (1, 1) else render(parts, f0, level, stretch, k)
        neutral = log_mel(torch.from_numpy(wave[None, cut]))[0].T.numpy()
        voiced = neutral if spoken is wave else log_mel(torch.from_numpy(np.ascontiguousarray(spoken[None, cut])))[0].T.numpy()
        at = np.arange(first * 2, last * 2) + 0.5                      # 50 Hz frame centres
        f0_frames = (f0 * level)[np.clip(np.round(at * 1.6 - 0.5).astype(int), 0, len(f0) - 1)].astype(np.float32)
        label = np.minimum(np.searchsorted(ends, at * 0.02 / 0.025, side="right"), len(ids) - 1)
        out["neutral.f16"].write(neutral.astype(np.float16).tobytes())
        out["voiced.f16"].write(voiced.astype(np.float16).tobytes())
        out["f0.f32"].write(f0_frames.tobytes())
        out["phone.u8"].write(np.asarray(ids, np.uint8)[label].tobytes())
        kept = k % KEEP_WAVE_EVERY == 0
        if kept:
            pcm = (spoken[cut] * 32767).astype(np.int16)
            out["wave.i16"].write(pcm.tobytes())
        record = {"text": text, "phones": phones, "frame": frame, "frames": len(voiced), "voice": voice,
                  "exaggeration": round(exaggeration, 4), "wave": sample if kept else None,
                  # end of each phoneme in speech tokens, counted from the first token kept
                  "ends": [round(float(e) * 0.025 / 0.04 - first, 2) for e in ends]}
        log.write(json.dumps(record, ensure_ascii=False) + "\n")
        frame += len(voiced)
        sample += (cut.stop - cut.start) if kept else 0
        if k % 250 == 0:
            for f in (*out.values(), log):
                f.flush()
            hours, spent = frame / 50 / 3600, time.time() - began
            print(f"{k}/{len(texts)} {hours:.2f} h, {hours * 3600 / spent:.0f} times real time", flush=True)
    for f in (*out.values(), log):
        f.close()
    print("done", frame / 50 / 3600, "hours")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
