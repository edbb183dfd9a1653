"""Log-mel exactly as S3Gen's front end computes it (s3gen/utils/mel.py of chatterbox-tts), and the data folder."""
import os

import numpy as np
import torch
import torch.nn.functional as F

SAMPLE_RATE, N_FFT, HOP, N_MELS = 24000, 1920, 480, 80
TOKEN_SAMPLES = 960          # one speech token: 40 ms, two mel frames
DATA = os.environ.get("VOICE_DATA", "data")


def mel_basis():
    """`[80, 961]` Slaney mel filters, 0 to 8000 Hz."""
    def hz_to_mel(f):
        f = np.asarray(f, float)
        return np.where(f >= 1000, 15.0 + np.log(np.maximum(f, 1e-9) / 1000) / (np.log(6.4) / 27), f / (200 / 3))

    def mel_to_hz(m):
        m = np.asarray(m, float)
        return np.where(m >= 15.0, 1000 * np.exp((np.log(6.4) / 27) * (m - 15.0)), m * 200 / 3)

    points = mel_to_hz(np.linspace(hz_to_mel(0), hz_to_mel(8000), N_MELS + 2))
    bins = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    low = (bins[None] - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    high = (points[2:, None] - bins[None]) / (points[2:] - points[1:-1])[:, None]
    weights = np.maximum(0, np.minimum(low, high)) * (2 / (points[2:] - points[:-2]))[:, None]
    return weights.astype(np.float32)


BASIS, WINDOW = torch.from_numpy(mel_basis()), torch.hann_window(N_FFT)


def log_mel(wave, rate=1.0):
    """`[B, T]` samples to `[B, 80, T / (480 * rate)]`: frames `480 * rate` samples apart, so that a rate under 1 gives the
    mel of the same speech, slower."""
    count = int(wave.shape[1] / (HOP * rate) + 1e-6)
    centres = torch.round((torch.arange(count) + 0.5) * HOP * rate).long()
    wave = F.pad(wave[:, None], (N_FFT // 2, N_FFT // 2), mode="reflect")[:, 0]
    frames = wave[:, HOP // 2:].unfold(1, N_FFT, HOP)[:, :count] if rate == 1 else wave[:, centres[:, None] + torch.arange(N_FFT)]
    magnitude = torch.fft.rfft(frames * WINDOW).abs().transpose(1, 2)
    return torch.log(torch.clamp(BASIS @ magnitude, min=1e-5))


class Shard:
    """What one worker of synthesise.py wrote; arrays are mapped, not read."""

    def __init__(self, rank):
        import json
        path = lambda name: os.path.join(DATA, f"{rank}.{name}")
        self.meta = [json.loads(line) for line in open(path("jsonl"))]
        frames = self.meta[-1]["frame"] + self.meta[-1]["frames"]
        self.meta_frames = frames
        self.neutral = np.memmap(path("neutral.f16"), np.float16, "r")[: frames * 80].reshape(-1, 80)
        self.voiced = np.memmap(path("voiced.f16"), np.float16, "r")[: frames * 80].reshape(-1, 80)
        self.f0 = np.memmap(path("f0.f32"), np.float32, "r")[:frames]
        self.phone = np.memmap(path("phone.u8"), np.uint8, "r")[:frames]
        self.wave = np.memmap(path("wave.i16"), np.int16, "r")
