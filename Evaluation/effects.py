"""What the parameters do, through the running server: pitch range over exaggeration, length over cfg_weight, and how much
two seeds differ over temperature and top_p.

    python effects.py [--url ws://localhost:8000]"""
import argparse
import asyncio

import numpy as np
import websockets

from judge import speak

SENTENCES = ["What a wonderful idea, I can't believe that you remembered it!", "The old clock in the hallway stopped at midnight.",
             "Would you mind closing the window? It's getting cold.", "Everyone laughed when the clown dropped his hat.",
             "I have never seen so many stars in the sky.", "Please put the dirty dishes in the sink."]


def pitch(audio, rate=24000, low=70, high=450):
    """F0 of voiced frames in semitones, by normalised autocorrelation of 40 ms windows."""
    found = []
    for start in range(0, len(audio) - 960, 240):
        frame = audio[start:start + 960] - audio[start:start + 960].mean()
        if np.sqrt((frame ** 2).mean()) < 0.01:
            continue
        spectrum = np.fft.rfft(frame, 2048)
        wave = np.fft.irfft(np.abs(spectrum) ** 2)[: rate // low]
        wave = wave / wave[0] / (1 - np.arange(len(wave)) / 960)
        lag = rate // high + np.argmax(wave[rate // high:])
        if wave[lag] > 0.5:
            found.append(12 * np.log2(rate / lag / 100))
    return np.array(found)


def pitch_range(audio):
    """Semitones between the 10th and the 90th percentile."""
    found = pitch(audio)
    return np.percentile(found, 90) - np.percentile(found, 10) if len(found) > 20 else np.nan


def difference(a, b):
    """How differently two renderings go: relative difference in length and mean distance of their pitch curves."""
    x, y = pitch(a), pitch(b)
    n = min(len(x), len(y))
    return abs(len(a) - len(b)) / max(len(a), len(b)), np.abs(x[:n] - y[:n]).mean() if n else np.nan


async def main(url):
    async with websockets.connect(f"{url}/ws/stream/audio", max_size=None) as socket:
        await socket.recv()

        async def say(seed=1, **parameters):
            return [(await speak(socket, text, "alloy", seed, **parameters))[0] for text in SENTENCES]

        print("| exaggeration | pitch range, semitones |\n|---|---|")
        for value in (0.25, 0.5, 1.0, 2.0):
            print(f"| {value} | {np.nanmean([pitch_range(a) for a in await say(exaggeration=value)]):.1f} |")
        print("\n| cfg_weight | seconds a sentence |\n|---|---|")
        for value in (0.0, 0.25, 0.5, 1.0):
            print(f"| {value} | {np.mean([len(a) / 24000 for a in await say(cfg_weight=value)]):.2f} |")
        print("\n| temperature, top_p | two seeds: length, pitch |\n|---|---|")
        for temperature, top_p in ((0.05, 0.95), (0.8, 0.1), (0.8, 0.95), (1.5, 1.0)):
            pairs = zip(await say(1, temperature=temperature, top_p=top_p), await say(2, temperature=temperature, top_p=top_p))
            length, tone = np.nanmean([difference(a, b) for a, b in pairs], axis=0)
            print(f"| {temperature}, {top_p} | {length:.1%}, {tone:.2f} semitones |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://localhost:8000")
    asyncio.run(main(parser.parse_args().url))
