#!/usr/bin/env python3
"""Streaming client for the chatterbox server. Needs Python 3.9+ and `pip install websockets`.

    python websocket_client_python.py "Hello! This is streaming." -o output.wav

As a library:

    client = ChatterboxStreamingClient(base_url="ws://localhost:8000")
    await client.connect()
    await client.stream_speech(text="Hello!", output_file="output.wav", temperature=0.8)
    await client.disconnect()
"""

import argparse
import asyncio
import base64
import json
import os
import sys
import time
import wave
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

import websockets

WAV_HEADER_BYTES = 44


class StreamingError(Exception):
    """The server answered a request with an error message."""

    def __init__(self, message: dict):
        super().__init__(message.get("error", "unknown error"))
        self.message = message
        self.code = message.get("code")
        self.field = message.get("field")


@dataclass
class StreamResult:
    """Everything that came for one request."""

    info: dict = field(default_factory=dict)
    header: bytes = b""
    chunks: list = field(default_factory=list)
    """PCM16 mono, one item per audio message."""
    metrics: list = field(default_factory=list)
    words: list = field(default_factory=list)
    """With `include_timestamps=True`: `{"word", "start", "end"}` each, in seconds of the audio."""
    queued: list = field(default_factory=list)
    """Each place in the server's queue that the request had: `position`, `estimated_wait`."""
    done: dict = field(default_factory=dict)
    cancelled: bool = False
    first_audio_seconds: Optional[float] = None
    """From sending the request to the first audio, by this client's clock."""
    total_seconds: float = 0.0

    @property
    def pcm(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def sample_rate(self) -> int:
        return self.info.get("sample_rate", 24000)

    @property
    def audio_seconds(self) -> float:
        return len(self.pcm) / 2 / self.sample_rate

    def save(self, path: str) -> None:
        with wave.open(path, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.sample_rate)
            file.writeframes(self.pcm)


class ChatterboxStreamingClient:
    """One connection to `/ws/stream/audio`. Requests on it are spoken one after the other."""

    def __init__(self, base_url: str = "ws://localhost:8000", api_key: Optional[str] = None):
        """`api_key` is for servers that want one; without it, that of the environment, CHATTERBOX_API_KEY."""
        base_url = base_url.rstrip("/")
        for http, ws in (("http://", "ws://"), ("https://", "wss://")):
            if base_url.startswith(http):
                base_url = ws + base_url[len(http) :]
        self.url = base_url + "/ws/stream/audio"
        self.api_key = api_key or os.environ.get("CHATTERBOX_API_KEY")
        self.connection_id: Optional[str] = None
        self._socket = None
        self._reader = None
        self._messages: asyncio.Queue = asyncio.Queue()
        self._pongs: asyncio.Queue = asyncio.Queue()

    async def connect(self) -> str:
        """Opens the connection; returns the server's name for it."""
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        try:
            self._socket = await websockets.connect(self.url, max_size=None, additional_headers=headers)
        except websockets.InvalidStatus as refusal:
            raise ConnectionError(_reason(refusal.response)) from refusal
        connected = json.loads(await self._socket.recv())
        if connected.get("type") != "connected":
            raise ConnectionError(f"expected a connected message, got {connected}")
        self.connection_id = connected["connection_id"]
        self._reader = asyncio.create_task(self._read())
        return self.connection_id

    async def disconnect(self) -> None:
        if self._socket is not None:
            await self._socket.close()
            await self._reader
            self._socket = None

    async def __aenter__(self) -> "ChatterboxStreamingClient":
        await self.connect()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.disconnect()

    async def ping(self) -> float:
        """Asks for a sign of life, also while audio comes in; returns the round trip in seconds."""
        start = time.monotonic()
        await self._send({"type": "ping"})
        if await self._pongs.get() is None:
            raise ConnectionError("the connection was closed")
        return time.monotonic() - start

    async def cancel(self, request_id: Optional[str] = None) -> None:
        """Stops the request being spoken, or the one named. `stream_speech` then returns with what came."""
        message = {"type": "cancel"}
        if request_id is not None:
            message["request_id"] = request_id
        await self._send(message)

    async def stream_speech(
        self,
        text: str,
        output_file: Optional[str] = None,
        voice: Optional[str] = None,
        chunk_size: Optional[int] = None,
        on_audio: Optional[Callable[[bytes], None]] = None,
        **parameters: Any,
    ) -> StreamResult:
        """Speaks a text and returns all that came.

        Without `voice`, the model's default voice speaks; without `chunk_size`, the first chunk is small and later ones
        grow.
        `parameters` are those of the protocol (model, language, exaggeration, cfg_weight, temperature, seed, …);
        `on_audio` is called with PCM16 of each chunk as it comes; `output_file` gets a WAV file at the end.
        """
        data = {"input": text, **parameters}
        if voice is not None:
            data["voice"] = voice
        if chunk_size is not None:
            data["chunk_size"] = chunk_size
        start = time.monotonic()
        await self._send({"type": "stream_request", "data": data})
        result = StreamResult()
        while True:
            message = await self._messages.get()
            if message is None:
                raise ConnectionError("the connection was closed before the request was done")
            if isinstance(message, bytes):
                if data.get("output_format", "wav") == "wav" and not result.header:
                    result.header = message[:WAV_HEADER_BYTES]
                    continue
                chunk = message
            elif message["type"] == "audio":
                chunk = base64.b64decode(message["data"]["audio"])
            else:
                chunk = None
            if chunk is not None:
                if result.first_audio_seconds is None:
                    result.first_audio_seconds = time.monotonic() - start
                result.chunks.append(chunk)
                if on_audio:
                    on_audio(chunk)
                continue
            kind = message["type"]
            if kind == "queued":
                result.queued.append(message)
            elif kind == "info":
                result.info = message
            elif kind == "metrics":
                result.metrics.append(message["data"])
            elif kind == "timestamps":
                result.words += message["words"]
            elif kind == "cancelled":
                result.cancelled = True
            elif kind == "error":
                raise StreamingError(message)
            elif kind == "done":
                result.done = message
                break
        result.total_seconds = time.monotonic() - start
        if output_file:
            result.save(output_file)
        return result

    async def _send(self, message: dict) -> None:
        if self._socket is None:
            raise ConnectionError("not connected; call connect() first")
        await self._socket.send(json.dumps(message))

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if isinstance(message, str):
                    message = json.loads(message)
                    if message["type"] == "pong":
                        self._pongs.put_nowait(message)
                        continue
                self._messages.put_nowait(message)
        except websockets.ConnectionClosed:
            pass
        finally:
            self._messages.put_nowait(None)
            self._pongs.put_nowait(None)


def _reason(response: Any) -> str:
    """What the server says to somebody whom it doesn't let in: a key is missing, or too much was asked."""
    try:
        return json.loads(response.body)["error"]["message"]
    except (TypeError, ValueError, KeyError):
        return f"HTTP {response.status_code}"


async def main() -> None:
    parser = argparse.ArgumentParser(description="Speak a text through a chatterbox server.")
    parser.add_argument("text", nargs="?", default="Hello! This is true streaming.", help="- reads standard input")
    parser.add_argument("-o", "--output", default="output.wav")
    parser.add_argument("--url", default="ws://localhost:8000")
    parser.add_argument("--key", help="for servers that want one; CHATTERBOX_API_KEY in the environment if none is named")
    parser.add_argument("--model", help="one of the server's models; its first if none is named")
    parser.add_argument("--voice", help="one of the model's voices; its default if none is named")
    parser.add_argument("--language", help="of the text, such as fr; English if none is named")
    parser.add_argument("--chunk-size", type=int, help="tokens of each chunk; 25, then more, if none are named")
    parser.add_argument("--exaggeration", type=float, default=0.5)
    parser.add_argument("--cfg-weight", type=float, default=0.5)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    parameters = {
        "exaggeration": arguments.exaggeration,
        "cfg_weight": arguments.cfg_weight,
        "temperature": arguments.temperature,
    }
    for name in ("model", "language", "seed"):
        if getattr(arguments, name) is not None:
            parameters[name] = getattr(arguments, name)
    text = sys.stdin.read() if arguments.text == "-" else arguments.text

    try:
        async with ChatterboxStreamingClient(base_url=arguments.url, api_key=arguments.key) as client:
            result = await client.stream_speech(
                text=text,
                output_file=arguments.output,
                voice=arguments.voice,
                chunk_size=arguments.chunk_size,
                **parameters,
            )
    except StreamingError as error:
        sys.exit(f"The server says: {error}")
    except OSError as error:
        sys.exit(f"No connection to {arguments.url} ({error}). Is the server running? Start it with: make serve")
    print(
        f"{arguments.output}: {result.audio_seconds:.2f} s of speech in {len(result.chunks)} chunks, "
        f"first audio after {result.first_audio_seconds * 1000:.0f} ms, done after {result.total_seconds:.2f} s"
    )


if __name__ == "__main__":
    asyncio.run(main())
