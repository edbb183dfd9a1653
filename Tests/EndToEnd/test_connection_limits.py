"""How large, how long and how many: each limit has its option, and its answer."""

import asyncio
import json
import time

import pytest
import websockets
from conftest import Server
from http_client import ask
from malformed import frame, text_frame
from raw_websocket import RawSocket, connect, handshake, shake
from test_lifecycle import run
from test_stream import receive_until, request


@pytest.fixture(scope="module")
def strict():
    server = Server(
        "--header-timeout", "1", "--body-timeout", "1", "--keep-alive-timeout", "1", "--max-header-bytes", "2048",
        "--max-message-bytes", "2000", "--max-frame-bytes", "1000", "--max-open-connections", "6",
        "--connection-lifetime", "1",
    )  # fmt: skip
    server.wait_until_ready()
    yield server
    assert server.stop() == 0, server.output()


async def trickle(writer, data, seconds=0.1):
    try:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(seconds)
    except ConnectionError:
        pass


async def read_to_end(reader, seconds):
    try:
        return await asyncio.wait_for(reader.read(), seconds)
    except ConnectionError:
        return b""


def body_of(answer):
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: a-host-with-a-long-name\r\nX-Header: "], ids=["silent", "slow"])
async def test_heads_must_come_in_time(strict, head):
    reader, writer = await connect(strict)
    start = time.monotonic()
    sending = asyncio.create_task(trickle(writer, head + b"x" * 60 if head else b""))
    assert await read_to_end(reader, 5) == b""
    assert time.monotonic() - start > 0.9
    sending.cancel()
    writer.close()


@pytest.mark.parametrize("head", [b"", b"GET /ping HTTP/1.1\r\nX-Header: " + b"x" * 60], ids=["silent", "slow"])
async def test_later_heads_too(strict, head):
    reader, writer = await connect(strict)
    writer.write(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200" in await reader.readuntil(b"\r\n\r\n")
    sending = asyncio.create_task(trickle(writer, head))
    rest = await read_to_end(reader, 5)
    assert rest.startswith(b"{") and b"HTTP" not in rest
    sending.cancel()
    writer.close()


@pytest.mark.parametrize("framing", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
async def test_bodies_must_come_in_time(strict, framing):
    reader, writer = await connect(strict)
    head = b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + framing + b"\r\n\r\n"
    writer.write(head)
    start = time.monotonic()
    sending = asyncio.create_task(trickle(writer, b"1\r\n{\r\n" * 20 if b"chunked" in framing else b" " * 100))
    answer = await read_to_end(reader, 5)
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert body_of(answer)["error"]["code"] == "body_timeout"
    assert time.monotonic() - start > 0.9
    sending.cancel()
    writer.close()


async def test_a_large_body_may_take_longer(strict):
    body = json.dumps({"input": "Hello."}).encode().ljust(8000)
    reader, writer = await connect(strict)
    writer.write(b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body))
    for start in range(0, len(body), 400):
        writer.write(body[start : start + 400])
        await asyncio.sleep(0.1)
    assert b" 200 " in (await asyncio.wait_for(reader.readuntil(b"\r\n"), 10))
    writer.close()


@pytest.mark.parametrize(
    "headers", ["X-Long: " + "x" * 3000 + "\r\n", "".join(f"X-{i}: {'x' * 50}\r\n" for i in range(50)), "A: b\r\n" * 300],
    ids=["one", "many", "small ones"],
)  # fmt: skip
async def test_large_headers(strict, headers):
    reader, writer = await connect(strict)
    writer.write(f"GET /ping HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
    answer = await read_to_end(reader, 5)
    assert b" 431 " in answer.split(b"\r\n")[0]
    error = body_of(answer)["error"]
    assert error["code"] == "headers_too_large" and "2048" in error["message"]
    writer.close()


@pytest.mark.parametrize("data", [b"rubbish\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\x00 HTTP/1.1\r\n\r\n", bytes(range(256))])
async def test_what_is_no_http(strict, data):
    reader, writer = await connect(strict)
    writer.write(data)
    answer = await read_to_end(reader, 5)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert body_of(answer)["error"]["code"] == "bad_request"
    writer.close()


@pytest.mark.parametrize(
    "data", [frame(2, bytes(1001)), frame(2, bytes(1000), fin=False) + frame(0, bytes(1000), fin=False) + frame(0, b"x")]
)  # fmt: skip
async def test_frames_and_messages_too_large(strict, data):
    socket = await RawSocket.open(strict)
    await socket.send(frame(2, bytes(1000), fin=False) + frame(0, bytes(1000)))
    assert " 2000 bytes" in (await socket.receive_json())["error"]
    await socket.send(data)
    await socket.expect_close(1009)
    await socket.close()


@pytest.fixture
def narrow():
    """Takes six connections, and is patient with them."""
    server = Server("--max-open-connections", "6")
    server.wait_until_ready()
    yield server
    assert server.stop() == 0, server.output()


async def test_connections_in_all(narrow):
    await asyncio.sleep(0.3)  # until those that waited for it are gone
    sockets = [await RawSocket.open(narrow) for _ in range(4)]
    plain = [await connect(narrow) for _ in range(2)]
    for reader, writer in plain:  # an answer, so that they count
        writer.write(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in await asyncio.wait_for(reader.readline(), 5)
    for head in (b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", handshake(narrow.address)):
        reader, writer = await connect(narrow)
        writer.write(head)
        answer = await read_to_end(reader, 5)
        assert b" 503 " in answer.split(b"\r\n")[0] and b"Retry-After: " in answer
        error = body_of(answer)["error"]
        assert error["code"] == "too_many_connections" and " 6 " in error["message"]
        writer.close()
    for _, writer in plain:
        writer.close()
    await asyncio.sleep(0.3)
    assert ask(narrow, "GET", "/ping").status == 200
    for socket in sockets:
        await socket.close()


async def test_lifetime(strict):
    async with websockets.connect(strict.stream, max_size=None) as socket:
        await socket.recv()
        start = time.monotonic()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                await socket.send('{"type": "ping"}')
                await asyncio.wait_for(socket.recv(), 5)
                assert time.monotonic() - start < 5
                await asyncio.sleep(0.05)
        assert closed.value.rcvd.code == 1001
        assert "1 seconds" in closed.value.rcvd.reason
        assert time.monotonic() - start > 0.9


@pytest.mark.parametrize(
    "options",
    [
        ("--ping-interval", "0"), ("--send-timeout", "soon"), ("--max-frame-bytes", "1"), ("--max-header-bytes", "12"),
        ("--max-open-connections", "0"), ("--grace", "-1"), ("--connection-lifetime", "x"),
        ("--tls-certificate", "/nowhere.pem"), ("--tls-certificate", "/nowhere.pem", "--tls-key", "/nowhere.key"),
    ],
)  # fmt: skip
def test_options_that_are_wrong(options):
    result = run("serve", *[f"{name}={value}" for name, value in zip(options[::2], options[1::2])])
    assert result.returncode != 0
    assert options[0] in result.stderr or options[1] in result.stderr
    assert options[0] in result.stderr or "/nowhere" in result.stderr
