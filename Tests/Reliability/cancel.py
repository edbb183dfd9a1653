"""Cancel to silence: from sending `cancel` to the answer, and how much audio comes in between or after.

    .venv/bin/python Tests/Reliability/cancel.py [--requests 60]

Ends with 1 if any audio comes after the answer, or a cancel takes longer than a token sounds at the median."""

import argparse
import asyncio
import json
import pathlib
import statistics
import sys
import time

import websockets

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "EndToEnd"))

from conftest import Server  # noqa: E402

LONG = " ".join(["A sentence that is spoken for somebody who will not want to hear the end of it."] * 20)
TOKEN = 0.04


async def cancels(url, requests):
    """Seconds to the answer, messages of audio before it, and after it, for each request."""
    found = []
    async with websockets.connect(url, max_size=None) as link:
        await link.recv()
        for seed in range(requests):
            await link.send(json.dumps({"type": "stream_request", "data": {"input": LONG, "seed": seed}}))
            heard = 0
            while heard < 2 + seed % 3:
                heard += isinstance(await link.recv(), bytes)
            start = time.perf_counter()
            await link.send('{"type": "cancel"}')
            audio, waited = [0, 0], None
            while True:
                message = await link.recv()
                if isinstance(message, bytes):
                    audio[waited is not None] += 1
                    continue
                kind = json.loads(message)["type"]
                if kind == "cancelled":
                    waited = time.perf_counter() - start
                elif kind == "done":
                    break
            found.append((waited, *audio))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=60)
    options = parser.parse_args()
    server = Server()
    server.wait_until_ready()
    try:
        found = asyncio.run(cancels(server.stream, options.requests))
    finally:
        server.stop()
    waits = [wait for wait, _, _ in found]
    print(f"answered after {statistics.median(waits) * 1000:.2f} ms at the median, {max(waits) * 1000:.2f} at worst; "
          f"messages of audio before the answer {sum(a for _, a, _ in found)}, after it {sum(b for _, _, b in found)}")  # fmt: skip
    sys.exit(1 if any(after for _, _, after in found) or statistics.median(waits) > TOKEN else 0)


if __name__ == "__main__":
    main()
