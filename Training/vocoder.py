"""SourceFilterVocoder: mel -> 24 kHz waveform.  A pulse train from the predicted F0 and white noise are shaped in the
STFT domain by a predicted complex filter and one inverse STFT follows.  Every layer's right context is spelled out
(three mel frames in all), so that it streams exactly.
Usage: python vocoder.py MINUTES pitch, then python vocoder.py MINUTES, then python vocoder.py MINUTES decoded
('pitch' trains the F0 predictor alone; 'decoded' goes on from the weights, half on mels that S3Gen decoded)"""
import math
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from convnext import ConvNeXtBlock
from features import DATA, HOP as MEL_HOP, SAMPLE_RATE, Shard, log_mel
from training import Run, load

N_FFT, HOP = 960, 240                    # 100 frames a second; Hann squared at a quarter hop sums to 1.5 everywhere
BINS = N_FFT // 2 + 1
MAX_HARMONIC_HZ, MIN_F0_HZ = 11000.0, 50.0
COARSE, FINE = (1, 0), (1, 1, 0, 0, 0, 0)  # right context of each block


class F0Predictor(nn.Module):
    """`[B, 80, T]` log-mel to log2(F0 / 100 Hz) and a voicing logit, each `[B, T]`; one frame of right context."""

    def __init__(self, width=128):
        super().__init__()
        self.input = nn.Linear(80, width)
        self.blocks = nn.ModuleList([ConvNeXtBlock(width, right=r, multiple=2) for r in (1, 0, 0, 0)])
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, 2)

    def forward(self, mel):
        x = self.input(((mel + 5) / 3).transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        y = self.classifier(self.norm(x)).float()
        return y[..., 0], y[..., 1]


def harmonics(f0, phase):
    """Band-limited pulse train `[B, T * 480]` from F0 in Hz `[B, T]` (0 unvoiced): cosines of every harmonic below
    11 kHz at unit amplitude.  F0 is interpolated between frame centres where both are voiced.  `phase` `[B, 1]` in turns."""
    left, right = F.pad(f0, (1, 0))[:, :-1], F.pad(f0, (0, 1))[:, 1:]
    left, right = torch.where(left > 0, left, f0), torch.where(right > 0, right, f0)
    at = (torch.arange(MEL_HOP) + 0.5) / MEL_HOP - 0.5                   # -0.5 to 0.5 around the frame's centre
    f = f0[..., None] + torch.where(at < 0, -at * (left - f0)[..., None], at * (right - f0)[..., None])
    f = f.flatten(1)
    voiced = f > 0
    f = torch.where(voiced, f.clamp(min=MIN_F0_HZ), torch.full_like(f, 100.0))
    turns = torch.cumsum(f.double() / SAMPLE_RATE, 1) + phase
    angle = (2 * math.pi * (turns - turns.floor())).float()
    top = torch.floor(MAX_HARMONIC_HZ / f) + 0.5
    half = 2 * torch.sin(angle / 2)
    tiny = half.abs() < 2e-3
    return (torch.where(tiny, top * 2, torch.sin(top * angle) / torch.where(tiny, torch.ones_like(half), half) * 2) / 2 - 0.5) * voiced


class SourceFilterVocoder(nn.Module):
    def __init__(self, width=192):
        super().__init__()
        self.f0_predictor = F0Predictor()
        self.input = nn.Linear(240, width)
        self.coarse = nn.ModuleList([ConvNeXtBlock(width, right=r, multiple=2) for r in COARSE])
        self.up = nn.Linear(width, 2 * width)
        self.pitch = nn.Linear(2, width)
        self.fine = nn.ModuleList([ConvNeXtBlock(width, right=r, multiple=2) for r in FINE])
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, 3 * BINS)          # log magnitude of harmonics, of noise, and phase
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        with torch.no_grad():
            self.output.weight *= 0.3
            self.output.bias[:BINS], self.output.bias[BINS:2 * BINS], self.output.bias[2 * BINS:] = -4, -5, 0

    def f0(self, mel):
        """Hz, 0 where unvoiced: `[B, T]`."""
        pitch, voicing = self.f0_predictor(mel)
        return torch.where(voicing > 0, (100 * 2 ** pitch).clamp(MIN_F0_HZ, 800), torch.zeros(()))

    def filters(self, mel, f0):
        """Three `[B, 2 T, 481]`: log magnitude of harmonics and of noise, phase of the harmonic filter."""
        x = ((mel + 5) / 3).transpose(1, 2)
        x = self.input(torch.cat([F.pad(x, (0, 0, 1, 0))[:, :-1], x, F.pad(x, (0, 0, 0, 1))[:, 1:]], -1))
        for block in self.coarse:
            x = block(x)
        x = self.up(x).reshape(x.shape[0], 2 * x.shape[1], -1)
        voiced = (f0 > 0).float()
        known = torch.stack([torch.log2(torch.where(f0 > 0, f0, torch.full_like(f0, 150.0)) / 150), voiced], -1)
        x = x + self.pitch(known.repeat_interleave(2, 1))
        for block in self.fine:
            x = block(x)
        harmonic, noise, phase = self.output(self.norm(x)).float().chunk(3, -1)
        return harmonic.clamp(max=6), noise.clamp(max=6), torch.tanh(phase) * math.pi

    def forward(self, mel, f0=None, phase=None, noise=None):
        """`mel [B, 80, T]` to `[B, T * 480]`.  STFT frame k is centred on sample 240 k; the source is zero outside.
        `noise`: complex `[B, 2 T, 481]`, real and imaginary parts of unit variance."""
        f0 = self.f0(mel) if f0 is None else f0
        frames = 2 * mel.shape[2]
        source = harmonics(f0, torch.zeros(mel.shape[0], 1) if phase is None else phase)
        source = F.pad(source, (N_FFT // 2, N_FFT // 2))
        spectrum = torch.stft(source, N_FFT, HOP, N_FFT, self.window / (N_FFT / 4), center=False, return_complex=True)
        harmonic, hiss, angle = self.filters(mel, f0)
        if noise is None:
            noise = torch.complex(torch.randn_like(hiss), torch.randn_like(hiss))
        spectrum = torch.polar(torch.exp(harmonic), angle) * spectrum[:, :, :frames].transpose(1, 2) + torch.exp(hiss) * noise
        pieces = torch.fft.irfft(spectrum, N_FFT, dim=-1) * self.window / 1.5
        wave = F.fold(pieces.transpose(1, 2), (1, (frames - 1) * HOP + N_FFT), (1, N_FFT), stride=(1, HOP))[:, 0, 0]
        return wave[:, N_FFT // 2:N_FFT // 2 + frames * HOP]


RESOLUTIONS = [(2048, 512), (1024, 256), (512, 128), (256, 64), (128, 32)]
WINDOWS = {n: torch.hann_window(n) for n, _ in RESOLUTIONS}


def spectral_distance(made, true):
    total = 0
    for n, hop in RESOLUTIONS:
        a, b = (torch.stft(x, n, hop, n, WINDOWS[n], return_complex=True).abs() for x in (made, true))
        total = total + (torch.log(a + 1e-3) - torch.log(b + 1e-3)).abs().mean() + (a - b).norm() / (b.norm() + 1e-3)
    return total / len(RESOLUTIONS)


def pitch_losses(predictor, mel, f0):
    pitch, voicing = predictor(mel)
    voiced = f0 > 0
    error = (pitch - torch.log2(f0.clamp(min=1) / 100)).abs()
    return (error * voiced).sum() / voiced.sum().clamp(min=1), F.binary_cross_entropy_with_logits(voicing, voiced.float())


def train_pitch(minutes, batch=48, frames=64):
    rng = np.random.default_rng(5)
    shards = [Shard(0), Shard(1)]
    model = F0Predictor()
    run = Run("pitch", minutes, [model], [torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01)])
    while True:
        run.schedule()
        picked = []
        for _ in range(batch):
            shard = shards[rng.integers(2)]
            at = rng.integers(shard.meta_frames - frames)
            picked.append((shard.voiced[at:at + frames], shard.f0[at:at + frames]))
        mel, f0 = (torch.from_numpy(np.stack(x).astype(np.float32)) for x in zip(*picked))
        mel = mel.transpose(1, 2) + 0.1 * torch.randn(batch, 80, frames)       # decoded mels are not exact either
        f0 = torch.where(f0 > 40, f0, torch.zeros(()))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pitch, voicing = pitch_losses(model, mel, f0)
        run.optimizers[0].zero_grad()
        (pitch + 0.3 * voicing).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        run.optimizers[0].step()
        if run.done(pitch=pitch.item(), voicing=voicing.item()):
            return


def segments(mels, batch=16, frames=32):
    """Endless batches: mel `[B, 80, T]`, F0 `[B, T]`, waveform `[B, 480 T]`.  `mels`: for each shard, arrays to draw from."""
    rng = np.random.default_rng(int.from_bytes(os.urandom(4), "little"))
    shards = [Shard(0), Shard(1)]
    # where PSOLA has changed F0 there is something of it to hear
    kept = [(i, m) for i, s in enumerate(shards) for m in s.meta if m["exaggeration"] == 0.5 and m["frames"] > frames + 8]
    while True:
        picked = []
        while len(picked) < batch:
            i, m = kept[rng.integers(len(kept))]
            at = int(rng.integers(m["frames"] - frames))
            span = slice(m["frame"] + at, m["frame"] + at + frames)
            mel = mels[i][rng.integers(len(mels[i]))][span]
            if not mel.any() or mel.astype(np.float32).mean() < -8.5 and rng.random() < 0.8:     # not decoded, or silence
                continue
            sample = m["wave"] + at * MEL_HOP
            picked.append((mel, shards[i].f0[span], shards[i].wave[sample:sample + frames * MEL_HOP]))
        mel, f0, wave = (torch.from_numpy(np.stack(x).astype(np.float32)) for x in zip(*picked))
        yield mel.transpose(1, 2), torch.where(f0 > 40, f0, torch.zeros(())), wave / 32767


def main(minutes, decoded):
    model = SourceFilterVocoder()
    if decoded:
        load(model, "vocoder").train()
    elif os.path.exists(os.path.join(DATA, "pitch.pt")):
        load(model.f0_predictor, "pitch").train()
    run = Run("vocoder-decoded" if decoded else "vocoder", minutes, [model],
              [torch.optim.AdamW(model.parameters(), lr=4e-4 if decoded else 1.2e-3, betas=(0.8, 0.99), weight_decay=0.01)])
    mels = [[Shard(i).voiced] for i in (0, 1)]
    if decoded:
        for i, known in enumerate(mels):
            known.append(np.memmap(os.path.join(DATA, f"{i}.decoded.f16"), np.float16, "r").reshape(-1, 80))
    inner = slice(4 * MEL_HOP, -4 * MEL_HOP)              # what has its whole context
    for mel, f0, wave in segments(mels):
        run.schedule()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made = model(mel, f0, torch.rand(len(mel), 1))[:, inner]
            pitch_error, voicing_error = pitch_losses(model.f0_predictor, mel, f0)
        wave = wave[:, inner]
        spectral, mel_error = spectral_distance(made, wave), (log_mel(made) - log_mel(wave)).abs().mean()
        run.optimizers[0].zero_grad()
        (spectral + 0.5 * mel_error + pitch_error + 0.3 * voicing_error).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        if torch.isfinite(norm):
            run.optimizers[0].step()
        if run.done(spectral=spectral.item(), mel=mel_error.item(), pitch=pitch_error.item(), voicing=voicing_error.item()):
            return


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if "pitch" in sys.argv[2:]:
        train_pitch(float(sys.argv[1]))
    else:
        main(float(sys.argv[1]), "decoded" in sys.argv[2:])
