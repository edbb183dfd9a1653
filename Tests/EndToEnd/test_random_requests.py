"""A thousand random requests that are right and a thousand that are wrong: each gets the answer it should."""

import concurrent.futures
import json
import random
import struct

from http_client import ask

COUNT = 1000
TEXTS = ["Hi.", "Yes!", "No way.", "It's 5 p.m.", "Hello — you?", "OK, go.", "Ünïcödé", "$3.50", "A b c.", "Well?!"]
NUMBERS = {
    "exaggeration": (0.25, 2), "cfg_weight": (0, 1), "temperature": (0.05, 5), "top_p": (0, 1), "speed": (0.5, 4),
    "alignment_threshold": (0, 1),
}  # fmt: skip
INTEGERS = {
    "chunk_size": (10, 100), "context_window": (0, 200), "max_new_tokens": (100, 10000), "alignment_window_size": (10, 200),
    "fade_in_duration_ms": (0, 100), "streaming_chunk_size": (50, 500), "streaming_buffer_size": (1, 10),
}  # fmt: skip
FLAGS = ["chunk_growth", "enable_alignment_monitoring", "enable_fade_in", "include_timestamps", "normalize_text"]
CHOICES = {
    "response_format": ["wav", "pcm", "mp3", "opus", "flac", "aac", "mulaw", "alaw"], "stream_format": ["audio", "sse"],
    "streaming_mode": ["model", "standard"], "streaming_strategy": ["sentence", "paragraph", "fixed", "word"],
    "streaming_quality": ["fast", "balanced", "high"], "voice": ["alloy", "echo", "fable", "onyx", "nova", "shimmer", "ash"],
    "model": ["tts-1", "embedded", "gpt-4o-mini-tts"], "language": ["en", "en-GB"],
}  # fmt: skip
STARTS = {"wav": b"RIFF", "mp3": b"\xff", "opus": b"OggS", "flac": b"fLaC", "aac": b"\xff"}


def valid(generator):
    body = {"input": generator.choice(TEXTS)}
    for name, (low, high) in NUMBERS.items():
        if generator.random() < 0.3:
            body[name] = generator.choice([low, high, generator.uniform(low, high)])
    for name, (low, high) in INTEGERS.items():
        if generator.random() < 0.3:
            body[name] = generator.choice([low, high, generator.randint(low, high), float(generator.randint(low, high))])
    for name in FLAGS:
        if generator.random() < 0.3:
            body[name] = generator.random() < 0.5
    for name, choices in CHOICES.items():
        if generator.random() < 0.3:
            body[name] = generator.choice(choices)
    if generator.random() < 0.5:
        body["seed"] = generator.choice([0, 2**64 - 1, generator.getrandbits(64)])
    for name in list(body):
        if name != "input" and generator.random() < 0.05:
            body[name] = None
    return body


def spoil(body, generator):
    """Makes one to three fields wrong; returns their names."""
    wrong = set()
    for _ in range(generator.randint(1, 3)):
        kind = generator.randrange(5)
        if kind == 0:
            name = generator.choice(list(NUMBERS))
            low, high = NUMBERS[name]
            body[name] = generator.choice([low - 0.3, high + 1, 1e300, -1e300, "1", True, [], {}])
        elif kind == 1:
            name = generator.choice(list(INTEGERS))
            low, high = INTEGERS[name]
            body[name] = generator.choice([low - 1, high + 1, low + 0.5, 2**70, "1", False, [1]])
        elif kind == 2:
            name = generator.choice(FLAGS)
            body[name] = generator.choice([0, 1, "true", [], "x"])
        elif kind == 3:
            name = generator.choice(["response_format", "stream_format", "streaming_strategy", "voice", "model", "language"])
            body[name] = generator.choice(["no such thing", 7, ["alloy"], {"a": 1}, True])
        else:
            name = "input"
            body[name] = generator.choice(["", "  \n", "x" * 3001, 5, ["Hi."], {}])
        wrong.add(name)
    return wrong


def check_sound(body, answer):
    assert answer.status == 200, (body, answer.body[:500])
    if body.get("stream_format") == "sse":
        events = [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line]
        assert events[-1]["type"] == "speech.audio.done", (body, events[-1])
        return
    form = body.get("response_format") or "wav"
    assert len(answer.body) > 500, body
    assert answer.body.startswith(STARTS.get(form, b"")), body
    if form == "wav" and body.get("stream_format") != "audio":
        assert struct.unpack("<I", answer.body[40:44])[0] == len(answer.body) - 44, body


def test_valid_requests(server):
    generator = random.Random(20261127)
    bodies = [valid(generator) for _ in range(COUNT)]
    paths = [generator.choice(["/audio/speech", "/v1/audio/speech", "/tts", "/audio/speech/stream"]) for _ in bodies]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda job: ask(server, "POST", *job), zip(paths, bodies)))
    for path, body, answer in zip(paths, bodies, answers):
        check_sound({**body, "stream_format": body.get("stream_format") or ("audio" if "stream" in path else None)}, answer)


def test_invalid_requests(server):
    generator = random.Random(20261128)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = []
        for _ in range(COUNT):
            body = valid(generator)
            wrong = spoil(body, generator)
            jobs.append((body, wrong, pool.submit(ask, server, "POST", "/v1/audio/speech", body)))
        for body, wrong, job in jobs:
            answer = job.result()
            assert answer.status == 422, (body, answer.body[:300])
            # Who is to speak, in what language, is looked at when the rest is right.
            late = wrong & {"voice", "language"}
            fields = set(answer.fields)
            assert fields <= wrong | {"min_new_tokens"}, (body, answer.fields)
            assert wrong - late <= fields or fields & late, (body, wrong, answer.fields)
            for message in answer.fields.values():
                assert "allowed" in message or "must be" in message or "available" in message or "speak" in message, message
