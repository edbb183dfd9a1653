"""Who waits for a place, who is refused, and what they are told."""

import asyncio
import json

import pytest
import websockets
from conftest import Server
from test_stream import LONG, SHORT, SPOKEN, receive_until, request


@pytest.fixture(scope="module")
def narrow():
    """A server with one place and room for two to wait."""
    server = Server("--max-sessions", "1", "--max-waiting", "2")
    server.wait_until_ready()
    yield server
    assert server.stop() == 0, server.output()


async def connect(server):
    socket = await websockets.connect(server.stream, max_size=None, max_queue=1)
    await socket.recv()
    return socket


async def test_first_come_first_served(narrow):
    sockets = [await connect(narrow) for _ in range(4)]
    # Nobody reads on: the first request keeps the place until it is read or cancelled.
    await sockets[0].send(request(7 * LONG, request_id="first"))
    assert (await receive_until(sockets[0], "info"))[-1]["request_id"] == "first"
    for index in (1, 2):
        await sockets[index].send(request(SHORT, request_id=str(index)))
        queued = (await receive_until(sockets[index], "queued"))[-1]
        assert (queued["position"], queued["request_id"]) == (index, str(index))
        assert queued.get("estimated_wait", 1) > 0

    # The queue is full: the last one is told how long it is, and keeps its connection.
    await sockets[3].send(request(SHORT, request_id="3"))
    refusal = (await receive_until(sockets[3], "error"))[-1]
    assert (refusal["code"], refusal["request_id"]) == ("server_busy", "3")
    assert "queue is full" in refusal["error"]
    await sockets[3].send(json.dumps({"type": "ping"}))
    await receive_until(sockets[3], "pong")

    # Who cancels while waiting is answered at once, and those behind move up.
    await sockets[1].send(json.dumps({"type": "cancel"}))
    cancelled = await receive_until(sockets[1], "done")
    assert [m["type"] for m in cancelled] == ["cancelled", "done"]
    assert cancelled[-1]["end_reason"] == "cancelled"
    assert (await receive_until(sockets[2], "queued"))[-1]["position"] == 1

    # The place is free: the next is spoken, and its times begin then.
    await sockets[0].send(json.dumps({"type": "cancel"}))
    messages = await receive_until(sockets[2], "done")
    assert messages[0]["type"] == "info" and messages[-1]["end_reason"] in SPOKEN
    assert messages[-1]["elapsed_time"] < 5
    for socket in sockets:
        await socket.close()


async def test_who_leaves_while_waiting_frees_the_queue(narrow):
    first = await connect(narrow)
    await first.send(request(7 * LONG))
    await receive_until(first, "info")
    for _ in range(6):
        socket = await connect(narrow)
        await socket.send(request(SHORT))
        assert (await receive_until(socket, "queued"))[-1]["position"] == 1
        socket.transport.abort()
        await asyncio.sleep(0.2)
    await first.close()
    last = await connect(narrow)
    await last.send(request(SHORT))
    assert (await receive_until(last, "done"))[-1]["end_reason"] in SPOKEN
    await last.close()


async def test_quick_models_speak_to_many(server):
    """The embedded voice is quick, and who doesn't read on costs nothing: a dozen are spoken to at once."""
    sockets = [await connect(server) for _ in range(12)]
    for socket in sockets:
        await socket.send(request(7 * LONG, include_metrics=False))
    for messages in await asyncio.gather(*(receive_until(socket, "info") for socket in sockets)):
        assert {m["type"] for m in messages} <= {"queued", "info"}
    for socket in sockets:
        await socket.close()


@pytest.mark.parametrize("option", ["--max-sessions", "--max-waiting"])
def test_the_limits_are_checked(option):
    server = Server(option, "-1")
    assert server.process.wait(timeout=30) != 0
    assert option in server.output()
    server.log.close()
