"""deploy/nginx.conf in front of a server, but for its ports and files: what it lets through, when, and from whom."""

import asyncio
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest
import websockets
from conftest import ROOT, Server, free_port
from http_client import ask
from test_slow_clients import TEXT, until_active
from test_stream import SHORT, receive_until, request
from test_tls import make_certificate

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(not NGINX, reason="nginx is missing: scripts/install-dependencies.sh --test installs it")


class Proxied:
    def __init__(self, folder):
        self.server = Server("--trusted-proxies", "1", "--address-limits", "requests_per_minute=900", "--log-format", "json")
        self.folder, self.port = folder, free_port()
        certificate, key = make_certificate(folder)
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        for old, new in (
            ("127.0.0.1:8000", self.server.address), ("listen 443", f"listen 127.0.0.1:{self.port} sndbuf=32k"),
            ("/etc/ssl/speech.example.com.pem", certificate), ("/etc/ssl/speech.example.com.key", key),
            ("/var/log/nginx/chatterbox.log", folder / "access.log"),
        ):  # fmt: skip
            assert old in text
            text = text.replace(old, str(new))
        places = "".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}} http {{ {places} access_log off;\n{text}\n}}")
        self.server.wait_until_ready()
        self.context = ssl.create_default_context(cafile=certificate)
        self.nginx = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-e", folder / "error.log"], stderr=subprocess.PIPE, text=True)
        self.until(lambda: not socket.socket().connect_ex(("127.0.0.1", self.port)))
        self.wss = f"wss://localhost:{self.port}/ws/stream/audio"

    def until(self, condition):
        deadline = time.monotonic() + 10
        while not condition():
            assert self.nginx.poll() is None and time.monotonic() < deadline, self.nginx.stderr.read()
            time.sleep(0.02)

    def ask(self, method, path, body=None, headers={}, source="127.0.0.1"):
        """Status, headers and body."""
        link = http.client.HTTPSConnection("localhost", self.port, context=self.context, source_address=(source, 0), timeout=20)
        link.request(method, path, body and json.dumps(body), headers)
        answer = link.getresponse()
        found = answer.status, answer.headers, answer.read()
        link.close()
        return found

    def stop(self):
        self.nginx.terminate()
        assert self.nginx.wait(10) == 0
        assert self.server.stop() == 0


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    proxied = Proxied(tmp_path_factory.mktemp("nginx"))
    yield proxied
    proxied.stop()


async def test_a_websocket_gets_audio_while_it_is_made_and_is_let_go_of_at_once(proxied):
    async with websockets.connect(proxied.wss, ssl=proxied.context, max_size=None) as socket:
        await socket.send(request(TEXT))
        binaries = 0
        while binaries < 2:  # the WAV's header and the first piece
            binaries += isinstance(await socket.recv(), bytes)
        await until_active(proxied.server, 1, 0.5)
        await socket.send('{"type": "cancel"}')
        assert (await receive_until(socket, "done"))[-1]["end_reason"] == "cancelled"
        await socket.send(request(TEXT))
        await until_active(proxied.server, 1, 5)
        socket.transport.abort()
        await until_active(proxied.server, 0, 2)


def speech(fields):
    body = json.dumps({"input": TEXT, **fields}).encode()
    head = f"POST /v1/audio/speech/stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("fields", [{"response_format": "pcm"}, {"response_format": "mp3"}, {"stream_format": "sse"}])
async def test_http_gets_audio_while_it_is_made_and_is_let_go_of_at_once(proxied, fields):
    reader, writer = await asyncio.open_connection("localhost", proxied.port, ssl=proxied.context, limit=1 << 16)
    writer.write(speech(fields))
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert b" 200 " in answer and b"chunked" in answer.lower()
    got = 0
    while got < 4000:
        got += len(await asyncio.wait_for(reader.read(4000), 10))
    await until_active(proxied.server, 1, 0.5)
    writer.transport.abort()
    await until_active(proxied.server, 0, 2)


async def test_a_reader_that_stops_holds_the_engine_up(proxied):
    """nginx keeps no more of it than the sockets do, whose buffers are small here so that a speech doesn't fit into them."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", proxied.port))
    _, writer = await asyncio.open_connection(sock=client, ssl=proxied.context, server_hostname="localhost", limit=4096)
    writer.write(speech({"stream_format": "sse"}))
    await until_active(proxied.server, 1, 5)
    seen = []
    while len(seen) < 10 or seen[-1] != seen[-10]:
        status = (await asyncio.to_thread(ask, proxied.server, "GET", "/status")).json
        assert status["is_processing"], f"all of it was taken, after {seen[-1]} %"
        seen.append(status["progress"]["progress_percentage"])
        await asyncio.sleep(0.05)
    writer.transport.abort()
    await until_active(proxied.server, 0, 2)


def test_the_clients_address_is_nginxs_word(proxied):
    def left(source, **headers):
        status, answer, _ = proxied.ask("GET", "/v1/models", headers=headers, source=source)
        assert status == 200
        return int(answer["RateLimit-Remaining"])

    for host in range(1, 20):
        remaining = left("127.0.0.2", **{"X-Forwarded-For": f"192.0.2.{host}"})
    assert remaining < 890, "what a client writes itself doesn't count"
    assert left("127.0.0.3", **{"X-Forwarded-For": "127.0.0.2"}) == 899


def test_other_upgrades_are_no_upgrades(proxied):
    status, answer, body = proxied.ask("GET", "/health", headers={"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AA"})
    assert status == 200 and json.loads(body)["status"] == "healthy"


def test_metrics_stay_inside(proxied):
    assert proxied.ask("GET", "/metrics")[0] == 403
    assert ask(proxied.server, "GET", "/metrics").status == 200


def test_both_logs_have_the_id_and_neither_the_query(proxied):
    status, answer, _ = proxied.ask("POST", "/v1/audio/speech?api_key=secret", {"input": SHORT})
    assert status == 200
    lines = (proxied.folder / "access.log").read_text
    proxied.until(lambda: answer["X-Request-ID"] in lines())
    line = next(line for line in lines().splitlines() if answer["X-Request-ID"] in line)
    assert re.search(r" POST /v1/audio/speech 200 ", line)
    assert answer["X-Request-ID"] in proxied.server.output()
    assert "secret" not in lines() + proxied.server.output()


def test_long_bodies_get_through(proxied):
    status, _, body = proxied.ask("POST", "/v1/audio/speech", {"input": "x" * (9 << 20)})
    assert status in (413, 422) and b"<html" not in body, "the server's own answer"
