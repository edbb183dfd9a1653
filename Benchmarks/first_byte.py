#!/usr/bin/env python3
"""First audio over HTTP beside the WebSocket's: the same request over connections that are open already, in turn, with
plain sockets, so that no client library is measured.

    .venv/bin/python Benchmarks/first_byte.py [--pairs 60] [--url http://127.0.0.1:8000] [--json FILE]
"""
import argparse
import base64
import json
import os
import socket
import statistics
import struct
import time
import urllib.parse

import ours

TEXT = "The river was so clear that we could see the stones, and nobody wanted to go home."
REQUEST = {"input": TEXT, "seed": 1}
HEADER = 44


class Connection:
    def __init__(self, address):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address, self.buffer = address, b""

    def more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise SystemExit(f"the server closed the connection: {self.buffer[:200]}")
        self.buffer += data

    def until(self, end):
        while end not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(end, 1)
        return head

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data


class HTTP(Connection):
    def __init__(self, address, path):
        super().__init__(address)
        self.path = path

    def speak(self):
        """Seconds to the answer's head, to the first audio, and bytes of audio in all."""
        body = json.dumps(REQUEST).encode()
        began = time.perf_counter()
        self.socket.sendall(
            f"POST {self.path} HTTP/1.1\r\nHost: {self.address}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = self.until(b"\r\n\r\n")
        at_head, first, count = time.perf_counter() - began, None, -HEADER
        if b" 200 " not in head.split(b"\r\n")[0] or b"chunked" not in head.lower():
            raise SystemExit(f"not a stream: {head.decode()}")
        while size := int(self.until(b"\r\n"), 16):
            count += len(self.exactly(size + 2)) - 2
            if first is None and count > 0:
                first = time.perf_counter() - began
        self.exactly(2)
        return at_head, first, count


class WebSocket(Connection):
    def __init__(self, address):
        super().__init__(address)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws/stream/audio HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        self.until(b"\r\n\r\n")
        self.message()

    def message(self):
        opcode, length = self.exactly(2)
        if length == 126:
            length, = struct.unpack(">H", self.exactly(2))
        elif length == 127:
            length, = struct.unpack(">Q", self.exactly(8))
        payload = self.exactly(length)
        # Pings come between; the server needs no answer for as long as this runs.
        return payload if opcode & 15 == 2 else json.loads(payload) if opcode & 15 == 1 else None

    def speak(self):
        body = json.dumps({"type": "stream_request", "data": REQUEST}).encode()
        mask = b"\0\0\0\0"
        began, at_info, first, count = time.perf_counter(), None, None, -HEADER
        self.socket.sendall(struct.pack(">BBH", 0x81, 0x80 | 126, len(body)) + mask + body)
        while True:
            message = self.message()
            if isinstance(message, bytes):
                count += len(message)
                if first is None and count > 0:
                    first = time.perf_counter() - began
            elif message is None:
                continue
            elif message["type"] == "info":
                at_info = time.perf_counter() - began
            elif message["type"] == "error":
                raise SystemExit(message["error"])
            elif message["type"] == "done":
                return at_info, first, count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--url", help="a server that runs; by default one is started with the embedded voice")
    parser.add_argument("--path", default="/v1/audio/speech/stream")
    parser.add_argument("--json", help="write every time in ms to this file")
    arguments = parser.parse_args()
    server = None if arguments.url else ours.Server(ours.ROOT / "Models" / "embedded", os.cpu_count())
    address = urllib.parse.urlsplit(arguments.url).netloc if arguments.url else server.address
    try:
        sides = {"WebSocket": WebSocket(address), "HTTP": HTTP(address, arguments.path)}
        for side in sides.values():
            side.speak()
            side.speak()
        times = {name: [] for name in sides}
        sizes = set()
        for pair in range(arguments.pairs):
            for name in sorted(sides, reverse=pair % 2 == 1):
                head, first, size = sides[name].speak()
                times[name].append((head * 1000, first * 1000))
                sizes.add(size)
    finally:
        if server:
            server.process.terminate()
            server.process.wait()
    assert len(sizes) == 1, f"the two don't send the same audio: {sizes} bytes"
    medians = {name: statistics.median(first for _, first in all) for name, all in times.items()}
    for name, all in times.items():
        heads, firsts = ([pair[index] for pair in all] for index in (0, 1))
        print(f"{name:10} first audio {medians[name]:.1f} ms ({min(firsts):.1f} to {max(firsts):.1f}); "
              f"{'head' if name == 'HTTP' else 'info'} {statistics.median(heads):.1f} ms")
    print(f"HTTP is {(medians['HTTP'] / medians['WebSocket'] - 1) * 100:+.1f} %, medians of {arguments.pairs} pairs")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(times, file)


if __name__ == "__main__":
    main()
