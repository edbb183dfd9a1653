"""Nothing a client sends may hang or hurt the server."""

import asyncio
import json

import pytest
from malformed import cases, frame, text_frame
from raw_websocket import RawSocket

CASES = cases()


def test_there_are_two_hundred():
    assert len(CASES) >= 200
    assert len({case[0] for case in CASES}) == len(CASES), "names must be unique"


@pytest.mark.parametrize("name,data,expected,field", CASES, ids=[case[0] for case in CASES])
async def test_malformed(server, name, data, expected, field):
    socket = await RawSocket.open(server)
    try:
        try:
            await socket.send(data)
        except ConnectionError:
            pass  # Closed while we were still sending: the close frame is what counts.
        opcode, payload = await socket.receive()
        if isinstance(expected, int):
            assert opcode == 0x8, payload
            code = int.from_bytes(payload[:2], "big") if payload else 1005
            assert code == expected, payload
            payload[2:].decode()
            try:
                await socket.send(frame(0x8, payload[:2]))
                rest = await asyncio.wait_for(socket.reader.read(), 5)
            except ConnectionError:
                rest = b""  # Where the client began the close, the server is gone before this second frame arrives.
            assert rest == b"", "the server closes the connection"
        else:
            answer = json.loads(payload)
            assert (answer["type"], answer["code"]) == ("error", expected)
            # A long name is told by its beginning.
            assert answer.get("field") == (field if field is None or len(field) <= 60 else field[:60] + "…")
            assert 0 < len(answer["error"]) < 500
            await socket.send(text_frame('{"type": "ping"}'))
            assert json.loads((await socket.receive())[1]) == {"type": "pong"}
    finally:
        await socket.close()


async def test_one_connection_survives_all_it_can(server):
    socket = await RawSocket.open(server)
    survivable = [case for case in CASES if not isinstance(case[2], int)]
    for name, data, expected, _ in survivable:
        await socket.send(data)
        assert json.loads((await socket.receive())[1])["code"] == expected, name
    await socket.close()


async def test_fragments_and_control_frames_between_them(server):
    socket = await RawSocket.open(server)
    message = '{"type": "ping"}'
    pieces = [frame(1, message[0], fin=False)]
    for letter in message[1:]:
        pieces += [frame(0x9, b"still here"), frame(0, letter, fin=False)]
    await socket.send(b"".join(pieces) + frame(0, ""))
    for _ in message[1:]:
        assert await socket.receive() == (0xA, b"still here")
    assert json.loads((await socket.receive())[1]) == {"type": "pong"}
    await socket.close()


async def test_bytes_that_trickle_in(server):
    socket = await RawSocket.open(server)
    for byte in text_frame('{"type": "ping"}'):
        await socket.send(bytes([byte]))
    assert json.loads((await socket.receive())[1]) == {"type": "pong"}
    await socket.close()


async def test_a_flood_of_pings_is_answered_in_order(server):
    socket = await RawSocket.open(server)
    await socket.send(text_frame('{"type": "ping"}') * 500)
    for _ in range(500):
        assert json.loads((await socket.receive())[1]) == {"type": "pong"}
    await socket.close()


@pytest.mark.parametrize(
    "head",
    [
        "GET /ws/stream/audio HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "GET /ws/stream/audio HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
    ],
    ids=["no key", "old version"],
)
async def test_bad_handshakes(server, head):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode())
    status = await asyncio.wait_for(reader.readline(), 5)
    assert b" 426 " in status
    writer.close()


async def test_bytes_that_are_not_http(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100))
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer == b"" or b" 400 " in answer
    writer.close()
