"""What an operator sees: /metrics, logs with ids, slow requests, the dashboard."""

import asyncio
import json
import re

import pytest
import websockets
from conftest import ROOT, Server
from http_client import ask
from malformed import frame
from prometheus_client.parser import text_string_to_metric_families
from raw_websocket import RawSocket
from test_stream import receive_until, request

TEXT = "Nobody shall read this secret sentence in a log."


def families(server):
    answer = ask(server, "GET", "/metrics")
    assert answer.status == 200 and answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(answer.body.decode())}


def value(found, name, **labels):
    """The sum of the samples of a name that have these labels."""
    samples = [s for family in found.values() for s in family.samples if s.name == name]
    return sum(s.value for s in samples if labels.items() <= s.labels.items())


@pytest.fixture(scope="module")
def observed():
    """A server that has spoken over every transport, and what it logged: JSON, slow requests marked."""
    server = Server("--log-format", "json", "--slow-request", "0.000001")
    server.wait_until_ready()
    try:
        yield server
    finally:
        assert server.stop() == 0


def lines(server):
    return [json.loads(line) for line in server.output().splitlines() if line.startswith("{")]


def test_speech_is_measured(observed):
    answer = ask(observed, "POST", "/v1/audio/speech", {"input": TEXT, "response_format": "pcm"})
    assert answer.status == 200
    ask(observed, "POST", "/audio/speech", {"input": TEXT, "voice": "nobody", "speed": 9})
    ask(observed, "GET", "/nowhere/to/be/found")

    async def over_the_socket():
        async with websockets.connect(observed.stream, max_size=None) as socket:
            await receive_until(socket, "connected")
            await socket.send(request(TEXT, request_id="mine"))
            await receive_until(socket, "done")
            await socket.send(request(TEXT * 40, voice="echo"))
            await receive_until(socket, "metrics")
            await socket.send('{"type": "cancel"}')
            await receive_until(socket, "done")
            await socket.send('{"type": "cancel"}')
            await receive_until(socket, "error")
            return families(observed)

    during = asyncio.run(over_the_socket())
    assert value(during, "chatterbox_connections", transport="websocket") == 1

    found = families(observed)
    requests = "chatterbox_requests_total"
    assert value(found, requests, transport="http", model="embedded", outcome="completed") == 1
    assert value(found, requests, transport="websocket", outcome="completed") == 1
    assert value(found, requests, transport="websocket", outcome="cancelled") == 1
    assert value(found, requests, outcome="failed") == 0
    assert value(found, "chatterbox_errors_total", transport="http", code="out_of_range") == 1
    assert value(found, "chatterbox_errors_total", transport="http", code="not_found") == 1
    assert value(found, "chatterbox_errors_total", transport="websocket", code="nothing_to_cancel") == 1
    seconds = len(answer.body) / 2 / 24000
    assert value(found, "chatterbox_audio_seconds_total", model="embedded") > 1.9 * seconds
    assert value(found, "chatterbox_first_audio_seconds_count", transport="websocket") == 2
    assert value(found, "chatterbox_real_time_factor_count") == 2
    assert 0 < value(found, "chatterbox_real_time_factor_sum", transport="http") < 1
    assert value(found, "chatterbox_queue_wait_seconds_count") == 3
    assert value(found, "chatterbox_characters_total") == 2 * len(TEXT)
    assert value(found, "chatterbox_slow_requests_total", transport="websocket") == 2
    for stage in ("t3_prefill", "t3_token", "s3gen", "vocoder"):
        count = value(found, "chatterbox_stage_seconds_count", stage=stage)
        total = value(found, "chatterbox_stage_seconds_sum", stage=stage)
        assert count >= 3 and 0 < total < 60, stage
    assert value(found, "chatterbox_batch_size_sum") == value(found, "chatterbox_batch_size_count") > 50
    assert value(found, "chatterbox_streams") == 0 and value(found, "chatterbox_queue_length") == 0
    assert value(found, "chatterbox_connections", transport="websocket") == 0
    assert value(found, "chatterbox_model_info", model="embedded", is_default="true", voice_cloning="false") == 1
    assert value(found, "chatterbox_jobs", state="completed") == 0
    assert 50e6 < value(found, "process_resident_memory_bytes") < 2e9
    assert value(found, "process_open_fds") > 5 and value(found, "process_cpu_seconds_total") > 0.1
    assert value(found, "chatterbox_http_requests_total", method="POST", route="/v1/audio/speech", status="200") == 1


def test_every_family_is_described_and_follows_the_conventions(observed):
    text = ask(observed, "GET", "/metrics").body.decode()
    guide = (ROOT / "docs" / "observability.md").read_text()
    for name, family in families(observed).items():
        full = name + ("_total" if family.type == "counter" else "")
        assert f"| `{full}` |" in guide and f"| {family.documentation} |" in guide, full
        assert family.documentation and f"# TYPE {name}" in text.replace("_total", ""), name
        if family.type == "histogram":
            for labels in {tuple(sorted((k, v) for k, v in s.labels.items() if k != "le")) for s in family.samples}:
                buckets = [s for s in family.samples if s.name == name + "_bucket" and labels_of(s) == labels]
                counts = [s.value for s in buckets]
                assert counts == sorted(counts) and buckets[-1].labels["le"] == "+Inf"
                assert counts[-1] == next(s.value for s in family.samples if s.name == name + "_count" and labels_of(s) == labels)


def labels_of(sample):
    return tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))


def metrics_in(expression):
    return set(re.findall(r"\b(?:chatterbox|process)_[a-z0-9_]+", expression))


def test_dashboard_and_alerts_ask_for_metrics_that_exist(observed):
    names = set()
    for family in families(observed).values():
        names.add(family.name + ("_total" if family.type == "counter" else ""))
        if family.type == "histogram":
            names |= {family.name + end for end in ("_bucket", "_sum", "_count")}
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [variable["query"] for variable in dashboard["templating"]["list"]]
    queries += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    queries += re.findall(r"expr: (.*)", (ROOT / "deploy" / "alerts.yml").read_text())
    assert len(queries) > 35
    asked = set().union(*map(metrics_in, queries))
    assert asked <= names, asked - names
    # And nothing that is measured is forgotten.
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    families_shown = {re.sub("_total$", "", name) for name in shown}
    assert {n for n in families(observed) if n.startswith("chatterbox")} - families_shown <= {"chatterbox_build_info"}


def test_logs_name_request_and_connection_and_no_text(observed):
    given = ask(observed, "POST", "/audio/speech?key=hidden", {"input": TEXT}, headers={"X-Request-ID": "from-a-proxy.7"})
    assert given.headers["x-request-id"] == "from-a-proxy.7"
    drawn = ask(observed, "GET", "/models", headers={"X-Request-ID": "not one: " + "x" * 200})
    assert re.fullmatch("[0-9a-f]{16}", drawn.headers["x-request-id"])
    refused = ask(observed, "POST", "/audio/speech", {"input": ""})
    assert refused.status == 422 and refused.headers["x-request-id"] != drawn.headers["x-request-id"]

    entries = lines(observed)
    assert all({"time", "level", "message", "logger"} <= entry.keys() for entry in entries)
    mine = [e for e in entries if e.get("request") == "from-a-proxy.7"]
    assert {e["message"] for e in mine} >= {"speech completed", "slow request"}
    spoken = next(e for e in mine if e["message"] == "speech completed")
    assert spoken["characters"] == len(TEXT) and spoken["model"] == "embedded" and spoken["audio_seconds"] > 1
    assert spoken["transport"] == "http" and re.fullmatch("[0-9a-f]{8}", spoken["connection"])
    path = next(e for e in mine if e["message"] == "slow request")
    assert path["path"] == "/audio/speech" and path["level"] == "warning" and path["status"] == 200
    socket = [e for e in entries if e.get("request") == "mine"]
    assert {e["message"] for e in socket} == {"speech completed", "slow request"}
    connected = next(e for e in entries if e["message"] == "connected")
    assert {e["connection"] for e in socket} == {connected["connection"]}
    assert "secret" not in observed.output() and "hidden" not in observed.output()


def test_metrics_can_be_turned_off_and_levels_keep_quiet():
    server = Server("--metrics", "off", "--log-level", "error")
    server.wait_until_ready()
    try:
        assert ask(server, "GET", "/metrics").status == 404
        assert ask(server, "POST", "/audio/speech", {"input": "Hello."}).status == 200
        assert "speech completed" not in server.output() and "ready" not in server.output()
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize(
    "option, value", [("--log-format", "xml"), ("--slow-request", "soon"), ("--slow-request", "90000"), ("--metrics", "maybe")]
)
def test_bad_options_are_told(option, value):
    server = Server(option, value)
    assert server.process.wait(30) != 0
    assert option in server.output() and value in server.output()
    server.log.close()


def test_closes_are_counted_by_code():
    server = Server("--connection-timeout", "1")
    server.wait_until_ready()

    async def closes(*ends):
        for data, code in ends:
            socket = await RawSocket.open(server)
            await socket.send(data)
            await socket.expect_close(code)

    try:
        asyncio.run(
            closes(
                (frame(1, b"{}", mask=False), 1002), (frame(3, b""), 1002), (frame(1, b"\xff"), 1007),
                (frame(1, b"", length=5 << 20), 1009), (b"", 1001),
            )
        )  # fmt: skip
        found = families(server)
        counts = {"protocol_violation": 2, "invalid_utf8": 1, "message_too_large": 1, "connection_timeout": 1}
        for code, count in counts.items():
            assert value(found, "chatterbox_errors_total", transport="websocket", code=code) == count, code
    finally:
        assert server.stop() == 0
