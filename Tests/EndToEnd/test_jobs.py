"""Long texts as jobs: made, watched, paused, killed, gone on with, fetched."""

import json
import re
import time

import pytest

from conftest import Server
from http_client import ask, probe

LONG = "/audio/speech/long"
SENTENCES = [f"This is sentence number {n} of a text that is meant to be long, so that it has to be a job." for n in range(1, 400)]


def text_of(length):
    text = ""
    for n, sentence in enumerate(SENTENCES):
        if len(text) >= length:
            break
        text += sentence + ("\n\n" if n % 6 == 5 else " ")
    return text.strip()


TEXT = text_of(3200)


def make(server, text=TEXT, **more):
    answer = ask(server, "POST", LONG, {"input": text, **more})
    assert answer.status == 200, answer.body
    return answer.json


def wait(server, job_id, states, seconds=120):
    deadline = time.monotonic() + seconds
    while True:
        job = ask(server, "GET", f"{LONG}/{job_id}").json
        if job["status"] in states:
            return job
        assert job["status"] not in ("failed",), job
        assert time.monotonic() < deadline, f"still {job['status']}"
        time.sleep(0.05)


def words(text):
    return re.findall(r"\w+", text)


@pytest.fixture(scope="module")
def finished(server):
    job = make(server, response_format="wav", session_id="tests", display_name="A long one")
    wait(server, job["job_id"], ["completed"])
    return job["job_id"]


def test_what_a_new_job_says(server):
    job = make(server, voice="nova", exaggeration=0.6)
    assert job["status"] == "pending" and job["total_chunks"] == 2 and "submitted" in job["message"]
    assert job["status_url"] == f"{LONG}/{job['job_id']}" and job["sse_url"] == f"{LONG}/{job['job_id']}/sse"
    assert isinstance(job["estimated_processing_time_seconds"], (int, type(None)))
    metadata = wait(server, job["job_id"], ["completed"])["metadata"]
    assert metadata["voice"] == "nova" and metadata["parameters"]["exaggeration"] == 0.6
    assert metadata["output_format"] == "mp3"


def test_all_words_are_in_the_chunks(server, finished):
    details = ask(server, "GET", f"{LONG}/{finished}/details").json
    assert details["input_text"] == TEXT
    assert words(" ".join(chunk["text"] for chunk in details["chunks"])) == words(TEXT)
    assert details["performance_metrics"]["success_rate"] == 1 and details["error_log"] == []


@pytest.mark.parametrize("form,media_type", [("wav", "audio/wav"), ("mp3", "audio/mpeg"), ("opus", "audio/ogg")])
def test_download(server, tmp_path, form, media_type):
    job = make(server, response_format=form, seed=1)
    done = wait(server, job["job_id"], ["completed"])
    assert done["download_url"] == f"{LONG}/{job['job_id']}/download"
    assert done["progress"]["overall_progress"] == 100 and len(done["progress"]["completed_chunks"]) == 2
    answer = ask(server, "GET", done["download_url"])
    assert answer.headers["content-type"] == media_type and int(answer.headers["content-length"]) == len(answer.body)
    file = tmp_path / f"speech.{form}"
    file.write_bytes(answer.body)
    _, _, length = probe(file)
    assert length == pytest.approx(done["metadata"]["total_duration_seconds"], abs=0.02)
    # 15 characters a second, give or take.
    assert 0.6 < length / (len(TEXT) / 15) < 1.6


def test_events(server):
    job = make(server)
    answer = ask(server, "GET", job["sse_url"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [block for block in answer.body.decode().split("\n\n") if block and not block.startswith(":")]
    kinds = [re.match(r"event: (\w+)\ndata: (.*)", block).groups() for block in blocks]
    assert kinds[-1][0] == "completed" and {kind for kind, _ in kinds[:-1]} == {"progress"}
    progress = [json.loads(data)["progress"] for _, data in kinds[:-1]]
    assert progress == sorted(progress) and progress[-1] == 100


def test_pause_resume_cancel_retry(server):
    job = make(server, text_of(20_000))["job_id"]
    assert ask(server, "PUT", f"{LONG}/{job}/pause").status == 200
    paused = ask(server, "GET", f"{LONG}/{job}").json
    assert paused["status"] == "paused" and paused["can_resume"] and not paused["can_pause"]
    assert ask(server, "PUT", f"{LONG}/{job}/pause").status == 409
    assert ask(server, "GET", f"{LONG}/{job}/download").status == 409
    assert ask(server, "PUT", f"{LONG}/{job}/resume").status == 200
    assert ask(server, "DELETE", f"{LONG}/{job}").status == 200
    assert ask(server, "GET", f"{LONG}/{job}").json["status"] == "cancelled"
    again = ask(server, "POST", f"{LONG}/{job}/retry", {"preserve_chunks": True, "new_parameters": {"temperature": 0.7}})
    assert again.status == 200 and again.json["job_id"] != job
    new = ask(server, "GET", f"{LONG}/{again.json['job_id']}").json["metadata"]
    assert new["retry_count"] == 1 and new["original_job_id"] == job and new["parameters"]["temperature"] == 0.7
    bad = ask(server, "POST", f"{LONG}/{job}/retry", {"new_parameters": {"temperature": 70}})
    assert bad.status == 422 and "temperature" in bad.fields
    assert ask(server, "DELETE", f"{LONG}/{again.json['job_id']}?action=delete").status == 200
    assert ask(server, "GET", f"{LONG}/{again.json['job_id']}").status == 404


def test_lists_and_metadata(server, finished):
    listed = ask(server, "GET", f"{LONG}?session_id=tests").json
    assert listed["total_jobs"] == 1 and listed["jobs"][0]["job_id"] == finished
    assert listed["jobs"][0]["display_name"] == "A long one" and listed["jobs"][0]["progress_percentage"] == 100
    change = {"display_name": "Renamed", "tags": ["a", "b"], "is_archived": True}
    assert ask(server, "PATCH", f"{LONG}/{finished}", change).json["success"] is True
    found = ask(server, "GET", "/audio/speech/long-history?search=renam&is_archived=true&sort=name_asc&limit=5").json
    assert [job["job_id"] for job in found["jobs"]] == [finished] and found["jobs"][0]["tags"] == ["a", "b"]
    assert ask(server, "GET", "/v1/audio/speech/long-history?start_date=2099-01-01").json["jobs"] == []
    stats = ask(server, "GET", "/audio/speech/long-history/stats?session_id=tests").json
    assert stats["completed_jobs"] == 1 and stats["success_rate_percentage"] == 100
    assert stats["total_audio_duration_seconds"] > 60 and stats["total_storage_bytes"] > 1_000_000
    assert ask(server, "PATCH", f"{LONG}/{finished}", {"tags": ["x"] * 21}).status == 422


def test_bulk(server):
    jobs = [make(server)["job_id"] for _ in range(2)]
    for job in jobs:
        wait(server, job, ["completed"])
    body = {"job_ids": [*jobs, "no-such-job"], "action": "archive", "confirm": True}
    answer = ask(server, "POST", "/audio/speech/long/bulk", body).json
    assert (answer["success_count"], answer["failed_count"], answer["failed_jobs"]) == (2, 1, ["no-such-job"])
    assert ask(server, "POST", "/audio/speech/long/bulk", {**body, "confirm": False}).status == 400
    assert ask(server, "POST", "/audio/speech/long/bulk", {"job_ids": []}).status == 422
    assert ask(server, "POST", "/audio/speech/long/bulk", {**body, "job_ids": jobs, "action": "delete"}).json["success_count"] == 2


@pytest.mark.parametrize(
    "body,field",
    [
        ({"input": "short"}, "input"),
        ({"input": "x " * 50_001}, "input"),
        ({"input": TEXT, "response_format": "midi"}, "response_format"),
        ({"input": TEXT, "temperature": 9}, "temperature"),
        ({"input": TEXT, "voice": "nobody"}, "voice"),
    ],
)
def test_bad_jobs(server, body, field):
    answer = ask(server, "POST", LONG, body)
    assert answer.status == 422 and field in answer.fields


def test_unknown_jobs(server):
    for method, path in [("GET", ""), ("GET", "/download"), ("GET", "/details"), ("GET", "/sse"), ("PUT", "/pause"),
                         ("PUT", "/resume"), ("DELETE", ""), ("PATCH", "")]:  # fmt: skip
        answer = ask(server, method, f"{LONG}/nothing{path}", {} if method == "PATCH" else None)
        assert answer.status == 404 and answer.json["error"]["code"] == "job_not_found"


def test_a_killed_server_goes_on_where_it_was(tmp_path):
    """Twice killed with -9 in the middle: complete in the end, and nothing spoken twice."""
    text = text_of(20_000)
    server = Server(data=tmp_path)
    server.wait_until_ready()
    job = make(server, text, response_format="wav", seed=1)["job_id"]
    kept = []
    for _ in range(2):
        deadline = time.monotonic() + 60
        while True:
            chunks = ask(server, "GET", f"{LONG}/{job}").json["progress"]["completed_chunks"]
            if len(chunks) > len(kept):
                break
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
        kept = chunks
        server = Server(data=tmp_path)
        server.wait_until_ready()
    try:
        done = wait(server, job, ["completed"])
        assert done["metadata"]["total_chunks"] == done["metadata"]["completed_chunks"] >= 8
        finished = {chunk["index"]: chunk["processing_completed_at"] for chunk in done["progress"]["completed_chunks"]}
        for chunk in kept:
            assert finished[chunk["index"]] == chunk["processing_completed_at"], "a finished chunk was spoken again"
        assert words(" ".join(c["text"] for c in ask(server, "GET", f"{LONG}/{job}/details").json["chunks"])) == words(text)
        wav = ask(server, "GET", f"{LONG}/{job}/download").body
        assert (len(wav) - 44) / 48000 == pytest.approx(done["metadata"]["total_duration_seconds"], abs=0.01)
    finally:
        assert server.stop() == 0
