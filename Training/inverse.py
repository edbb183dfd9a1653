"""Speech tokens for a new rendering when the tokenizer is gone: what the flow turns into mels is learned backwards, from
tokens that T3 draws, so that T3 and flow go on in the language they have.  In place of tokenizer.py, after restore.py:
python inverse.py MINUTES, then python inverse.py tokens"""
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from features import DATA, Shard
from flow import SPEAKERS, Trainee
from t3 import CODES, HEADS, LAYERS, SCALE, START, STOP, TEXT_IDS, CompactT3, rotated
from t3 import SPEAKERS as T3_SPEAKERS
from tokenizer import DIGITS, LEVELS, Tokenizer, digits, tokens
from training import Run, load
import voices

UTTERANCES, TOGETHER = 4000, 24
GUIDANCE, TEMPERATURE, MIN_P = 0.5, 0.4, 0.05


class Drawing:
    """T3 with the keys and values of what it has read."""

    def __init__(self, model):
        self.model, self.keys, self.values = model, [None] * LAYERS, [None] * LAYERS

    def step(self, x):
        """Inputs `[B, T, 256]` to the last one's state `[B, 256]`."""
        past = 0 if self.keys[0] is None else self.keys[0].shape[2]
        cos, sin = (table[past:past + x.shape[1]] for table in (self.model.cos, self.model.sin))
        mask = torch.full((x.shape[1], past + x.shape[1]), -1e4).triu(1 + past)
        for i, block in enumerate(self.model.blocks):
            q, k, v = block.qkv(block.norm1(x)).view(*x.shape[:2], 3, HEADS, -1).permute(2, 0, 3, 1, 4)
            q, k = rotated(q, cos, sin), rotated(k, cos, sin)
            if past:
                k, v = torch.cat([self.keys[i], k], 2), torch.cat([self.values[i], v], 2)
            self.keys[i], self.values[i] = k, v
            weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + mask).softmax(-1)
            x = x + block.out((weights @ v).transpose(1, 2).reshape(x.shape))
            gate, up = block.gate_up(block.norm2(x)).chunk(2, -1)
            x = x + block.down(F.silu(gate) * up)
        return self.model.norm(x[:, -1])


@torch.no_grad()
def drawn(model, text, voice, emotion, longest):
    """Tokens of utterances with equally long texts `[B, T]`; those that don't end within `longest` are left out."""
    count, table, head = len(text), model.speech_table(), model.head_table()
    place = model.text_position(torch.arange(text.shape[1]))
    before = torch.stack([model.speaker(T3_SPEAKERS[voice]), model.emotion(emotion[:, None])], 1)
    start = (table[START] + model.speech_position.weight[0]).expand(2 * count, 2, -1)
    spoken, drawing = torch.cat([model.text(text) + place, place.expand(count, -1, -1)]), Drawing(model)
    state, found, going = drawing.step(torch.cat([before.repeat(2, 1, 1), spoken, start], 1) * SCALE), [], torch.ones(count, dtype=torch.bool)
    while len(found) < longest and going.any():
        logits, free = (state @ head.T).chunk(2)
        logits = logits + GUIDANCE * (logits - free)
        logits[:, START] = -torch.inf
        chances = (logits / TEMPERATURE).softmax(-1)
        chances[chances < MIN_P * chances.max(-1, keepdim=True).values] = 0
        token = torch.multinomial(chances, 1)[:, 0]
        going &= token != STOP
        found.append(torch.where(going, token, -1))
        x = (table[token.clamp(max=CODES)] + model.speech_position.weight[len(found)])[:, None] * SCALE
        state = drawing.step(torch.cat([x, x]))
    return [u[u >= 0] for u, goes in zip(torch.stack(found, 1), going) if not goes]


@torch.no_grad()
def pairs():
    """Tokens that T3 draws for the renderings' texts and what the flow makes of them in the plain voice."""
    path = os.path.join(DATA, "pairs.pt")
    if os.path.exists(path):
        return torch.load(path)
    rng, model, flow, found = np.random.default_rng(0), load(CompactT3(), "t3"), load(Trainee(), "flow"), []
    texts = {}
    for m in (m for rank in (0, 1) for m in Shard(rank).meta if m["frames"] < 600):
        text = [1, *(TEXT_IDS[c] for c in m["phones"] if c in TEXT_IDS), 0]
        texts.setdefault(len(text), []).append((text, m))
    groups = [g[i:i + TOGETHER] for g in texts.values() for i in range(0, len(g) - TOGETHER // 2, TOGETHER)]
    rng.shuffle(groups)
    for group in groups:
        text, meta = zip(*group)
        voice, emotion = [voices.NAMES.index(m["voice"]) for m in meta], torch.tensor([float(m["exaggeration"]) for m in meta])
        for ids in drawn(model, torch.tensor(text), voice, emotion, int(0.65 * max(m["frames"] for m in meta)) + 5):
            if len(ids) >= 24:
                mu = flow.mu(ids[None], True)
                found.append((ids.short(), flow.mel(mu, SPEAKERS[:1], torch.randn_like(mu))[0].T.half()))
        print(f"[{'#' * (20 * len(found) // UTTERANCES):20}] {len(found)}/{UTTERANCES} utterances drawn", flush=True)
        if len(found) >= UTTERANCES:
            break
    torch.save(found, path)
    return found


class Inverse(Tokenizer):
    """The tokenizer's encoder, with chances of each digit's levels at its end."""

    def __init__(self):
        super().__init__()
        self.quantise = nn.Linear(self.quantise.in_features, DIGITS * LEVELS)

    def levels(self, mel):
        """`[B, 2 T, 80]` to logits `[B, T, 8, 3]`."""
        return self.encoded(mel).unflatten(-1, (DIGITS, LEVELS))

    def encode(self, mel):
        return self.levels(mel).argmax(-1) - 1


def train(minutes):
    rng, known, model = np.random.default_rng(0), pairs(), Inverse()
    sample = torch.cat([mel[::20] for _, mel in known]).float()
    model.mean[:], model.deviation[:] = sample.mean(0), sample.std(0)
    run = Run("inverse", minutes, [model], [torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)])
    batch, crop, inner = 24, 24, slice(2, -2)
    while True:
        run.schedule()
        mels, ids = [], []
        for i in rng.integers(len(known), size=batch):
            token, mel = known[i]
            at = int(rng.integers(len(token) - crop + 1))
            ids.append(token[at:at + crop].long())
            mels.append(mel[2 * at:2 * (at + crop)].float())
        # true mels are louder or softer, and rougher, than the flow's
        mel = torch.stack(mels) + 0.1 * torch.rand(batch, 1, 1) * (torch.randn(batch, 1, 80) + torch.randn(batch, 2 * crop, 80))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            levels = model.levels(mel)[:, inner].float()
        wanted = digits(torch.stack(ids))[:, inner] + 1
        loss = F.cross_entropy(levels.flatten(0, 2), wanted.flatten())
        run.optimizers[0].zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        run.optimizers[0].step()
        if run.done(loss=loss.item(), right=(levels.argmax(-1) == wanted).float().mean().item()):
            return


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokens(load(Inverse(), "inverse")) if sys.argv[1] == "tokens" else train(float(sys.argv[1]))
