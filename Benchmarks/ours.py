"""Our release binary, through its public WebSocket."""
import asyncio
import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.request

import websockets

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = os.environ.get("CHATTERBOX_BINARY", str(ROOT / ".build" / "release" / "chatterbox"))
BYTES_PER_SECOND = 48000


class Server:
    """`chatterbox serve` with one model, ready when it is made."""

    def __init__(self, folder, threads, *options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [BINARY, "serve", "--host", "127.0.0.1", "--port", str(port), "--model", str(folder), "--threads", str(threads), *options],
            env={k: v for k, v in os.environ.items() if not k.startswith("CHATTERBOX_")},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self._is_ready():
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended; run it by hand to see why: {' '.join(map(str, self.process.args))}")
            time.sleep(0.01)
        self.load_time = time.perf_counter() - began

    def _is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/ws/stream/status") as answer:
                return json.load(answer)["ready"]
        except OSError:
            return False

    @property
    def pid(self):
        return self.process.pid

    def speak(self, text, **data):
        return asyncio.run(self.speak_together([text], **data))[0]

    async def speak_together(self, texts, **data):
        """All texts at once, each over a connection of its own."""
        return await asyncio.gather(*(self._speak(text, seed, data) for seed, text in enumerate(texts)))

    async def _speak(self, text, seed, data):
        """Seconds to the first audio and in all, seconds of audio, and the least lead: how long before a listener who began with
        the first audio needed it the rest came."""
        async with websockets.connect(f"ws://{self.address}/ws/stream/audio", max_size=None) as connection:
            await connection.recv()
            began, first, received, lead, header = time.perf_counter(), None, 0, float("inf"), True
            await connection.send(json.dumps({"type": "stream_request", "data": {"input": text, "seed": seed, **data}}))
            while True:
                message = await connection.recv()
                now = time.perf_counter() - began
                if isinstance(message, bytes):
                    if header:
                        header = False
                        continue
                    if first is None:
                        first = now
                    else:
                        lead = min(lead, received / BYTES_PER_SECOND - (now - first))
                    received += len(message)
                    continue
                answer = json.loads(message)
                if answer["type"] == "error":
                    raise SystemExit(f"the server refused: {answer['error']}")
                if answer["type"] == "done":
                    audio = received / BYTES_PER_SECOND
                    return {"first": first, "total": now, "audio": audio, "lead": min(lead, audio), "tokens": answer["tokens"],
                            "chunks": answer["total_chunks"]}

    def stop(self):
        self.process.terminate()
        self.process.wait()


def stages(folder, threads, rounds, chunk, context, *options):
    """Seconds of each stage, by `chatterbox stages`."""
    answer = subprocess.run(
        [BINARY, "stages", "--model", str(folder), "--threads", str(threads), "--rounds", str(rounds), "--chunk-size", str(chunk),
         "--context-window", str(context), *options], capture_output=True, text=True)
    if answer.returncode != 0:
        raise SystemExit(f"chatterbox stages: {answer.stderr}")
    return json.loads(answer.stdout)
