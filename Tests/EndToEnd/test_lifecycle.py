"""Start, stop, limits, and the command line."""

import asyncio
import json
import os
import signal
import struct
import subprocess
import time
import wave

import pytest
import websockets
from conftest import BINARY, Server
from test_stream import LONG, SHORT, SPOKEN, receive_until, request


def run(*arguments, **options):
    return subprocess.run([str(BINARY), *arguments], capture_output=True, text=True, errors="replace", timeout=60, **options)


@pytest.fixture
def own_server():
    started = []

    def start(*options):
        started.append(Server(*options))
        started[-1].wait_until_ready()
        return started[-1]

    yield start
    for server in started:
        server.stop()


async def test_start_says_what_to_try(own_server):
    server = own_server()
    output = server.output()
    assert "chatterbox say" in output and ".wav" in output
    assert f":{server.port}/" in output


async def test_idle_connections_are_told_1001_on_shutdown(own_server):
    server = own_server()
    async with websockets.connect(server.stream) as socket:
        await socket.recv()
        idle = await asyncio.open_connection("127.0.0.1", server.port)  # sends nothing, must not hold things up
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 10)
        assert closed.value.rcvd.code == 1001
        await asyncio.to_thread(server.process.wait, 10)
        assert server.process.returncode == 0
        assert time.monotonic() - start < 5
        idle[1].close()


async def test_shutdown_lets_speech_finish(own_server):
    server = own_server()
    async with websockets.connect(server.stream, max_size=None) as socket:
        await socket.recv()
        await socket.send(request(SHORT, request_id="spoken"))
        await receive_until(socket, "info")
        await socket.send(request(SHORT, request_id="waiting"))
        await socket.send('{"type": "ping"}')
        messages = await receive_until(socket, "pong")
        server.process.send_signal(signal.SIGINT)
        try:
            while True:
                message = await asyncio.wait_for(socket.recv(), 20)
                messages.append(message if isinstance(message, bytes) else json.loads(message))
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 1001
    ends = {
        m["request_id"]: m.get("code") or m["end_reason"]
        for m in messages
        if isinstance(m, dict) and m["type"] in ("done", "error")
    }
    assert ends["spoken"] in SPOKEN
    # Either it was waiting when the signal came, or speech was faster than the signal.
    assert ends["waiting"] in ("shutting_down", *SPOKEN)
    assert await asyncio.to_thread(server.process.wait, 10) == 0


async def test_connection_timeout(own_server):
    server = own_server("--connection-timeout", "1")
    async with websockets.connect(server.stream, max_size=None) as socket:
        await socket.recv()
        for _ in range(3):  # A message starts the time anew.
            await asyncio.sleep(0.6)
            await socket.send('{"type": "ping"}')
            await socket.recv()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd.code == 1001
        assert "1 seconds" in closed.value.rcvd.reason


async def test_connection_limit(own_server):
    server = own_server("--max-connections", "2")
    async with websockets.connect(server.stream), websockets.connect(server.stream) as second:
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await websockets.connect(server.stream)
        assert refusal.value.response.status_code == 503
        assert json.loads(refusal.value.response.body)["error"]["code"] == "too_many_connections"
        await second.close()
        await asyncio.sleep(0.2)
        async with websockets.connect(server.stream):
            pass


async def test_a_client_that_stops_reading_holds_no_memory(server):
    """The server makes no more than fits on the way to a client that doesn't read."""
    socket = await websockets.connect(server.stream, max_size=None, max_queue=1)
    await socket.recv()
    for _ in range(8):
        await socket.send(request(LONG))

    def resident():
        with open(f"/proc/{server.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20

    await asyncio.sleep(1)
    before = resident()
    await asyncio.sleep(3)
    assert resident() - before < 50
    socket.transport.abort()


def test_port_in_use_is_an_error_that_helps(server):
    result = run("serve", "--host", "127.0.0.1", "--port", str(server.port))
    assert result.returncode != 0
    assert str(server.port) in result.stderr and "--port" in result.stderr


def test_environment_and_command_line(own_server):
    result = run("serve", env={**os.environ, "PORT": "many"})
    assert result.returncode != 0
    assert "PORT" in result.stderr and "many" in result.stderr
    result = run("serve", "--port", "70000")
    assert result.returncode != 0 and "70000" in result.stderr
    result = run("serve", "--model", "/nowhere", "--port", "0")
    assert result.returncode != 0
    assert "/nowhere" in result.stderr


@pytest.mark.parametrize("command", [[], ["serve"], ["say"]])
def test_help(command):
    result = run(*command, "--help")
    assert result.returncode == 0
    for word in {(): ["serve", "say"], ("serve",): ["--port", "PORT"], ("say",): ["--voice", "--output"]}[tuple(command)]:
        assert word in result.stdout


def test_say_writes_a_file(tmp_path):
    path = tmp_path / "hello.wav"
    result = run("say", "Hello from the command line.", "-o", str(path), "--seed", "1")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        assert 24000 < file.getnframes() < 24000 * 6


def test_say_reads_and_writes_pipes(tmp_path):
    result = subprocess.run(
        [str(BINARY), "say", "-", "-o", "-", "--seed", "1", "--voice", "echo"],
        input=b"Hello from a pipe.", capture_output=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout[:4] == b"RIFF" and len(result.stdout) > 24000
    assert struct.unpack("<I", result.stdout[24:28]) == (24000,)


def test_say_refuses_with_a_hint():
    result = run("say", "Hello.", "--voice", "nobody", "-o", "-")
    assert result.returncode != 0 and "alloy" in result.stderr
    result = run("say", " ", "-o", "-")
    assert result.returncode != 0
    result = run("say", "Hello.", "--temperature", "9", "-o", "-")
    assert result.returncode != 0 and "0.05" in result.stderr
