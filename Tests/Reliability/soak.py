#!/usr/bin/env python3
"""Random clients at a server of their own for so long, with the server killed now and then: make soak MINUTES=10.

Afterwards every stream that ended was whole, a long text is complete, and the server is as it was: no memory, descriptor or
thread more. The last kill is after a quarter of the time, so that the rest shows what grows. Ends with 1 if anything is wrong."""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "EndToEnd"))

from clients import client  # noqa: E402
from conftest import Server  # noqa: E402
from http_client import ask  # noqa: E402
from test_jobs import LONG, text_of, wait, words  # noqa: E402

# MB that an idle server may hold after the soak beyond what it held before, when free pages have been given back: pools of
# the kernels keep up to 48, and what is in use keeps the heap's pages that it lies on.
MOST_MEMORY = 80


class Place:
    """Where the server is: the port changes with every life."""

    def __init__(self, data):
        self.data, self.life, self.is_down, self.wrong = data, 0, False, []
        self.samples = []
        self.start()

    def start(self):
        self.server = Server("--max-connections", "512", data=self.data)
        self.server.wait_until_ready()
        self.port, self.address, self.stream = self.server.port, self.server.address, self.server.stream
        self.life += 1
        self.samples = []

    async def kill(self):
        self.is_down = True
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.start)
        self.is_down = False

    def look(self):
        process = pathlib.Path(f"/proc/{self.server.process.pid}")
        fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        return {
            "time": time.monotonic(),
            "memory": int(fields["VmRSS"].split()[0]) / 1024,
            "threads": int(fields["Threads"]),
            "descriptors": len(os.listdir(process / "fd")),
        }


def thirds(samples):
    """The highest memory of each third of the last life."""
    size = max(1, len(samples) // 3)
    return [round(max(s["memory"] for s in samples[n * size : (n + 1) * size] or samples)) for n in range(3)]


def tidy(place):
    """What the server holds once free pages have gone back to the system."""
    ask(place.server, "GET", "/memory?cleanup=true")
    return place.look()


async def all_at_once(place, options, counts, expected):
    """One of each kind, so that everything that is made once is there."""
    one = client(place, 0, expected, counts)
    for act in (one.stream, one.contexts, one.http, one.events, one.cancel):
        await act()


async def settle(place, idle, seconds=90):
    """What the server holds when nobody is there any more, as soon as it is what it was, or after so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = await asyncio.to_thread(place.look)
        if now["descriptors"] <= idle["descriptors"] and now["threads"] <= idle["threads"]:
            break
        await asyncio.sleep(0.5)
    return await asyncio.to_thread(tidy, place)


async def soak(options):
    place = Place(pathlib.Path(tempfile.mkdtemp(prefix="chatterbox-soak-")))
    counts, expected = collections.Counter(), {}
    seconds = options.minutes * 60
    text = text_of(6000)
    job = ask(place.server, "POST", LONG, {"input": text, "response_format": "wav", "seed": 1}).json["job_id"]
    start = time.monotonic()
    clients = [client(place, options.seed + n, expected, counts) for n in range(options.clients)]
    running = [asyncio.create_task(one.run(lambda: time.monotonic() - start > seconds)) for one in clients]
    kills = [seconds / 4 * (n + 1) / options.kills for n in range(options.kills)]
    while (now := time.monotonic() - start) < seconds:
        if kills and now >= kills[0]:
            kills.pop(0)
            await place.kill()
            counts["kills"] += 1
        elif place.server.process.poll() is not None:
            place.wrong.append(f"the server ended with {place.server.process.returncode}")
            break
        place.samples.append(place.look())
        report(now / seconds, counts, place)
        await asyncio.sleep(1)
    await asyncio.gather(*running)
    print(file=sys.stderr)

    done = await asyncio.to_thread(wait, place.server, job, ["completed"], 600)
    chunks = ask(place.server, "GET", f"{LONG}/{job}/details").json["chunks"]
    wav = ask(place.server, "GET", f"{LONG}/{job}/download").body
    if words(" ".join(chunk["text"] for chunk in chunks)) != words(text):
        place.wrong.append("the long text lost words")
    if abs((len(wav) - 44) / 48000 - done["metadata"]["total_duration_seconds"]) > 0.01:
        place.wrong.append(f"the long text has {len(wav)} bytes")
    return place, counts, len(expected)


def report(part, counts, place):
    now = place.samples[-1]
    width = 30
    bar = "█" * round(width * part) + "░" * (width - round(width * part))
    streams = sum(counts[name] for name in ("stream", "stall", "contexts", "http", "events"))
    sys.stderr.write(
        f"\r{bar} {part:4.0%}  {streams} whole, {counts['wrong']} wrong, {counts['kills']} kills, {now['memory']:.0f} MB, "
        f"{now['descriptors']} descriptors, {now['threads']} threads ")  # fmt: skip
    sys.stderr.flush()


async def main(options):
    # An idle server first: what it holds when everything has been used once.
    place = Place(pathlib.Path(tempfile.mkdtemp(prefix="chatterbox-soak-")))
    await all_at_once(place, options, collections.Counter(), {})
    await asyncio.sleep(2)
    idle = await asyncio.to_thread(tidy, place)
    place.server.stop()

    place, counts, different = await soak(options)
    after = await settle(place, idle)
    if options.log:
        options.log.write_text(json.dumps(place.samples))
    status = place.server.stop()
    if status != 0:
        place.wrong.append(f"the server stopped with {status}")
    if after["descriptors"] > idle["descriptors"]:
        place.wrong.append("descriptors leaked")
    if after["threads"] > idle["threads"]:
        place.wrong.append("threads leaked")
    if after["memory"] > idle["memory"] + MOST_MEMORY:
        place.wrong.append("memory leaked")
    bad = ("cancel", "vanish", "stall_and_vanish", "http_vanish", "rubbish", "http_rubbish")
    print(f"| Soak of {options.minutes:g} min, {options.clients} clients, seed {options.seed} | |\n|---|---:|")
    for name, value in [
        ("whole streams: WebSocket", counts["stream"]), ("with a reader that stalls", counts["stall"]),
        ("contexts", counts["contexts"]), ("HTTP", counts["http"]), ("events", counts["events"]),
        ("hours of audio in them", f"{counts['samples'] / 24000 / 3600:.1f}"),
        ("different speeches, each with the same samples every time", different),
        ("bad clients", ", ".join(f"{name} {counts[name]}" for name in bad)),
        ("killed with -9 and started again", counts["kills"]), ("cut off by that, or by themselves", counts["cut off"]),
        ("refused: busy or starting", counts["refused"]), ("a long text over all kills", "complete"),
        ("memory: highest in each third of the last life", " → ".join(map(str, thirds(place.samples))) + " MB"),
        ("memory idle, before → after", f"{idle['memory']:.0f} → {after['memory']:.0f} MB"),
        ("descriptors idle, before → after", f"{idle['descriptors']} → {after['descriptors']}"),
        ("threads idle, before → after", f"{idle['threads']} → {after['threads']}"),
        ("wrong", len(place.wrong)),
    ]:  # fmt: skip
        print(f"| {name} | {value} |")
    for wrong in place.wrong[:20]:
        print("WRONG:", wrong)
    return 1 if place.wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=pathlib.Path, help="where to write what the last server held, second by second, in JSON")
    sys.exit(asyncio.run(main(parser.parse_args())))
