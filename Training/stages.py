"""What each stage costs: the teacher itself, vocoder on its mels, and tokens -> S3Gen -> vocoder, by word error rate and
DNSMOS.  Usage: python stages.py [sentences] [voice]"""
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Evaluation"))
import flow
import judge
import synthesise
import voices
from features import DATA, TOKEN_SAMPLES, log_mel
from hibari import Hibari
from inverse import Inverse
from tokenizer import Tokenizer
from training import load
from vocoder import SourceFilterVocoder


@torch.no_grad()
def main(count, voice):
    teacher, run = Hibari(), synthesise.session()
    vocoder = load(SourceFilterVocoder(), "vocoder-decoded" if os.path.exists(os.path.join(DATA, "vocoder-decoded.pt")) else "vocoder")
    known = os.path.exists(os.path.join(DATA, "tokenizer.pt"))
    tokenizer = load(Tokenizer(), "tokenizer") if known else load(Inverse(), "inverse")
    decoder = flow.trained() if os.path.exists(os.path.join(DATA, "flow.pt")) else None
    listener, stages = judge.Judge(), {}
    rows = [line.rstrip("\n").split("\t")[1:] for line in open(os.path.join(os.path.dirname(judge.__file__), "sentences.tsv"))][:count]
    rate, pace, tilt = voices.VOICES[voice]
    for i, (text, *readings) in enumerate(rows):
        ids = teacher.ids(" ".join(teacher.phonemize(text)))
        *outputs, _ = run.run(None, {"ids": np.asarray([ids], np.int64), "speed": np.asarray([pace / rate], np.float32)})
        *parts, f0 = (x[0] for x in outputs)
        plain = synthesise.render(parts, f0, i)
        wave = plain if rate == 1 else synthesise.played(plain, rate, tilt)
        plain, wave = (torch.from_numpy(w[None].copy()) for w in (plain, wave[:len(wave) // TOKEN_SAMPLES * TOKEN_SAMPLES]))
        mel = log_mel(wave)
        neutral = log_mel(plain, rate)[..., :mel.shape[2]].transpose(1, 2)
        made = {"teacher": wave, "vocoder on true mels": vocoder(mel)}
        code = tokenizer.ids(tokenizer.encode(neutral))
        if decoder:
            mu = decoder.mu(code, True)
            decoded = decoder.mel(mu, flow.SPEAKERS[[voices.NAMES.index(voice)]], torch.randn_like(mu))
            made["tokens, S3Gen, vocoder"] = vocoder(decoded)
        for name, audio in made.items():
            heard, mos = listener.hear(audio[0].numpy())
            stages.setdefault(name, []).append((*listener.mistakes([text, *readings], heard), mos["ovrl_mos"], mos["sig_mos"]))
    for name, rows in stages.items():
        wrong, said, overall, signal = np.sum(rows, 0)
        print(f"{voice:8} {name:36} WER {wrong / said:.1%}  DNSMOS {overall / len(rows):.2f} / {signal / len(rows):.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, sys.argv[2] if len(sys.argv) > 2 else "alloy")
