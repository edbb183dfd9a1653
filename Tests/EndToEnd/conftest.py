"""Starts the release binary once on a free port and gives each test a client of it."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import pytest
import pytest_asyncio

# A shell's background job ignores SIGINT, and so would all it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Examples"))

from websocket_client_python import ChatterboxStreamingClient  # noqa: E402

BINARY = pathlib.Path(os.environ.get("CHATTERBOX_BINARY", ROOT / ".build" / "release" / "chatterbox"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running `chatterbox serve`, with a library and long texts of its own unless told which."""

    def __init__(self, *options: str, data: pathlib.Path | None = None):
        self.port = free_port()
        self.data = data or pathlib.Path(tempfile.mkdtemp(prefix="chatterbox-"))
        self.address = f"127.0.0.1:{self.port}"
        self.http = f"http://{self.address}"
        self.ws = f"ws://{self.address}"
        self.stream = self.ws + "/ws/stream/audio"
        command = [str(BINARY), "serve", "--host", "127.0.0.1", "--port", str(self.port), *options]
        environment = {k: v for k, v in os.environ.items() if k not in ("HOST", "PORT", "LOG_LEVEL")}
        environment["CHATTERBOX_KEYS"] = str(self.data / "keys.sqlite")
        environment["VOICE_LIBRARY_DIR"] = str(self.data / "voices")
        environment["LONG_TEXT_DATA_DIR"] = str(self.data / "long_text")
        self.log = open(ROOT / ".build" / f"end-to-end-{self.port}.log", "w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, env=environment)

    def wait_until_ready(self, seconds: float = 30) -> float:
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if self.process.poll() is not None:
                raise AssertionError(f"the server exited with {self.process.returncode}:\n{self.output()}")
            try:
                with urllib.request.urlopen(self.http + "/ws/stream/status", timeout=5) as answer:
                    if answer.status == 200:
                        return time.monotonic() - start
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"the server is not ready after {seconds} s:\n{self.output()}")

    def output(self) -> str:
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def kill(self):
        """As a power cut would."""
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        self.log.close()
        return self.process.returncode


@pytest.fixture(scope="session")
def server():
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing; build it first: make build", returncode=1)
    server = Server()
    server.wait_until_ready()
    yield server
    assert server.process.poll() is None, "the server died during the tests:\n" + server.output()
    assert server.stop() == 0, "the server did not stop cleanly:\n" + server.output()


@pytest.fixture(scope="module")
def own_server():
    """One that a module has for itself: for tests of what a library or a list of jobs holds, and for those that leave some."""
    server = Server()
    server.wait_until_ready()
    yield server
    assert server.stop() == 0, "the server did not stop cleanly:\n" + server.output()


@pytest_asyncio.fixture
async def client(server):
    async with ChatterboxStreamingClient(base_url=server.ws) as client:
        yield client
