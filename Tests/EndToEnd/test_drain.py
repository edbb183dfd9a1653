"""Told to stop, the server takes nothing new, finishes what it is at, and goes."""

import asyncio
import json
import signal
import time

import pytest
from conftest import Server
from http_client import ask
from malformed import text_frame
from raw_websocket import RawSocket, connect, handshake, shake
from test_slow_clients import TEXT, speech, until_active
from test_stream import SHORT, request


@pytest.fixture
def starting():
    started = []

    def start(*options, **others):
        started.append(Server(*options, **others))
        return started[-1]

    yield start
    for server in started:
        server.kill()


def test_ready_says_when(starting):
    server = starting()
    answers = []
    while not answers or answers[-1].status != 200:
        try:
            answers.append(ask(server, "GET", "/ready"))
        except OSError:
            assert server.process.poll() is None
    assert all(answer.status == 503 and answer.json["status"] == "loading" for answer in answers[:-1])
    assert answers[-1].json == {"status": "ready", "models": ["embedded"]}


async def stopping(server):
    """A reader who holds up speech, and the server told to stop."""
    reader = await RawSocket.open(server, receive_buffer=4096)
    await reader.send(text_frame(request(TEXT[: len(TEXT) // 2])))
    await until_active(server, 1, 5)
    server.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 5
    while (await asyncio.to_thread(ask, server, "GET", "/ready")).status != 503:
        assert time.monotonic() < deadline
    return reader


async def test_nothing_new_is_taken_and_speech_is_finished(starting):
    server = starting("--grace", "60")
    server.wait_until_ready()
    idle = await RawSocket.open(server)
    reader = await stopping(server)
    await idle.expect_close(1001)
    assert ask(server, "GET", "/ready").json["status"] == "draining"
    assert ask(server, "GET", "/health").status == 200
    for path in ("/v1/audio/speech", "/v1/audio/speech/stream", "/audio/speech/long"):
        refused = ask(server, "POST", path, {"input": "Hello."})
        assert (refused.status, refused.json["error"]["code"]) == (503, "shutting_down")
    status, _, _, writer = await shake(server, handshake(server.address))
    assert status == 503
    writer.close()
    await reader.send(text_frame(request(SHORT)))
    kinds, codes = [], []
    while "done" not in kinds:
        opcode, payload = await reader.receive()
        if opcode == 0x1:
            message = json.loads(payload)
            kinds.append(message["type"])
            codes.append(message.get("code"))
    assert "shutting_down" in codes and message["end_reason"] in ("stop_token", "alignment")
    await reader.expect_close(1001)
    assert await asyncio.to_thread(server.process.wait, 10) == 0


async def test_the_grace_ends(starting):
    server = starting("--grace", "1")
    server.wait_until_ready()
    reader = await stopping(server)
    assert await asyncio.to_thread(server.process.wait, 10) == 0
    await reader.close()


async def test_an_http_answer_is_finished(starting):
    server = starting("--grace", "60")
    server.wait_until_ready()
    whole = ask(server, "POST", "/v1/audio/speech/stream", {"input": TEXT[:1000], "seed": 1, "response_format": "pcm"}).body
    reader, writer = await connect(server, receive_buffer=4096)
    writer.write(speech(input=TEXT[:1000], seed=1, response_format="pcm"))
    await reader.readuntil(b"\r\n\r\n")
    server.process.send_signal(signal.SIGTERM)
    got = b""
    while size := int(await asyncio.wait_for(reader.readuntil(b"\r\n"), 20), 16):
        got += await reader.readexactly(size)
        await reader.readexactly(2)
    assert got == whole
    writer.close()
    assert await asyncio.to_thread(server.process.wait, 10) == 0


async def test_a_silent_connection_does_not_hold_it_up(starting):
    server = starting("--grace", "60")
    server.wait_until_ready()
    _, nothing = await connect(server)
    _, half = await connect(server)
    half.write(b"POST /v1/audio/speech HTTP/1.1\r\nContent-Le")
    _, kept = await connect(server)
    kept.write(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0.2)
    server.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.process.wait, 6) == 0
    for writer in (nothing, half, kept):
        writer.close()


async def test_a_job_goes_on_after_a_stop(starting):
    server = starting()
    server.wait_until_ready()
    text = " ".join(["A sentence of a long text that is spoken in the background."] * 80)
    job = ask(server, "POST", "/audio/speech/long", {"input": text, "response_format": "wav"}).json["job_id"]
    deadline = time.monotonic() + 20
    while not (done := ask(server, "GET", f"/audio/speech/long/{job}").json["progress"]["completed_chunks"]):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    events = await connect(server)
    events[1].write(f"GET /audio/speech/long/{job}/sse HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await events[0].readuntil(b"progress")
    server.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.process.wait, 10) == 0
    again = starting(data=server.data)
    again.wait_until_ready()
    state = ask(again, "GET", f"/audio/speech/long/{job}").json
    assert state["status"] in ("pending", "processing", "completed")
    assert state["progress"]["completed_chunks"] >= done
    while state["status"] != "completed":
        assert time.monotonic() < deadline + 40
        await asyncio.sleep(0.1)
        state = ask(again, "GET", f"/audio/speech/long/{job}").json
    events[1].close()
