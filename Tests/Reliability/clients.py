"""What the clients of a soak do: good ones that check what they get, and bad ones."""

import asyncio
import base64
import json
import os
import random
import struct
import zlib

import websockets

TEXTS = [
    "Yes.",
    "Hello there, how are you today?",
    "The old lighthouse stood at the end of the bay, and every evening its keeper climbed the stairs to light the lamp.",
    "It costs $5 at 3:30 p.m., said Dr. Smith. Nobody believed it! He knew each boat by the sound of its engine. " * 2,
]
VOICES = ["alloy", "nova", "onyx"]
RATE = 24000
# Seconds without any news that are an error.
LONGEST = 180


class Wrong(Exception):
    """A stream that ended as if it were whole, and isn't; or an answer that nobody should get."""


class Speech:
    """A text, voice and seed: the same samples whenever and however it is asked for."""

    def __init__(self, generator):
        self.text = generator.randrange(len(TEXTS))
        self.voice = generator.choice(VOICES)

    @property
    def key(self):
        return self.text, self.voice

    @property
    def fields(self):
        return {"input": TEXTS[self.text], "voice": self.voice, "seed": 7, "chunk_size": 25}


class Client:
    """One that does one thing after another."""

    def __init__(self, place, generator, expected, counts):
        self.place, self.generator, self.expected, self.counts = place, generator, expected, counts

    def check(self, speech, pcm, how):
        """Every whole stream of a speech has the same samples."""
        found = len(pcm) // 2, zlib.crc32(pcm)
        if len(pcm) % 2 or not pcm:
            raise Wrong(f"{how}: {len(pcm)} bytes")
        if self.expected.setdefault(speech.key, found) != found:
            raise Wrong(f"{how} of {speech.key}: {found[0]} samples, expected {self.expected[speech.key][0]}")
        self.counts["samples"] += found[0]

    async def socket(self):
        link = await websockets.connect(self.place.stream, max_size=None, max_queue=4, open_timeout=20, close_timeout=5)
        await link.recv()
        return link

    async def request(self, link, speech, **more):
        await link.send(json.dumps({"type": "stream_request", "data": {**speech.fields, **more}}))

    async def listen(self, link, on_chunk=None):
        """Up to `done`; what came as binary, and `done`."""
        pieces = []
        while True:
            message = await asyncio.wait_for(link.recv(), LONGEST)
            if isinstance(message, bytes):
                pieces.append(message)
                if on_chunk:
                    await on_chunk(len(pieces))
                continue
            message = json.loads(message)
            if message["type"] == "error":
                if message["code"] in ("server_busy", "shutting_down", "not_ready"):
                    raise ConnectionError(message["code"])
                raise Wrong(f"refused: {message}")
            if message["type"] == "done":
                return pieces, message

    # Good ones.

    async def stream(self, pauses=False):
        speech = Speech(self.generator)

        async def pause(count):
            if pauses and count in (2, 4):
                await asyncio.sleep(self.generator.uniform(0.5, 3))

        link = await self.socket()
        async with link:
            for _ in range(self.generator.randint(1, 3)):
                await self.request(link, speech)
                pieces, done = await self.listen(link, pause)
                if len(pieces[0]) != 44 or pieces[0][:4] != b"RIFF" or struct.unpack("<I", pieces[0][24:28])[0] != RATE:
                    raise Wrong("no WAV header in front")
                pcm = b"".join(pieces[1:])
                if done["total_chunks"] != len(pieces) - 1 or round(done["audio_duration"] * RATE) != len(pcm) // 2:
                    raise Wrong(f"WebSocket: {len(pieces) - 1} chunks, {len(pcm) // 2} samples, but {done}")
                self.check(speech, pcm, "WebSocket")

    async def stall(self):
        await self.stream(pauses=True)

    async def contexts(self):
        speech = Speech(self.generator)
        async with await self.socket() as link:
            data = {name: value for name, value in speech.fields.items() if name != "input"}
            for number, word in enumerate(TEXTS[speech.text].split(" ")):
                message = {"type": "append", "context_id": "c", "text": word + " "}
                await link.send(json.dumps({**message, "data": data} if number == 0 else message))
            await link.send('{"type": "close", "context_id": "c"}')
            samples, done = 0, None
            while done is None:
                message = json.loads(await asyncio.wait_for(link.recv(), LONGEST))
                if message["type"] == "audio":
                    samples += len(base64.b64decode(message["data"]["audio"])) // 2
                elif message["type"] == "done":
                    done = message
                elif message["type"] == "error":
                    if message["code"] in ("server_busy", "shutting_down", "not_ready"):
                        raise ConnectionError(message["code"])
                    raise Wrong(f"context: {message}")
            if round(done["audio_duration"] * RATE) != samples or not samples:
                raise Wrong(f"context: {samples} samples, but {done}")
            self.counts["samples"] += samples

    async def http(self):
        """A whole WAV, or PCM while it is made: both end as HTTP says, or they are cut and don't count."""
        speech = Speech(self.generator)
        kind = self.generator.choice(["wav", "pcm"])
        path = self.generator.choice(["/v1/audio/speech", "/audio/speech/stream"])
        head, body = await self.ask(path, {**speech.fields, "response_format": kind})
        if kind == "wav":
            size = struct.unpack("<I", body[40:44])[0]
            if body[:4] != b"RIFF" or size not in (len(body) - 44, 0xFFFFFFFF):
                raise Wrong(f"WAV of {size} bytes in {len(body)}")
            body = body[44:]
        self.check(speech, body, f"HTTP {path} {kind}")

    async def events(self):
        speech = Speech(self.generator)
        _, body = await self.ask("/v1/audio/speech", {**speech.fields, "response_format": "pcm", "stream_format": "sse"})
        events = [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: ")]
        if not events or events[-1]["type"] == "error":
            raise ConnectionError("an event that says so")
        if events[-1]["type"] != "speech.audio.done":
            raise Wrong(f"events end with {events[-1]['type']}")
        pcm = b"".join(base64.b64decode(event["audio"]) for event in events if event["type"] == "speech.audio.delta")
        self.check(speech, pcm, "events")

    async def ask(self, path, body):
        data = json.dumps(body).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.place.port)
        try:
            writer.write(self.head("POST", path, len(data)) + data)
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LONGEST)).decode().lower()
            status = int(head.split(" ", 2)[1])
            if status in (429, 503):
                raise ConnectionError(str(status))
            if status != 200:
                raise Wrong(f"status {status} of {path}")
            if "transfer-encoding: chunked" not in head:
                length = int(head.split("content-length: ")[1].split("\r\n")[0])
                return head, await asyncio.wait_for(reader.readexactly(length), LONGEST)
            content = b""
            while size := int(await asyncio.wait_for(reader.readuntil(b"\r\n"), LONGEST), 16):
                content += (await reader.readexactly(size + 2))[:-2]
            return head, content
        finally:
            writer.close()

    def head(self, method, path, length):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.place.address}", "Content-Type: application/json",
                 f"Content-Length: {length}", "Connection: close"]  # fmt: skip
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    # Bad ones.

    async def cancel(self):
        async with await self.socket() as link:
            await self.request(link, Speech(self.generator), request_id="r")
            after = self.generator.randint(1, 4)

            async def stop(count):
                if count == after:
                    await link.send('{"type": "cancel", "request_id": "r"}')

            pieces, done = await self.listen(link, stop)
            if round(done["audio_duration"] * RATE) != sum(map(len, pieces[1:])) // 2:
                raise Wrong(f"cancelled: {sum(map(len, pieces[1:])) // 2} samples, but {done}")

    async def vanish(self):
        link = await self.socket()
        await self.request(link, Speech(self.generator))
        for _ in range(self.generator.randint(0, 3)):
            await asyncio.wait_for(link.recv(), LONGEST)
        link.transport.abort()

    async def stall_and_vanish(self):
        link = await self.socket()
        for _ in range(4):
            await self.request(link, Speech(self.generator))
        await asyncio.sleep(self.generator.uniform(1, 5))
        link.transport.abort()

    async def http_vanish(self):
        data = json.dumps({**Speech(self.generator).fields, "stream_format": "sse"}).encode()
        _, writer = await asyncio.open_connection("127.0.0.1", self.place.port)
        writer.write(self.head("POST", "/v1/audio/speech", len(data)) + data[: self.generator.choice([len(data), 10])])
        await writer.drain()
        await asyncio.sleep(self.generator.uniform(0, 1))
        writer.transport.abort()

    async def rubbish(self):
        """Random frames and messages on a socket."""
        link = await self.socket()
        async with link:
            for _ in range(self.generator.randint(1, 20)):
                text = json.dumps({"type": "stream_request", "data": Speech(self.generator).fields})
                letters = list(text)
                for _ in range(3):
                    letters[self.generator.randrange(len(letters))] = chr(self.generator.randrange(32, 0x2000))
                choice = self.generator.randrange(3)
                await link.send("".join(letters) if choice else os.urandom(self.generator.randrange(2000)))
        # What isn't rubbish after all is spoken until the close.

    async def http_rubbish(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.place.port)
        start = self.generator.choice([b"", b"GET / HTTP/1.1\r\n", self.head("POST", "/v1/audio/speech", 50)])
        writer.write(start + os.urandom(self.generator.randrange(3000)))
        try:
            await asyncio.wait_for(reader.read(1 << 16), self.generator.uniform(0.1, 2))
        except TimeoutError:
            pass
        writer.transport.abort()

    async def run(self, until):
        """Until the time is over. What fails while the server is down or has just been killed doesn't count as an end."""
        good = [self.stream, self.stream, self.stall, self.contexts, self.http, self.http, self.events]
        bad = [self.cancel, self.vanish, self.stall_and_vanish, self.http_vanish, self.rubbish, self.http_rubbish]
        while not until():
            while self.place.is_down:
                await asyncio.sleep(0.05)
            act = self.generator.choice(good + bad)
            life = self.place.life
            try:
                await act()
                self.counts[act.__name__] += 1
            except Wrong as wrong:
                self.counts["wrong"] += 1
                self.place.wrong.append(f"{act.__name__}: {wrong}")
            except (OSError, EOFError, TimeoutError, websockets.WebSocketException) as problem:
                if act in bad or self.place.is_down or self.place.life != life or "busy" in str(problem):
                    self.counts["cut off"] += 1
                elif str(problem) in ("429", "503", "not_ready", "shutting_down"):
                    self.counts["refused"] += 1
                else:
                    self.counts["wrong"] += 1
                    self.place.wrong.append(f"{act.__name__}: {type(problem).__name__} {problem}")
                await asyncio.sleep(0.1)


def client(place, seed, expected, counts):
    return Client(place, random.Random(seed), expected, counts)
