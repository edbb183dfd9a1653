"""make bench: the release server with the embedded voice, through its public WebSocket.

Prints start to ready, time to first audio and real-time factor (medians over sentences, as the client sees them), peak
memory, and what eight clients at once get: whether each could play without a gap from its first audio on."""
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request

import websockets

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PORT = int(os.environ.get("PORT", "8078"))
SENTENCES = [
    "The river was so clear that we could see the stones, and nobody wanted to go home.",
    "Could you turn down the music a little, please? I am trying to read.",
    "My brother works at a bakery near the old bridge, and he gets up at four every morning.",
    "If you are tired, you can rest on the couch for a while before we leave.",
    "There was a long line of people outside the shop, but the door stayed closed until nine.",
]
BYTES_PER_SECOND = 48000


async def speak(text, seed):
    """Seconds to first audio and in all, seconds of audio, and the least lead of what had come over a listener's clock."""
    async with websockets.connect(f"ws://127.0.0.1:{PORT}/ws/stream/audio", max_size=None) as socket:
        await socket.recv()
        began, first, received, lead = time.perf_counter(), None, 0, float("inf")
        await socket.send(json.dumps({"type": "stream_request", "data": {"input": text, "seed": seed}}))
        header = True
        while True:
            message = await socket.recv()
            now = time.perf_counter() - began
            if isinstance(message, bytes):
                if header:
                    header = False
                    continue
                if first is None:
                    first = now
                lead = min(lead, received / BYTES_PER_SECOND - (now - first))
                received += len(message)
            elif json.loads(message)["type"] == "done":
                return first, now, received / BYTES_PER_SECOND, lead


def memory(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


async def measure(pid, rounds):
    await speak(SENTENCES[0], 0)                                        # warm up
    alone = []
    for i in range(rounds):
        alone.append(await speak(SENTENCES[i % len(SENTENCES)], i))
        if sys.stderr.isatty():
            print(f"\r{i + 1}/{rounds}", end="", file=sys.stderr)
    together = await asyncio.gather(*(speak(" ".join(SENTENCES), i) for i in range(8)))
    firsts = [a[0] for a in alone]
    print(f"first audio, median (worst)      {1000 * statistics.median(firsts):.0f} ms ({1000 * max(firsts):.0f} ms)")
    print(f"real-time factor, median         {statistics.median(a[1] / a[2] for a in alone):.3f}")
    print(f"eight at once: first audio       {1000 * max(t[0] for t in together):.0f} ms at worst")
    print(f"eight at once: real-time factor  {max(t[1] / t[2] for t in together):.3f} at worst")
    gaps = sum(t[3] < 0 for t in together)
    print(f"eight at once: with a gap        {gaps} (least lead {1000 * min(t[3] for t in together):.0f} ms)")
    print(f"peak memory                      {memory(pid):.0f} MB")


def main():
    server = subprocess.Popen([os.path.join(ROOT, ".build/release/chatterbox"), "serve", "--host", "127.0.0.1", "--port", str(PORT)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    began = time.perf_counter()
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ws/stream/status") as answer:
                    if json.load(answer)["ready"]:
                        break
            except OSError:
                pass
            if server.poll() is not None:
                sys.exit("the server ended; run it by hand to see why: .build/release/chatterbox serve")
            time.sleep(0.02)
        print(f"start to ready                   {time.perf_counter() - began:.2f} s")
        asyncio.run(measure(server.pid, int(os.environ.get("ROUNDS", "20"))))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
