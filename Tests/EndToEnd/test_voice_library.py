"""The voice library over HTTP, as chatterbox-tts-api's clients use it."""

import hashlib
import json
import subprocess
import urllib.parse

import pytest

from conftest import Server
from http_client import ask

ALIASES = ["/voices", "/v1/voices", "/voice-library", "/voice_library"]


@pytest.fixture(scope="module")
def server(own_server):
    return own_server


@pytest.fixture(scope="module")
def recording(server):
    return ask(server, "POST", "/audio/speech", {"input": "A recording of somebody, long enough to be of use."}).body


def add(server, name, recording, **more):
    return ask(server, "POST", "/voices", form={"voice_name": name, **more}, files={"voice_file": (f"{name}.wav", recording)})


@pytest.fixture
def voice(server, recording):
    assert add(server, "somebody", recording, language="fr").status == 201
    yield "somebody"
    ask(server, "DELETE", "/voices/somebody")


def test_add_and_list(server, voice, recording):
    for path in ALIASES:
        listed = ask(server, "GET", path).json
        assert listed["count"] == len(listed["voices"]) == 1
    entry = listed["voices"][0]
    assert entry["name"] == "somebody" and entry["language"] == "fr" and entry["exists"] is True
    assert entry["file_hash"] == hashlib.md5(recording).hexdigest() and entry["file_size"] == len(recording)
    assert entry["file_extension"] == ".wav" and entry["original_filename"] == "somebody.wav"
    assert ask(server, "GET", "/voices/somebody").json["voice"] == entry


def test_documented_curl(server, recording, tmp_path):
    """The example of chatterbox-tts-api's documentation, but for host and port."""
    (tmp_path / "my_voice.wav").write_bytes(recording)
    answer = subprocess.run(
        ["curl", "--silent", "-X", "POST", server.http + "/v1/voices", "-F", "voice_name=my-custom-voice",
         "-F", "voice_file=@my_voice.wav", "-F", "language=en"], cwd=tmp_path, capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert json.loads(answer)["voice"]["name"] == "my-custom-voice"
    assert ask(server, "DELETE", "/v1/voices/my-custom-voice").status == 200


def test_duplicates_are_a_conflict(server, voice, recording):
    for name in ("somebody", "SOMEBODY"):
        answer = add(server, name, recording)
        assert answer.status == 409 and answer.json["error"]["param"] == "voice_name"


def test_download_rename_delete(server, voice, recording):
    answer = ask(server, "GET", "/voices/somebody/download")
    assert answer.body == recording and answer.headers["content-type"] == "audio/wav"
    answer = ask(server, "PUT", "/voices/somebody", form={"new_name": "someone else"})
    assert answer.json["old_name"] == "somebody" and answer.json["new_name"] == "someone else"
    name = urllib.parse.quote("someone else")
    assert ask(server, "GET", f"/voices/{name}").status == 200
    assert ask(server, "GET", "/voices/somebody").status == 404
    assert ask(server, "PUT", f"/voices/{name}?new_name=somebody").status == 200, "the query serves as well"
    assert ask(server, "DELETE", "/voices/somebody").json["voice_name"] == "somebody"
    assert ask(server, "DELETE", "/voices/somebody").status == 404


def test_aliases(server, voice, recording):
    answer = ask(server, "POST", "/voices/somebody/aliases", form={"alias": "friend"})
    assert answer.status == 201 and answer.json["aliases"] == ["friend"]
    assert ask(server, "GET", "/voices/friend").json["voice"]["name"] == "somebody"
    assert ask(server, "GET", "/voices/somebody/aliases").json["count"] == 1
    assert ask(server, "GET", "/voices/all-names").json == {"voice_names": ["somebody", "friend"], "count": 2}
    assert add(server, "friend", recording).status == 409
    assert ask(server, "DELETE", "/voices/somebody/aliases/friend").json["aliases"] == []
    assert ask(server, "DELETE", "/voices/somebody/aliases/friend").status == 404


def test_default(server, voice):
    for path in ("/voices/default", "/default-voice", "/v1/voices/default"):
        assert ask(server, "GET", path).json["default_voice"] is None
    assert ask(server, "POST", "/voices/default", form={"voice_name": "somebody"}).json["default_voice"] == "somebody"
    assert ask(server, "GET", "/voices/default").json["voice_info"]["name"] == "somebody"
    # The embedded model can't clone: who names nobody is not at fault, and hears its own voice.
    answer = ask(server, "POST", "/audio/speech", {"input": "Hello."})
    assert answer.status == 200 and answer.headers["x-voice"] == "alloy"
    assert ask(server, "DELETE", "/voices/default").json["default_voice"] is None
    assert ask(server, "POST", "/voices/default", form={"voice_name": "nobody"}).status == 404


def test_a_library_voice_needs_a_model_that_can_clone(server, voice):
    answer = ask(server, "POST", "/audio/speech", {"input": "Hello.", "voice": "somebody"})
    assert answer.status == 422 and answer.json["error"]["code"] == "cloning_not_supported"
    assert answer.json["error"]["param"] == "voice"


def test_preview(server):
    answer = ask(server, "GET", "/voices/nova/preview")
    assert answer.status == 200 and answer.body.startswith(b"RIFF") and answer.headers["x-voice"] == "nova"
    assert ask(server, "GET", "/voices/nobody/preview").status == 404


@pytest.mark.parametrize(
    "form,files,fields",
    [
        ({}, {}, {"voice_name", "voice_file"}),
        ({"voice_name": "../../etc/passwd"}, {"voice_file": ("x.wav", None)}, {"voice_name"}),
        ({"voice_name": "x" * 101}, {"voice_file": ("x.wav", None)}, {"voice_name"}),
        ({"voice_name": "x"}, {"voice_file": ("x.exe", None)}, {"voice_file"}),
        ({"voice_name": "x"}, {"voice_file": ("x.wav", b"RIFFnothing")}, {"voice_file"}),
        ({"voice_name": "x"}, {"voice_file": ("x.wav", b"")}, {"voice_file"}),
    ],
)
def test_bad_uploads(server, recording, form, files, fields):
    files = {name: (filename, recording if content is None else content) for name, (filename, content) in files.items()}
    answer = ask(server, "POST", "/voices", form=form, files=files)
    assert answer.status == 422 and set(answer.fields) == fields, answer.body
    assert ask(server, "GET", "/voices").json["count"] == 0


def test_too_large(server):
    answer = add(server, "large", b"RIFF" + bytes(11 << 20))
    assert answer.status == 413 and "10485760" in answer.json["error"]["message"] or "bytes" in answer.json["error"]["message"]


def test_cleanup(server, recording):
    assert ask(server, "POST", "/voices/cleanup").json["removed_voices"] == []


def test_import_of_a_siblings_folder(tmp_path, recording):
    voices = tmp_path / "voices"
    voices.mkdir()
    (voices / "old_voice.wav").write_bytes(recording)
    entry = {
        "name": "old voice", "filename": "old_voice.wav", "original_filename": "me.wav", "file_extension": ".wav",
        "file_size": len(recording), "file_hash": hashlib.md5(recording).hexdigest(),
        "upload_date": "2025-06-23T10:11:12.123456", "path": "voices/old_voice.wav", "language": "de", "aliases": ["me"],
    }  # fmt: skip
    (voices / "voices.json").write_text(json.dumps({"voices": {"old voice": entry}, "version": "2.0"}))
    (voices / "config.json").write_text(json.dumps({"default_voice": "old voice", "version": "1.0"}))
    server = Server(data=tmp_path)
    try:
        server.wait_until_ready()
        voice = ask(server, "GET", "/voices/me").json["voice"]
        assert voice["name"] == "old voice" and voice["language"] == "de"
        assert ask(server, "GET", "/voices/default").json["default_voice"] == "old voice"
        assert ask(server, "GET", "/voices/me/download").body == recording
    finally:
        assert server.stop() == 0
