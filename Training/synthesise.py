"""Lets the teacher speak text.json.  One worker: python synthesise.py RANK WORKERS [HOURS].  All its files are appended as
it goes, so that a stopped run leaves usable data.  Each utterance is made from one pass of the teacher's network and
rendered twice, with the same timing: neutral (what the speech tokens describe) and in one of the voices (what S3Gen
and the vocoder learn to make of them)."""
import json
import os
import sys
import time
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import parselmouth
import torch
from hibari import Hibari, dsp
import hibari
from parselmouth.praat import call
from scipy.signal import butter, lfilter, resample_poly

from features import DATA, SAMPLE_RATE, TOKEN_SAMPLES, log_mel
from voices import NAMES, VOICES, excursion

torch.set_num_threads(1)
DURATIONS = "/CumSum_output_0"          # cumulative end of each phoneme id, in 25 ms units
SHELF = butter(1, 2500, "high", fs=SAMPLE_RATE)


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


def render(parts, f0, seed):
    """The teacher's own rendering."""
    return np.clip(dsp.synth(*parts, f0, np.random.default_rng(seed)), -1, 1)


def pitched(wave, f0, stretch):
    """F0's excursion to the power `stretch`, by Praat's PSOLA.  (Another F0 for the teacher's synthesis costs half a
    point of DNSMOS, since one of its branches carries harmonics of the F0 it was made for; PSOLA costs a tenth.)"""
    voiced = f0[f0 > 40]
    if stretch == 1 or not len(voiced):
        return wave
    mean = np.exp(np.log(voiced).mean())
    manipulation = call(parselmouth.Sound(wave.astype(np.float64), SAMPLE_RATE), "To Manipulation", 0.01, 75, 600)
    tier = call(manipulation, "Extract pitch tier")
    if not call(tier, "Get number of points"):
        return wave
    call(tier, "Formula", f"{mean} * (self / {mean}) ^ {stretch}")
    call([tier, manipulation], "Replace pitch tier")
    moved = call(manipulation, "Get resynthesis (overlap-add)").values[0]
    return np.clip(np.pad(moved, (0, max(0, len(wave) - len(moved))))[:len(wave)], -1, 1).astype(np.float32)


def played(wave, rate, tilt):
    """At another rate, as a tape (F0, formants and pace change together), and through a shelf filter."""
    rate = Fraction(rate).limit_denominator(50)
    wave = resample_poly(wave, rate.denominator, rate.numerator)
    return (wave + (10 ** (tilt / 20) - 1) * lfilter(*SHELF, wave)).astype(np.float32)


def moved(f0, rate, stretch):
    """What `pitched` and `played` make of F0 in Hz."""
    voiced = f0 > 40
    if not voiced.any():
        return f0
    mean = np.exp(np.log(f0[voiced]).mean())
    return np.where(voiced, rate * mean * (np.maximum(f0, 1) / mean) ** stretch, 0).astype(np.float32)


def main(rank, workers, hours):
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
        rate, pace, tilt = VOICES[voice]
        exaggeration = 0.5 if rng.random() < 0.6 else float(np.exp(rng.uniform(np.log(0.25), np.log(2.0))))
        *outputs, ends = run.run(None, {"ids": np.asarray([ids], np.int64), "speed": np.asarray([pace / rate], np.float32)})
        *parts, f0 = (x[0] for x in outputs)
        ends = ends.reshape(-1)
        wave, factor = render(parts, f0, k), excursion(exaggeration)
        plain = pitched(wave, f0, factor)
        spoken = plain if rate == 1 else played(plain, rate, tilt)
        energy = np.abs(spoken[: len(spoken) // 480 * 480]).reshape(-1, 480).max(1)
        active = np.nonzero(energy > 0.01)[0]
        if len(active) == 0:
            continue
        first, last = max(0, int(active[0]) // 2 - 1), min(len(spoken) // TOKEN_SAMPLES, int(active[-1]) // 2 + 4)
        if not 4 <= last - first <= 390:
            continue
        cut = slice(first * TOKEN_SAMPLES, last * TOKEN_SAMPLES)
        voiced = log_mel(torch.from_numpy(spoken[None, cut].copy()))[0].T.numpy()
        # tokens describe the plain voice at the same pace
        slow = plain[round(cut.start * rate):round(cut.stop * rate) + 1]
        neutral = voiced if spoken is plain else log_mel(torch.from_numpy(slow[None].copy()), rate)[0].T.numpy()[:len(voiced)]
        if len(neutral) < len(voiced):
            continue
        at = (np.arange(first * 2, last * 2) + 0.5) * 0.02 * rate      # centres of the frames in the teacher's seconds
        f0 = moved(f0, rate, factor)
        f0_frames = f0[np.clip(np.round(at * 80 - 0.5).astype(int), 0, len(f0) - 1)].astype(np.float32)
        label = np.minimum(np.searchsorted(ends, at / 0.025, side="right"), len(ids) - 1)
        out["neutral.f16"].write(neutral.astype(np.float16).tobytes())
        out["voiced.f16"].write(voiced.astype(np.float16).tobytes())
        out["f0.f32"].write(f0_frames.tobytes())
        out["phone.u8"].write(np.asarray(ids, np.uint8)[label].tobytes())
        out["wave.i16"].write((spoken[cut] * 32767).astype(np.int16).tobytes())
        record = {"text": text, "phones": phones, "frame": frame, "frames": len(voiced), "voice": voice,
                  "exaggeration": round(exaggeration, 4), "wave": sample,
                  # end of each phoneme in speech tokens, counted from the first token kept
                  "ends": [round(float(e) * 0.025 / rate / 0.04 - first, 2) for e in ends]}
        log.write(json.dumps(record, ensure_ascii=False) + "\n")
        frame += len(voiced)
        sample += cut.stop - cut.start
        if k % 250 == 0:
            for f in (*out.values(), log):
                f.flush()
            made, spent = frame / 50 / 3600, time.time() - began
            print(f"{k}/{len(texts)} {made:.2f} h, {made * 3600 / spent:.0f} times real time", flush=True)
            if made >= hours:
                break
    for f in (*out.values(), log):
        f.close()
    print("done", frame / 50 / 3600, "hours")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else float("inf"))
