"""Clients that don't read, or are gone: what is made for them waits or stops, and their place is free again."""

import asyncio
import json
import os
import socket
import time

import pytest
import websockets
from conftest import Server
from http_client import ask
from malformed import frame, text_frame
from raw_websocket import RawSocket, connect
from test_stream import LONG, SHORT, receive_until, request

TEXT = " ".join(["A sentence that is spoken for somebody who may not be there any more."] * 42)  # three minutes


@pytest.fixture(scope="module")
def impatient():
    """Waits two seconds for a reader, and pings rarely."""
    server = Server("--send-timeout", "2", "--ping-interval", "600")
    server.wait_until_ready()
    yield server
    assert server.stop() == 0, server.output()


@pytest.fixture(scope="module")
def attentive():
    """Waits two seconds for a reader, and soon misses one that the network holds up."""
    server = Server("--send-timeout", "2", "--ping-interval", "4")
    server.wait_until_ready()
    yield server
    assert server.stop() == 0, server.output()


@pytest.fixture(scope="module")
def pinging():
    """Pings every second, and waits long for a reader."""
    server = Server("--send-timeout", "600", "--ping-interval", "1")
    server.wait_until_ready()
    yield server
    assert server.stop() == 0, server.output()


def active(server):
    return ask(server, "GET", "/models").json["data"][0]["active_requests"]


async def until_active(server, count, seconds):
    deadline = time.monotonic() + seconds
    while await asyncio.to_thread(active, server) != count:
        assert time.monotonic() < deadline, f"after {seconds} s there are not {count} requests being spoken"
        await asyncio.sleep(0.02)


def open_connections(server):
    return ask(server, "GET", "/ws/stream/connections").json["total_connections"]


def resident(server):
    with open(f"/proc/{server.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def speech(path="/v1/audio/speech/stream", **fields):
    body = json.dumps({"input": TEXT, **fields}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


HTTP = {
    "chunked": speech(response_format="pcm"), "sse": speech(stream_format="sse"),
    "mp3": speech(response_format="mp3"), "standard": speech(streaming_mode="standard"),
}  # fmt: skip
WHOLE = {"whole": speech("/v1/audio/speech", response_format="wav")}


async def begin(server, kind, receive_buffer=None):
    """A client of a kind, being spoken to; its writer."""
    if kind == "websocket":
        client = await RawSocket.open(server, receive_buffer=receive_buffer)
        await client.send(text_frame(request(TEXT)))
        writer = client.writer
    else:
        _, writer = await connect(server, receive_buffer=receive_buffer)
        writer.write({**HTTP, **WHOLE}[kind])
    await until_active(server, 1, 5)
    return writer


@pytest.mark.parametrize("kind", ["websocket", "chunked", "sse"])
async def test_a_reader_that_stops_is_waited_for_but_not_forever(impatient, kind):
    writer = await begin(impatient, kind, receive_buffer=4096)
    seen = []
    while status := (await asyncio.to_thread(ask, impatient, "GET", "/status")).json:
        if not status["is_processing"]:
            break
        seen.append((time.monotonic(), status["progress"]["progress_percentage"]))
        assert seen[-1][0] - seen[0][0] < 20, "it is waited for too long"
        await asyncio.sleep(0.05)
    writer.close()
    last = seen[-1][1]
    assert last < 100
    stopped = [moment for moment, percentage in seen if percentage == last]
    assert stopped[-1] - stopped[0] > 1, "what nobody reads is not made"


async def test_a_slow_reader_gets_all(impatient):
    text = " ".join(["A sentence that is spoken for somebody who takes his time."] * 8)
    whole = ask(impatient, "POST", "/v1/audio/speech/stream", {"input": text, "seed": 1, "response_format": "pcm"}).body
    reader, writer = await connect(impatient, receive_buffer=4096)
    body = json.dumps({"input": text, "seed": 1, "response_format": "pcm"}).encode()
    writer.write(b"POST /v1/audio/speech/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await reader.readuntil(b"\r\n\r\n")
    got = b""
    start = time.monotonic()
    while (size := int(await reader.readuntil(b"\r\n"), 16)) > 0:
        while size:
            piece = await reader.read(min(size, 16384))
            got += piece
            size -= len(piece)
            await asyncio.sleep(len(piece) / 400_000)
        await reader.readexactly(2)
    assert time.monotonic() - start > 2.5, "it was not slow"
    assert got == whole
    writer.close()


@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("kind", ["websocket", *HTTP, *WHOLE])
async def test_a_client_that_vanishes_frees_its_place(server, kind, how):
    writer = await begin(server, kind, receive_buffer=4096 if kind != "whole" else None)
    if how == "resets":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()
    await until_active(server, 0, 2)


async def test_who_waits_in_the_queue_and_vanishes_is_not_spoken(server):
    writers = [await begin(server, "websocket", receive_buffer=4096)]
    for _ in range(3):
        _, writer = await connect(server)
        writer.write(WHOLE["whole"])
        writers.append(writer)
    await until_active(server, 4, 5)
    for writer in writers:
        writer.transport.abort()
    await until_active(server, 0, 2)


async def test_a_client_that_closes_its_side_only_gets_a_short_answer(server):
    reader, writer = await connect(server)
    writer.write(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 5)
    assert b" 200 " in answer.split(b"\r\n")[0] and b'"ok"' in answer
    writer.close()


async def test_a_connection_stays_after_answers(server):
    """Watching the client doesn't cost the connection."""
    reader, writer = await connect(server)
    body = json.dumps({"input": "Hi there.", "response_format": "wav"}).encode()
    for _ in range(3):
        writer.write(b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert b" 200 " in head.split(b"\r\n")[0]
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert (await reader.readexactly(length))[:4] == b"RIFF"
    writer.close()


async def test_a_dead_peer_is_noticed_by_its_silence(pinging):
    """No FIN, no answer to pings: as after a cable was pulled."""
    dead = await RawSocket.open(pinging)
    async with websockets.connect(pinging.stream) as living:
        await living.recv()
        assert (await dead.receive(5))[0] == 0x9
        rest = await asyncio.wait_for(dead.reader.read(), 5)
        assert rest in (b"", b"\x89\x00"), "another ping at most"
        await living.send('{"type": "ping"}')
        assert json.loads(await living.recv()) == {"type": "pong"}
    await dead.close()


async def test_a_dead_peer_frees_its_place(pinging):
    writer = await begin(pinging, "websocket", receive_buffer=4096)
    await until_active(pinging, 0, 5)
    writer.close()


@pytest.mark.parametrize("message", [frame(0x9, bytes(125)), text_frame('{"type": "ping"}')], ids=["frames", "messages"])
async def test_pings_without_reading_fill_no_memory(attentive, message):
    client = await RawSocket.open(attentive, receive_buffer=4096)
    before = resident(attentive)

    async def flood():
        while True:
            client.writer.write(message * 4000)
            await client.writer.drain()

    # The client may never learn that it was cut off: with its window shut, Linux can drop what would tell it.
    flooding = asyncio.create_task(flood())
    start = time.monotonic()
    while await asyncio.to_thread(open_connections, attentive) > 0:
        assert resident(attentive) - before < 40
        assert time.monotonic() - start < 20, "the connection is still open"
        await asyncio.sleep(0.05)
    assert time.monotonic() - start > 1.5, "it was not waited for"
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)
    client.writer.transport.abort()


async def test_cancel_stops_within_a_chunk(client, server):
    async with websockets.connect(server.stream, max_size=None) as socket:
        await socket.recv()
        await socket.send(request(LONG, chunk_size=25))
        await receive_until(socket, "metrics")
        await socket.send('{"type": "cancel"}')
        rest = await receive_until(socket, "done")
        kinds = [m["type"] for m in rest if isinstance(m, dict)]
        assert "cancelled" in kinds and rest[-1]["end_reason"] == "cancelled"
        await until_active(server, 0, 2)
        await socket.send(request(SHORT))
        assert (await receive_until(socket, "done"))[-1]["end_reason"] != "cancelled"
