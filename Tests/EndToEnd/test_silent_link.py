"""A client whose link falls silent in the middle of a stream: no end of the connection ever arrives, only time tells."""

import time

import pytest
from conftest import Server
from malformed import text_frame
from raw_websocket import handshake
from silent_link import SilentLink, why_not
from test_slow_clients import HTTP, TEXT, active
from test_stream import request

REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"{REASON}")

WEBSOCKET = handshake("x") + text_frame(request(TEXT))


@pytest.fixture
def link():
    with SilentLink() as link:
        yield link


def serve(link, *options):
    server = Server("--host", link.server_address, "--no-authentication", *options)
    server.address, server.http = f"{link.server_address}:{server.port}", f"http://{link.server_address}:{server.port}"
    server.wait_until_ready()
    return server


@pytest.mark.parametrize("option, request_bytes", [
    ("--ping-interval", WEBSOCKET), ("--send-timeout", HTTP["chunked"]),
], ids=["pings, WebSocket", "send-timeout, chunks"])  # fmt: skip
def test_its_place_is_free_when_the_time_is_over(link, option, request_bytes):
    """Pings take two intervals at most: from one that was answered to the end of the next one's."""
    times = {"--ping-interval": "600", "--send-timeout": "600", option: "1"}
    server = serve(link, *(word for pair in times.items() for word in pair))
    link.client(server.port, request_bytes, after=30_000)
    assert active(server) == 1
    link.fall_silent()
    began = time.monotonic()
    while active(server):
        assert time.monotonic() - began < 6, "it is waited for without end"
        time.sleep(0.05)
    assert time.monotonic() - began > 0.5, "it ended for another reason"
    assert server.stop() == 0, server.output()
