"""Speech tokenizer for training only: mel -> FSQ with 3^8 codes at 25 Hz, with a phoneme loss beside the mel loss.
Usage: python tokenizer.py MINUTES, then python tokenizer.py tokens"""
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from convnext import ConvNeXtBlock
from features import DATA, Shard
from training import Run, load

DIGITS, LEVELS = 8, 3


def digits(ids):
    """Token ids to their FSQ digits in {-1, 0, 1}: `[...]` to `[..., 8]`."""
    return ids[..., None] // (LEVELS ** torch.arange(DIGITS)) % LEVELS - 1


class Tokenizer(nn.Module):
    def __init__(self, width=256, phones=180):
        super().__init__()
        self.register_buffer("mean", torch.zeros(80))
        self.register_buffer("deviation", torch.ones(80))
        self.input = nn.Linear(240, width)
        self.fine = nn.ModuleList([ConvNeXtBlock(width) for _ in range(2)])
        self.down = nn.Linear(2 * width, width)
        self.coarse = nn.ModuleList([ConvNeXtBlock(width) for _ in range(4)])
        self.quantise = nn.Linear(width, DIGITS)
        self.restore = nn.Linear(DIGITS, width)
        self.back = nn.ModuleList([ConvNeXtBlock(width, right=1) for _ in range(4)])
        self.up = nn.Linear(width, 2 * width)
        self.forth = nn.ModuleList([ConvNeXtBlock(width, right=1) for _ in range(4)])
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, 80)
        self.heard, self.phone, self.phones = nn.Conv1d(DIGITS, 192, 3, padding=1), nn.Linear(192, 2 * phones), phones

    def encoded(self, mel):
        """`[B, 2 T, 80]` to what is to be quantised, `[B, T, 8]`."""
        x = (mel - self.mean) / self.deviation
        x = self.input(torch.cat([F.pad(x, (0, 0, 1, 0))[:, :-1], x, F.pad(x, (0, 0, 0, 1))[:, 1:]], -1))
        for block in self.fine:
            x = block(x)
        x = self.down(x.reshape(x.shape[0], x.shape[1] // 2, -1))
        for block in self.coarse:
            x = block(x)
        return self.quantise(x)

    def encode(self, mel):
        z = torch.tanh(self.encoded(mel).float())
        return z + (torch.round(z) - z).detach()

    def decode(self, code):
        x = self.restore(code)
        for block in self.back:
            x = block(x)
        x = self.up(x).reshape(x.shape[0], 2 * x.shape[1], -1)
        for block in self.forth:
            x = block(x)
        return self.output(self.norm(x)) * self.deviation + self.mean

    def hear(self, code):
        return self.phone(F.gelu(self.heard(code.transpose(1, 2)).transpose(1, 2))).view(code.shape[0], -1, self.phones)

    def ids(self, code):
        return ((code.round().long() + 1) * LEVELS ** torch.arange(DIGITS)).sum(-1)


def train(minutes):
    rng = np.random.default_rng(0)
    shards = [Shard(0), Shard(1)]
    model = Tokenizer()
    sample = shards[0].neutral[:400000:20].astype(np.float32)
    model.mean[:], model.deviation[:] = torch.from_numpy(sample.mean(0)), torch.from_numpy(sample.std(0))
    run = Run("tokenizer", minutes, [model], [torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)])
    batch, frames = 12, 96
    while True:
        run.schedule()
        mels, phones = [], []
        for _ in range(batch):
            shard = shards[rng.integers(2)]
            at = 2 * rng.integers((shard.meta_frames - frames) // 2)
            mels.append(shard.neutral[at:at + frames])
            phones.append(shard.phone[at:at + frames])
        mel = torch.from_numpy(np.stack(mels).astype(np.float32))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            code = model.encode(mel)
            rebuilt, heard = model.decode(code), model.hear(code)
        error = (rebuilt.float() - mel).abs()[:, 8:-8].mean()
        phone = F.cross_entropy(heard.float().flatten(0, 1), torch.from_numpy(np.stack(phones)).long().flatten())
        for o in run.optimizers:
            o.zero_grad()
        (error + 0.3 * phone).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        run.optimizers[0].step()
        if run.done(mel=error.item(), phone=phone.item()):
            return


@torch.no_grad()
def tokens(model):
    """Writes RANK.token.i16: the tokens of each shard."""
    for rank in (0, 1):
        shard = Shard(rank)
        out = np.zeros(shard.meta_frames // 2, np.int16)
        for m in shard.meta:
            mel = torch.from_numpy(shard.neutral[m["frame"]:m["frame"] + m["frames"]].astype(np.float32))[None]
            out[m["frame"] // 2:(m["frame"] + m["frames"]) // 2] = model.ids(model.encode(mel))[0].numpy()
        out.tofile(os.path.join(DATA, f"{rank}.token.i16"))
        count = np.bincount(out, minlength=6561)
        p = count[count > 0] / count.sum()
        print(f"shard {rank}: {len(out)} tokens, {(count > 0).sum()} codes, perplexity {np.exp(-(p * np.log(p)).sum()):.0f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokens(load(Tokenizer(), "tokenizer")) if sys.argv[1] == "tokens" else train(float(sys.argv[1]))
