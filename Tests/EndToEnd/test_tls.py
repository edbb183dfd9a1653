"""https and wss: versions, HTTP/2, certificates that are renewed."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
import websockets
from conftest import Server
from raw_websocket import connect
from test_lifecycle import run
from test_slow_clients import TEXT
from test_stream import SHORT, SPOKEN, receive_until, request


def make_certificate(folder, name="server", hosts="DNS:localhost,IP:127.0.0.1"):
    """A certificate that vouches for itself."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName={hosts}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / f"{name}.pem", folder / f"{name}.key"


class SecureServer(Server):
    def __init__(self, folder, *options):
        self.certificate, self.key = make_certificate(folder)
        super().__init__("--tls-certificate", str(self.certificate), "--tls-key", str(self.key), *options)
        self.https = f"https://localhost:{self.port}"

    def wait_until_ready(self, seconds=30):
        deadline = time.monotonic() + seconds
        while self.curl("/ready", "--output", "/dev/null", "--write-out", "%{http_code}").stdout != b"200":
            assert self.process.poll() is None and time.monotonic() < deadline, self.output()
            time.sleep(0.02)

    def curl(self, path, *options):
        command = ["curl", "--silent", "--cacert", str(self.certificate), *options, self.https + path]
        return subprocess.run(command, capture_output=True, timeout=60)

    @property
    def context(self):
        return ssl.create_default_context(cafile=self.certificate)

    @property
    def wss(self):
        return f"wss://localhost:{self.port}/ws/stream/audio"

    @property
    def presented(self):
        """What new connections are shown."""
        return ssl.get_server_certificate(("127.0.0.1", self.port))

    def active(self):
        return json.loads(self.curl("/models").stdout)["data"][0]["active_requests"]


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    server = SecureServer(tmp_path_factory.mktemp("tls"))
    server.wait_until_ready()
    yield server
    assert server.stop() == 0, server.output()


VERSION = ("--output", "/dev/null", "--write-out", "%{http_version} %{http_code}")


def test_http2_if_the_client_can(secure):
    assert secure.curl("/health", *VERSION).stdout == b"2 200"
    assert secure.curl("/health", "--http1.1", *VERSION).stdout == b"1.1 200"
    assert secure.curl("/health", "--no-alpn", *VERSION).stdout == b"1.1 200"
    assert secure.curl("/nope", *VERSION).stdout == b"2 404"
    assert b"https://" in secure.output().encode() or "https" in secure.output()


def test_speech_is_the_same_over_http2(secure):
    body = json.dumps({"input": SHORT, "seed": 1, "response_format": "pcm"})
    options = ("--fail", "--header", "Content-Type: application/json", "--data", body)
    answers = [secure.curl("/v1/audio/speech/stream", "--http1.1", *options).stdout]
    answers.append(secure.curl("/v1/audio/speech/stream", "--http2", *options).stdout)
    assert len(answers[0]) > 24000 and answers[0] == answers[1]
    events = secure.curl("/v1/audio/speech?stream_format=sse", "--http2", *options).stdout
    assert b"speech.audio.done" in events


def test_many_streams_on_one_connection(secure):
    names = [f"/health?{i}" for i in range(50)]
    urls = " ".join(f"-o /dev/null {secure.https}{name}" for name in names).split()
    result = subprocess.run(
        ["curl", "--silent", "--parallel", "--cacert", str(secure.certificate), "--write-out", "%{http_version} %{http_code} %{num_connects}\n", *urls],
        capture_output=True, timeout=60,
    )  # fmt: skip
    lines = result.stdout.decode().split("\n")[:-1]
    assert len(lines) == 50 and all(line.startswith("2 200") for line in lines)
    assert sum(int(line.split()[2]) for line in lines) < 10


async def test_wss(secure):
    async with websockets.connect(secure.wss, ssl=secure.context, max_size=None) as link:
        await link.recv()
        await link.send(request(SHORT))
        assert (await receive_until(link, "done"))[-1]["end_reason"] in SPOKEN


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_versions(secure, version):
    context = secure.context
    context.minimum_version = context.maximum_version = version
    async with websockets.connect(secure.wss, ssl=context) as link:
        assert json.loads(await link.recv())["type"] == "connected"


def test_old_versions_are_refused(secure):
    hello = ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]
    result = subprocess.run(hello, input=b"", capture_output=True, timeout=10)
    assert result.returncode != 0
    assert b"protocol version" in result.stderr, result.stderr


async def test_clear_text_is_refused(secure):
    reader, writer = await connect(secure)
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        assert b"200" not in await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        pass
    writer.close()


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_client_that_vanishes_frees_its_place(secure, version):
    body = json.dumps({"input": TEXT, "response_format": "wav"})
    command = ["curl", "--silent", "--cacert", str(secure.certificate), version, "--data", body, "--output", "/dev/null"]
    client = subprocess.Popen([*command, secure.https + "/v1/audio/speech"])
    deadline = time.monotonic() + 5
    while secure.active() != 1:
        assert time.monotonic() < deadline
    client.kill()
    client.wait()
    deadline = time.monotonic() + 2
    while secure.active():
        assert time.monotonic() < deadline


async def test_a_new_certificate_is_used_without_a_restart(tmp_path):
    server = SecureServer(tmp_path)
    server.wait_until_ready()
    try:
        first = server.presented
        assert first == server.certificate.read_text()
        async with websockets.connect(server.wss, ssl=server.context) as before:
            await before.recv()

            async def until(wanted):
                deadline = time.monotonic() + 6
                while await asyncio.to_thread(lambda: server.presented) != wanted:
                    assert time.monotonic() < deadline, server.output()
                    await asyncio.sleep(0.05)

            # The file changes.
            for old, new in zip((server.certificate, server.key), make_certificate(tmp_path, "second")):
                os.replace(new, old)
            await until(server.certificate.read_text())
            second = server.presented
            assert second != first
            # A signal.
            for old, new in zip((server.certificate, server.key), make_certificate(tmp_path, "third")):
                os.replace(new, old)
            server.process.send_signal(signal.SIGHUP)
            await until(server.certificate.read_text())
            # What can't be used isn't.
            good = server.presented
            server.certificate.write_text("rubbish")
            server.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 6
            while "is not used" not in server.output():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            assert server.presented == good
            # Who was there before noticed nothing.
            await before.send('{"type": "ping"}')
            assert json.loads(await before.recv()) == {"type": "pong"}
    finally:
        assert server.stop() == 0, server.output()


def test_files_that_cannot_be_used(tmp_path):
    certificate, key = make_certificate(tmp_path)
    _, other = make_certificate(tmp_path, "other")
    for files in ((certificate, other), (key, key), (tmp_path / "none.pem", key), (certificate, certificate)):
        result = run("serve", "--port", "0", "--tls-certificate", str(files[0]), "--tls-key", str(files[1]))
        assert result.returncode != 0
        assert str(files[0]) in result.stderr or str(files[1]) in result.stderr, result.stderr


def say(secure, address, *options):
    return run("say", SHORT, "--server", address, "-o", str(secure.certificate.parent / "said.wav"), *options)


@pytest.mark.parametrize("scheme, host", [("https", "localhost"), ("wss", "localhost"), ("https", "127.0.0.1")])
def test_say_has_a_server_speak(secure, scheme, host):
    said = say(secure, f"{scheme}://{host}:{secure.port}", "--cacert", str(secure.certificate))
    assert said.returncode == 0 and "s of speech" in said.stderr, said.stderr
    assert (secure.certificate.parent / "said.wav").read_bytes()[:4] == b"RIFF"


def test_say_trusts_nobody_by_itself(secure, tmp_path):
    stranger, key = make_certificate(tmp_path, "stranger")
    for options, told in (
        ((), "no trusted authority"), (("--cacert", str(stranger)), "no trusted authority"), (("--cacert", str(tmp_path / "none.pem")), "none.pem"),
        (("--cacert", str(key)), "PEM file of certificates"),
    ):  # fmt: skip
        said = say(secure, f"https://localhost:{secure.port}", *options)
        assert said.returncode != 0 and told in said.stderr and len(said.stderr) < 800, said.stderr
    assert "for https" in say(secure, f"http://localhost:{secure.port}", "--cacert", str(secure.certificate)).stderr
    # Clear text where TLS is expected.
    assert say(secure, f"http://localhost:{secure.port}").returncode != 0


def test_say_wants_a_certificate_of_the_servers_name(secure, tmp_path):
    certificate, key = make_certificate(tmp_path, hosts="DNS:other.example")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        def answer():
            try:
                context.wrap_socket(listener.accept()[0], server_side=True).recv(1000)
            except OSError:
                pass

        threading.Thread(target=answer, daemon=True).start()
        said = run("say", SHORT, "--server", f"https://localhost:{listener.getsockname()[1]}", "--cacert", str(certificate))
    assert said.returncode != 0 and "No secure connection" in said.stderr, said.stderr
