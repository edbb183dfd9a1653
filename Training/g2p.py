"""Letters -> phonemes: convolutions and CTC, learned from what the teacher makes of sentences and of lexicon words.
Usage: python g2p.py MINUTES"""
import gzip
import json
import os
import random
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from convnext import ConvNeXtBlock
from features import DATA
from t3 import SYMBOLS
from training import Run

LETTERS = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ,.!?'-;:"
LETTER_IDS = {c: i + 1 for i, c in enumerate(LETTERS)}                # 0 pads
PHONE_IDS = {c: i + 1 for i, c in enumerate(SYMBOLS)}                 # 0 is CTC's blank


class G2PNet(nn.Module):
    def __init__(self, width=192, before=3, after=5):
        super().__init__()
        self.embedding = nn.Embedding(len(LETTERS) + 1, width)
        self.before = nn.ModuleList([ConvNeXtBlock(width, multiple=2) for _ in range(before)])
        self.up = nn.Linear(width, 2 * width)
        self.after = nn.ModuleList([ConvNeXtBlock(width, multiple=2) for _ in range(after)])
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, len(SYMBOLS) + 1)

    def forward(self, letters):
        """`[B, T]` letter ids, 0 padding, to CTC logits `[B, 2 T, symbols + 1]`."""
        real = (letters > 0).unsqueeze(-1)
        x = self.embedding(letters) * real
        for block in self.before:
            x = block(x) * real
        x = self.up(x).reshape(x.shape[0], 2 * x.shape[1], -1)
        real = real.repeat_interleave(2, 1)
        x = x * real
        for block in self.after:
            x = block(x) * real
        return self.output(self.norm(x))

    @torch.no_grad()
    def phonemes(self, text):
        best = self(torch.tensor([[LETTER_IDS[c] for c in text if c in LETTER_IDS]]))[0].argmax(-1).tolist()
        return "".join(SYMBOLS[b - 1] for a, b in zip([0] + best, best) if b and b != a)


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        new = [i + 1]
        for j, y in enumerate(b):
            new.append(min(row[j] + (x != y), row[j + 1] + 1, new[j] + 1))
        row = new
    return row[-1]


def pairs():
    """(text, phonemes) of all utterances and of lines of lexicon words; cached, since the teacher takes a minute."""
    path = os.path.join(DATA, "g2p.json")
    if os.path.exists(path):
        return json.load(open(path))
    import hibari
    teacher, random_ = hibari.Hibari(), random.Random(1)
    found = []
    for rank in (0, 1):
        for line in open(os.path.join(DATA, f"{rank}.jsonl")):
            m = json.loads(line)
            found.append((m["text"], m["phones"]))
    lexicon = json.load(gzip.open(os.path.join(os.path.dirname(hibari.__file__), "assets/lexicon_us_gold.json.gz")))
    words = [w for w in lexicon if w.isalpha() and w.isascii() and 2 < len(w) < 15]
    for _ in range(3):
        random_.shuffle(words)
        for i in range(0, len(words) - 6, 6 if _ == 0 else 24):
            text = " ".join(words[i:i + 6])
            text = (text[0].upper() + text[1:] if random_.random() < .7 else text) + random_.choice(".?!,")
            try:
                found.append((text, " ".join(teacher.phonemize(text))))
            except Exception:
                pass
    for _ in range(2500):
        letters = [c.upper() for c in random_.choices("abcdefghijklmnopqrstuvwxyz", k=random_.randint(1, 5))]
        text = f"{random_.choice(['The', 'Our', 'My', 'An', 'This'])} {' '.join(letters)} {random_.choice(words)}."
        found.append((text, " ".join(teacher.phonemize(text))))
    found = [(t, p) for t, p in found if t and p and len(p) < 1.9 * len(t)]
    random_.shuffle(found)
    json.dump(found, open(path, "w"), ensure_ascii=False)
    return found


def main(minutes):
    rng = np.random.default_rng(0)
    data = [([LETTER_IDS[c] for c in t if c in LETTER_IDS], [PHONE_IDS[c] for c in p if c in PHONE_IDS]) for t, p in pairs()]
    held, data = data[:300], data[300:]
    lengths = np.array([len(t) for t, _ in data])
    model = G2PNet()
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and n != "embedding.weight" and not n.startswith("output.")]
    known = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in known]
    run = Run("g2p", minutes, [model], [torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.01),
                                        torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0)])
    print(len(data), "lines", flush=True)
    rng = np.random.default_rng(run.step)
    while True:
        run.schedule(hold=0.3, warmup=50)
        pool = rng.choice(len(data), 400, replace=False)
        pool = pool[np.argsort(lengths[pool])]
        at = rng.integers(0, 352)
        chosen = [data[i] for i in pool[at:at + 48]]
        letters = torch.zeros(48, -(-max(len(t) for t, _ in chosen) // 16) * 16, dtype=torch.long)
        for i, (t, _) in enumerate(chosen):
            letters[i, :len(t)] = torch.tensor(t)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(letters)
        loss = F.ctc_loss(logits.float().log_softmax(-1).transpose(0, 1), torch.tensor([x for _, p in chosen for x in p]),
                          torch.tensor([2 * len(t) for t, _ in chosen]), torch.tensor([len(p) for _, p in chosen]), zero_infinity=True)
        for o in run.optimizers:
            o.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for o in run.optimizers:
            o.step()
        over = run.done(ctc=loss.item())
        if run.step % 500 == 0 or over:
            model.eval()
            wrong = total = 0
            for t, p in held:
                said = model.phonemes("".join(LETTERS[i - 1] for i in t))
                wrong, total = wrong + distance("".join(SYMBOLS[i - 1] for i in p), said), total + len(p)
            model.train()
            print(f"held out: {wrong / total:.2%} of phonemes wrong", flush=True)
        if over:
            return


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(1)
    main(float(sys.argv[1]))
