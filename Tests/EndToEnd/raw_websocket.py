"""A WebSocket client without any manners of its own: sends the bytes it is given, and tells the frames that come."""

import asyncio
import base64
import json
import os
import socket

from malformed import frame, text_frame

PATH = "/ws/stream/audio"


def handshake(host, *, method="GET", path=PATH, version="HTTP/1.1", **changes):
    """The head of a request for a WebSocket. `changes` replace headers, by names with _ for -; None leaves one out."""
    headers = {
        "Host": host, "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Version": "13",
    }  # fmt: skip
    for name, value in changes.items():
        headers = {k: v for k, v in headers.items() if k.lower() != name.replace("_", "-").lower()}
        if value is not None:
            headers[name.replace("_", "-")] = value
    lines = [f"{method} {path} {version}"] + [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def connect(server, receive_buffer=None):
    """Streams of a plain connection, which takes little before it is read if `receive_buffer` says so."""
    if receive_buffer is None:
        return await asyncio.open_connection("127.0.0.1", server.port)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", server.port))
    return await asyncio.open_connection(sock=client, limit=receive_buffer)


async def shake(server, head, **options):
    """Sends a head and reads the answer's: status, headers, and the streams."""
    reader, writer = await connect(server, **options)
    writer.write(head)
    lines = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split(" ")[1]), headers, reader, writer


class RawSocket:
    @classmethod
    async def open(cls, server, **options):
        self = cls()
        status, self.headers, self.reader, self.writer = await shake(server, handshake(server.address), **options)
        assert status == 101, status
        assert json.loads((await self.receive())[1])["type"] == "connected"
        return self

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, seconds=20):
        """The next frame as (opcode, payload)."""
        head = await asyncio.wait_for(self.reader.readexactly(2), seconds)
        assert head[0] & 0xF0 == 0x80, "whole messages, without reserved bits"
        assert not head[1] & 0x80, "a server must not mask"
        size = head[1] & 0x7F
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8), "big")
        return head[0] & 0xF, await self.reader.readexactly(size)

    async def receive_json(self):
        opcode, payload = await self.receive()
        assert opcode == 0x1, (opcode, payload)
        return json.loads(payload)

    async def expect_close(self, code, *, answer=True):
        """The server closes with a code (None: without), and then the connection, whether it is answered or not."""
        opcode, payload = await self.receive()
        assert opcode == 0x8, payload
        got = int.from_bytes(payload[:2], "big") if payload else None
        assert got == code, payload
        assert len(payload) <= 125
        payload[2:].decode()
        try:
            if answer:
                await self.send(frame(0x8, payload[:2]))
            assert await asyncio.wait_for(self.reader.read(), 5) == b"", "nothing comes after a close frame"
        except ConnectionError:
            pass  # Where the client began the close, the server is gone before a second frame arrives.

    async def ping(self):
        """Whether messages are still understood."""
        await self.send(text_frame('{"type": "ping"}'))
        assert await self.receive_json() == {"type": "pong"}

    async def close(self):
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass
