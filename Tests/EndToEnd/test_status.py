"""What the server says of itself: requests spoken and being spoken, memory."""

import json

import pytest
import websockets

from http_client import ask


def test_a_request_is_on_record(server):
    before = ask(server, "GET", "/status/statistics").json
    answer = ask(server, "POST", "/audio/speech", {"input": "Hello record. " * 12, "voice": "nova", "exaggeration": 0.7})
    record = ask(server, "GET", "/status/history").json["request_history"][0]
    assert record["request_id"] == answer.headers["x-request-id"]
    assert record["status"] == "completed" and record["voice_source"] == "nova" and record["text_length"] == 168
    assert record["text_preview"] == ("Hello record. " * 12)[:100] + "..." and record["parameters"]["exaggeration"] == 0.7
    assert record["end_time"] >= record["start_time"] and record["progress"]["progress_percentage"] == 100
    after = ask(server, "GET", "/stats?include_memory=true").json
    assert after["total_requests"] == before["total_requests"] + 1
    assert after["completed_requests"] == before["completed_requests"] + 1
    assert after["current_memory"]["cpu_memory_mb"] > 1


async def test_the_websockets_requests_too(server):
    async with websockets.connect(server.stream, max_size=None) as socket:
        await socket.recv()
        await socket.send(json.dumps({"type": "stream_request", "data": {"input": "Over the socket. " * 100}}))
        while not isinstance(await socket.recv(), bytes):
            pass
        await socket.recv()
        status = ask(server, "GET", "/processing/status?include_history=true&include_stats=true&include_memory=true").json
        assert status["is_processing"] is True and status["text_preview"].startswith("Over the socket.")
        assert status["progress"]["current_chunk"] >= 1 and status["active_requests"] >= 1
        assert len(status["request_history"]) <= 5 and "total_requests" in status["statistics"]
        await socket.send(json.dumps({"type": "cancel"}))
        while True:
            message = await socket.recv()
            if isinstance(message, str) and json.loads(message)["type"] == "done":
                break
    record = ask(server, "GET", "/history").json["request_history"][0]
    assert record["status"] == "error" and "cancelled" in record["error_message"]


def test_idle(server):
    status = ask(server, "GET", "/v1/status").json
    assert status["is_processing"] is False and status["status"] == "idle" and status["message"] == "No active requests"
    assert ask(server, "GET", "/progress").json["is_processing"] is False


def test_history_is_cleared_only_if_confirmed(server):
    ask(server, "POST", "/audio/speech", {"input": "Hello."})
    answer = ask(server, "POST", "/status/history/clear")
    assert answer.status == 200 and "confirm" in answer.json["message"]
    assert ask(server, "GET", "/status/history").json["total_records"] > 0
    assert ask(server, "POST", "/status/history/clear?confirm=true").json["success"] is True
    assert ask(server, "GET", "/status/history").json["total_records"] == 0


def test_memory(server):
    memory = ask(server, "GET", "/memory?cleanup=true").json
    assert memory["cleanup_performed"] is True and memory["memory_info"]["cpu_memory_mb"] > 1
    assert memory["alerts"]["has_alerts"] is False and "memory_info_after_cleanup" in memory
    changed = ask(server, "POST", "/memory/config?cpu_memory_percent=70").json
    assert changed["new_thresholds"]["cpu_memory_percent"] == 70
    assert ask(server, "GET", "/memory/config").json["alert_thresholds"]["cpu_memory_percent"] == 70
    assert ask(server, "POST", "/memory/config?cpu_memory_percent=85").status == 200
    assert "recommendations" in ask(server, "GET", "/memory/recommendations").json
    assert "confirm" in ask(server, "POST", "/memory/reset").json["message"]


@pytest.mark.parametrize(
    "path,field",
    [
        ("/status/history?limit=0", "limit"),
        ("/status?include_stats=perhaps", "include_stats"),
        ("/status?include_stat=true", "include_stat"),
        ("/memory/config?cpu_memory_percent=10", "cpu_memory_percent"),
    ],
)
def test_bad_queries(server, path, field):
    answer = ask(server, "POST" if "config" in path else "GET", path)
    assert answer.status == 422 and set(answer.fields) == {field}
