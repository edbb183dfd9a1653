"""The API's description: valid, true, and complete."""

import pathlib
import re
import subprocess
import sys

import openapi_spec_validator
import pytest

from http_client import ask

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(own_server):
    return own_server


@pytest.fixture(scope="module")
def document(server):
    return ask(server, "GET", "/openapi.json").json


def test_document_is_valid(document):
    openapi_spec_validator.validate(document)
    assert document["openapi"] == "3.1.0"


def test_every_path_is_answered(server, document):
    """No documented GET without parameters of the path is missing."""
    for path, operations in document["paths"].items():
        if "get" in operations and "{" not in path and "ws/stream/audio" not in path:
            assert ask(server, "GET", path).status == 200, path


def test_paths_that_clients_know(document):
    known = """/audio/speech /audio/speech/upload /audio/speech/stream /audio/speech/stream/upload /tts /tts/upload /tts/stream
        /tts/stream/upload /voices /voice-library /voice_library /voices/default /default-voice /voices/cleanup
        /voices/all-names /languages /health /ping /models /config /endpoints /routes /info /api/info /status /processing
        /processing/status /status/progress /status/history /status/statistics /stats /status/history/clear /memory
        /memory/config /memory/reset /memory/recommendations /audio/speech/long /audio/speech/long/bulk
        /audio/speech/long-history /audio/speech/long-history/stats"""
    for path in known.split():
        assert path in document["paths"] and "/v1" + path in document["paths"], path


def test_wrong_methods(server, document):
    answer = ask(server, "DELETE", "/v1/audio/speech")
    assert answer.status == 405 and answer.headers["allow"] == "POST, OPTIONS"
    assert ask(server, "GET", "/v1/audio/speeches").status == 404


def test_every_route_is_in_the_guide(document):
    guide = (ROOT / "docs" / "http-api.md").read_text()
    primary = {
        path
        for path, operations in document["paths"].items()
        if not path.startswith("/v1") and all("The same as" not in o.get("description", "") for o in operations.values())
    }
    missing = [path for path in sorted(primary) if f"`{path}`" not in guide]
    assert not missing, "docs/http-api.md lacks them"
    for test in re.findall(r"\((?:\.\./)?Tests/EndToEnd/(\w+\.py)\)", guide):
        assert (ROOT / "Tests" / "EndToEnd" / test).exists()


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_schemathesis(server, tmp_path, mode):
    """Requests made of the description get answers that it allows, and never an error of the server's."""
    command = [
        sys.executable.replace("python3", "python"), "-m", "schemathesis.cli", "run", server.http + "/openapi.json",
        "--mode", mode, "--max-examples", "6", "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--exclude-path-regex", "^/v1|ws/stream/audio|/sse$|/tts|/audio/speech/stream", "--exclude-method", "TRACE",
        "--seed", "1", "--request-timeout", "120", "--phases",
        # Of a path's text nothing is wrong, so that little can be drawn at random.
        "examples,coverage,fuzzing" if mode == "positive" else "examples,coverage",
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
