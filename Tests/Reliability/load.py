#!/usr/bin/env python3
"""What one server holds: streams at once in real time, connections, requests a second.

    .venv/bin/python Tests/Reliability/load.py [--seconds 10] [--most 96] [--connections 10000] [--json out.json]

Streams are added eight at a time, all begun together, until one has to queue, or one's player would have run dry: it starts
with the first audio and plays on. Client and server share the machine's cores. Takes some two minutes."""

import argparse
import asyncio
import json
import pathlib
import resource
import sys
import time

import websockets

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "EndToEnd"))

from connections import first_audio, open_idle, resident_kb  # noqa: E402
from conftest import Server  # noqa: E402

# About eight seconds of speech.
TEXT = "The quick brown fox jumps over the lazy dog. Then it sits down by the river and waits for the evening to come over the hills."
SHORT = "Good morning!"
RATE = 24000


def message(text, **fields):
    return json.dumps({"type": "stream_request", "data": {"input": text, **fields}})


async def listen(server, begin):
    """One stream: whether it queued, the longest silence of its player, and its seconds of audio."""
    queued, first, played, silence, header = False, None, 0.0, 0.0, False
    async with websockets.connect(server.stream, max_size=None) as link:
        await link.recv()
        await begin.wait()
        asked = time.perf_counter()
        await link.send(message(TEXT))
        while True:
            answer = await link.recv()
            if isinstance(answer, bytes):
                if not header:
                    header = True
                    continue
                now = time.perf_counter()
                first = now if first is None else first
                late = now - first - played - silence
                silence += max(0.0, late)
                played += len(answer) / 2 / RATE
            else:
                kind = json.loads(answer)["type"]
                queued |= kind == "queued"
                if kind == "done":
                    return {"queued": queued, "silence": silence, "first": first - asked, "audio": played}
                if kind == "error":
                    return {"queued": True, "silence": 0.0, "first": 0.0, "audio": 0.0}


async def streams(server, count):
    begin = asyncio.Event()
    tasks = [asyncio.create_task(listen(server, begin)) for _ in range(count)]
    await asyncio.sleep(0.5 + count / 100)
    start = time.perf_counter()
    begin.set()
    ends = await asyncio.gather(*tasks)
    elapsed = time.perf_counter() - start
    return {
        "streams": count, "queued": sum(end["queued"] for end in ends),
        "with_gaps": sum(end["silence"] > 0.001 for end in ends), "longest_gap_ms": round(max(end["silence"] for end in ends) * 1000),
        "last_first_audio_ms": round(max(end["first"] for end in ends) * 1000),
        "audio_seconds_per_second": round(sum(end["audio"] for end in ends) / elapsed, 1),
    }  # fmt: skip


async def steps(server, most):
    """Each number of streams up to the first that can't be."""
    found = []
    await streams(server, 2)  # warm: admission knows what speech costs
    for count in range(8, most + 1, 8):
        found.append(await streams(server, count))
        print(found[-1], file=sys.stderr)
        if found[-1]["queued"] or found[-1]["with_gaps"]:
            break
    return found


async def http_requests(server, connections, seconds, path, body=None):
    """Answers a second over kept connections, each asking again when it has its answer."""
    data = json.dumps(body).encode() if body else b""
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    deadline = time.perf_counter() + seconds

    async def one():
        count = 0
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while time.perf_counter() < deadline:
            writer.write(head.encode() + data)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            lower = answer.lower()
            if b"content-length: " in lower:
                await reader.readexactly(int(lower.split(b"content-length: ")[1].split(b"\r\n")[0]))
            else:
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    await reader.readexactly(size + 2)
                await reader.readexactly(2)
            count += 1
        writer.close()
        return count

    start = time.perf_counter()
    counts = await asyncio.gather(*(one() for _ in range(connections)))
    return round(sum(counts) / (time.perf_counter() - start), 1)


async def websocket_requests(server, seconds):
    """Short speeches a second over one WebSocket, one after the other."""
    count = 0
    async with websockets.connect(server.stream, max_size=None) as link:
        await link.recv()
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            await link.send(message(SHORT))
            while isinstance(answer := await link.recv(), bytes) or json.loads(answer)["type"] != "done":
                assert isinstance(answer, bytes) or json.loads(answer)["type"] != "error", answer
            count += 1
        return round(count / (time.perf_counter() - start), 1)


def held(count):
    """Idle WebSockets that are all open at once, and whether the server speaks beside them."""
    server = Server("--max-connections", str(count + 100), "--ping-interval", "600")
    server.wait_until_ready()
    before = resident_kb(server.process.pid)
    idle = open_idle(server.port, count)
    beside = asyncio.run(first_audio(server.port, 10))
    result = {"open": len(idle), "kb_each": round((resident_kb(server.process.pid) - before) / count, 1), "first_audio_ms": round(sorted(beside)[5], 1)}
    for link in idle:
        link.close()
    assert server.stop() == 0
    return result


async def measure(server, options):
    return {
        "health_per_second": await http_requests(server, 16, options.seconds, "/health"),
        "short_http_per_second": {
            str(number): await http_requests(server, number, options.seconds, "/v1/audio/speech", {"input": SHORT, "response_format": "pcm"})
            for number in (1, 8)
        },
        "short_websocket_per_second": await websocket_requests(server, options.seconds),
        "steps": await steps(server, options.most),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="of each row of requests")
    parser.add_argument("--most", type=int, default=96, help="streams at once that are tried")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    server = Server()
    server.wait_until_ready()
    result = asyncio.run(measure(server, options))
    assert server.stop() == 0
    good = [step for step in result["steps"] if not step["queued"] and not step["with_gaps"]]
    result["streams_in_real_time"] = good[-1]["streams"] if good else 0
    result["connections"] = held(options.connections)
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
