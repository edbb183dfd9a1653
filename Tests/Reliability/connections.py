"""What idle connections cost: memory of the server for each, and the time to first audio of a stream beside them.

    .venv/bin/python Tests/Reliability/connections.py [--connections 10000] [--streams 30] [--json out.json]

Opens WebSockets that say nothing, and measures streams before, beside and after them, over one socket each. Needs about
as many file descriptors as connections here and in the server; both raise their limit as far as they may.
"""

import argparse
import asyncio
import base64
import json
import os
import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import websockets

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = "Good morning! How long does it take until you hear this?"


def resident_kb(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024


def handshake(port):
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws/stream/audio HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def open_idle(port, count):
    """WebSockets that read their greeting and then neither read nor write."""
    sockets = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(handshake(port))
        got = b""
        while b"connected" not in got:
            piece = client.recv(4096)
            assert piece, f"connection {len(sockets) + 1} was closed: {got}"
            got += piece
        sockets.append(client)
    return sockets


async def first_audio(port, count):
    """Milliseconds from the request to the first audio after the header, for each of some streams."""
    times = []
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws/stream/audio", max_size=None) as client:
        await client.recv()
        for seed in range(count):
            start = time.perf_counter()
            await client.send(json.dumps({"type": "stream_request", "data": {"input": TEXT, "seed": seed}}))
            binaries = 0
            while True:
                message = await client.recv()
                if isinstance(message, bytes):
                    binaries += 1
                    if binaries == 2:
                        times.append((time.perf_counter() - start) * 1000)
                elif json.loads(message)["type"] in ("done", "error"):
                    assert binaries > 1, message
                    break
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--streams", type=int, default=30)
    parser.add_argument("--binary", default=str(ROOT / ".build/release/chatterbox"))
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    limit = str(options.connections + 100)
    server = subprocess.Popen(
        [options.binary, "serve", "--host", "127.0.0.1", "--port", str(port), "--max-connections", limit, "--ping-interval", "600"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "VOICE_LIBRARY_DIR": f"/tmp/connections-{port}/voices", "LONG_TEXT_DATA_DIR": f"/tmp/connections-{port}/jobs"},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
        asyncio.run(first_audio(port, 10))  # warm
        before = asyncio.run(first_audio(port, options.streams))
        empty = resident_kb(server.pid)
        start = time.perf_counter()
        idle = open_idle(port, options.connections)
        opening = time.perf_counter() - start
        time.sleep(2)
        full = resident_kb(server.pid)
        beside = asyncio.run(first_audio(port, options.streams))
        for client in idle:
            client.close()
        time.sleep(3)
        left = resident_kb(server.pid)
        descriptors = len(os.listdir(f"/proc/{server.pid}/fd"))
        after = asyncio.run(first_audio(port, options.streams))
    finally:
        server.terminate()
        code = server.wait(30)
    result = {
        "connections": options.connections,
        "kb_each": round((full - empty) / options.connections, 2),
        "resident_mb": {"empty": round(empty / 1024, 1), "full": round(full / 1024, 1), "left": round(left / 1024, 1)},
        "opened_per_second": round(options.connections / opening),
        "descriptors_left": descriptors,
        "first_audio_ms": {
            name: round(statistics.median(times), 1) for name, times in (("before", before), ("beside", beside), ("after", after))
        },
        "exit_code": code,
    }
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    ratio = result["first_audio_ms"]["beside"] / result["first_audio_ms"]["before"]
    sys.exit(0 if result["kb_each"] < 20 and ratio < 1.1 and code == 0 else 1)


if __name__ == "__main__":
    main()
