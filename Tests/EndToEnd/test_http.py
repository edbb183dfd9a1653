"""Plain HTTP beside the WebSocket."""

import json
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import websockets


def request(server, path, method="GET", headers=None):
    call = urllib.request.Request(server.http + path, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(call, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_status_has_the_documented_fields(server):
    status, headers, body = request(server, "/ws/stream/status")
    answer = json.loads(body)
    assert status == 200
    assert headers["content-type"].startswith("application/json")
    documented = {
        "available": True,
        "ready": True,
        "sample_rate": 24000,
        "supported_formats": ["wav", "base64"],
        "description": "TRUE model-level streaming with KV-cache",
        "features": {
            "incremental_generation": True,
            "kv_cache": True,
            "alignment_monitoring": True,
            "voice_cloning": False,
            "low_latency": True,
            "real_time_factor": "< 1.0 (faster than real-time)",
        },
    }
    assert documented == {key: answer[key] for key in documented}
    assert answer["default_voice"] == "alloy"
    assert len(answer["voices"]) >= 4


def test_status_with_curl(server):
    output = subprocess.run(
        ["curl", "--silent", "--fail", server.http + "/ws/stream/status"], capture_output=True, check=True
    ).stdout
    assert json.loads(output)["ready"] is True


async def test_connections_are_counted(server):
    def count():
        return json.loads(request(server, "/ws/stream/connections")[2])

    before = count()
    assert set(before) == {"total_connections", "timestamp"}
    assert abs(before["timestamp"] - time.time()) < 5
    async with websockets.connect(server.stream), websockets.connect(server.stream):
        assert count()["total_connections"] == before["total_connections"] + 2
    deadline = time.monotonic() + 5
    while count()["total_connections"] != before["total_connections"]:
        assert time.monotonic() < deadline, "closed connections are still counted"


def test_health(server):
    status, _, body = request(server, "/health")
    health = json.loads(body)
    assert status == 200
    assert health["status"] == "healthy"
    assert health["model_loaded"] is True
    assert health["device"] == "cpu"
    assert health["config"]["max_text_length"] == 3000
    assert 1 < health["memory_info"]["cpu_memory_mb"] < 4096
    assert health["initialization_state"] == "ready"
    assert health["initialization_error"] is None
    assert "initialization_progress" in health


def test_models(server):
    status, _, body = request(server, "/models")
    models = json.loads(body)
    assert status == 200
    assert models["object"] == "list"
    (embedded,) = models["data"]
    assert (embedded["id"], embedded["object"], embedded["state"]) == ("embedded", "model", "loaded")
    assert embedded["is_default"] is True and embedded["error"] is None
    assert embedded["languages"] == ["en"]
    assert "alloy" in embedded["voices"]
    assert 5 < embedded["memory_mb"] < 1000
    for path in ("/ws/stream/status", "/health"):
        assert [model["id"] for model in json.loads(request(server, path)[2])["models"]] == ["embedded"]


def test_page(server):
    status, headers, body = request(server, "/")
    assert status == 200
    assert headers["content-type"].startswith("text/html")
    assert b"web/studio.js" in body


@pytest.mark.parametrize("path", ["/nope", "/ws", "/ws/stream", "/ws/stream/audio/x", "/%00", "/../etc/passwd"])
def test_unknown_paths(server, path):
    status, _, body = request(server, path)
    answer = json.loads(body)
    assert status == 404
    assert answer["error"]["code"] == "not_found"
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert answer["detail"][0]["msg"] == answer["error"]["message"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/health", "/models", "/ws/stream/status", "/ws/stream/connections", "/ws/stream/audio"])
def test_wrong_methods(server, method, path):
    status, headers, body = request(server, path, method)
    assert status == 405
    assert headers["allow"] == "GET, HEAD, OPTIONS"
    assert json.loads(body)["error"]["code"] == "method_not_allowed"


def test_head(server):
    status, headers, body = request(server, "/health", "HEAD")
    assert status == 200
    assert int(headers["content-length"]) > 0
    assert body == b""


def test_cross_origin(server):
    origin = {"Origin": "https://example.org"}
    for path in ("/health", "/ws/stream/status", "/nope"):
        _, headers, _ = request(server, path, headers=origin)
        assert headers["access-control-allow-origin"] == "*"
    status, headers, _ = request(server, "/health", "OPTIONS", origin)
    assert status == 204
    assert "GET" in headers["access-control-allow-methods"]


def test_stream_path_without_upgrade(server):
    status, headers, body = request(server, "/ws/stream/audio")
    assert status == 426
    assert headers["upgrade"] == "websocket"
    assert json.loads(body)["error"]["code"] == "upgrade_required"


async def test_upgrade_elsewhere_is_refused(server):
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await websockets.connect(server.ws + "/ws/other")
    assert refusal.value.response.status_code == 404
