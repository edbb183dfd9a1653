"""Sentences are set apart by the same silence, whoever cut the text: one request, pieces, a context, a job."""

import io
import json
import wave

import numpy as np
import pytest
import websockets
from http_client import ask
from test_contexts import audio, receive, say
from test_jobs import LONG, SENTENCES, make, wait

SPOKEN = ["The first bird was singing.", "The second bird was hungry.", "Was the third one asleep?", "Nobody knew."]
TEXT = " ".join(SPOKEN)


def pauses(pcm):
    """Seconds of the silences of half a second or more between the first sound and the last."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float64)
    frames = samples[: len(samples) // 240 * 240].reshape(-1, 240)
    level = np.sqrt((frames**2).mean(1))
    loud = np.flatnonzero(level > 0.03 * np.percentile(level, 95))
    gaps = np.diff(loud) / 100
    return [gap for gap in gaps if gap >= 0.45]


def check(pcm, sentences):
    found = pauses(pcm)
    assert len(found) == sentences - 1, found
    assert max(found) < 1.1, found


@pytest.mark.parametrize("mode", [{}, {"streaming_mode": "standard", "streaming_strategy": "sentence", "streaming_chunk_size": 50}],
                         ids=["model", "standard"])  # fmt: skip
def test_one_request(server, mode):
    answer = ask(server, "POST", "/v1/audio/speech/stream", {"input": TEXT, "seed": 1, "response_format": "pcm", **mode})
    check(answer.body, len(SPOKEN))


async def test_requests_of_a_context(server):
    async with websockets.connect(server.stream, max_size=None) as socket:
        await socket.recv()
        await say(socket, "append", context_id="a", text="", data={"seed": 1})
        for sentence in SPOKEN:
            await say(socket, "append", context_id="a", text=sentence + " ")
            await say(socket, "flush", context_id="a")
        await say(socket, "close", context_id="a")
        check(audio(await receive(socket, "done", "a"), "a"), len(SPOKEN))


def test_chunks_of_a_job(server):
    sentences = SENTENCES[:38]
    job = make(server, " ".join(sentences), response_format="wav", seed=1)
    assert job["total_chunks"] > 1
    wait(server, job["job_id"], ["completed"])
    with wave.open(io.BytesIO(ask(server, "GET", f"{LONG}/{job['job_id']}/download").body)) as file:
        check(file.readframes(file.getnframes()), len(sentences))
