"""Voices of the library with a model that can make voices of recordings: a small one of an official model's shape, with
random weights."""

import base64
import json
import subprocess

import pytest
import websockets
from conftest import Server
from http_client import ask
from official import write_folder
from test_stream import receive_until

TEXT = "Hello there, this is a test."
FIXED = {"input": TEXT, "seed": 5, "chunk_size": 10, "max_new_tokens": 100, "response_format": "pcm"}


@pytest.fixture(scope="module")
def recordings(server):
    """Two people, each for some seven seconds."""
    text = "A recording of somebody. It is long enough to be of use, for it goes on and on until nobody wants to listen any more."
    return {voice: ask(server, "POST", "/audio/speech", {"input": text, "voice": voice, "seed": 1}).body for voice in ("alloy", "onyx")}


@pytest.fixture(scope="module")
def cloning(tmp_path_factory):
    server = Server("--model", str(write_folder("nano", tmp_path_factory.mktemp("models") / "nano", small=True, cloning=True)))
    server.wait_until_ready(120)
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def library(cloning, recordings):
    for name, recording in (("Ann Smith", recordings["alloy"]), ("bob", recordings["onyx"])):
        answer = ask(cloning, "POST", "/voices", form={"voice_name": name}, files={"voice_file": ("x.wav", recording)})
        assert answer.status == 201, answer.body
    assert ask(cloning, "POST", "/voices/bob/aliases", form={"alias": "Robert"}).status == 201
    return cloning


def speak(server, **fields):
    answer = ask(server, "POST", "/audio/speech", {**FIXED, **fields})
    assert answer.status == 200, answer.body
    return answer


async def over_the_socket(server, **fields):
    data = {name: value for name, value in {**FIXED, **fields}.items() if name != "response_format"}
    async with websockets.connect(server.stream, max_size=None) as socket:
        await receive_until(socket, "connected")
        await socket.send(json.dumps({"type": "stream_request", "data": data}))
        messages = await receive_until(socket, "done")
    info = next(m for m in messages if isinstance(m, dict) and m["type"] == "info")
    return info["voice"], b"".join(m for m in messages if isinstance(m, bytes))[44:]


async def test_a_voice_speaks_by_its_name(library, recordings):
    ann, bob = speak(library, voice="Ann Smith"), speak(library, voice="bob")
    assert ann.headers["x-voice"] == "Ann%20Smith" and bob.headers["x-voice"] == "bob"
    own = speak(library, voice="default").body
    assert len({ann.body, bob.body, own}) == 3 and min(map(len, (ann.body, bob.body, own))) > 24000
    # The same as with the recording itself, over every transport, by any name.
    uploaded = ask(library, "POST", "/audio/speech/upload", form={k: str(v) for k, v in FIXED.items()},
                   files={"voice_file": ("x.wav", recordings["onyx"])})  # fmt: skip
    assert uploaded.body == bob.body == speak(library, voice="ROBERT").body
    assert await over_the_socket(library, voice="bob") == ("bob", bob.body)
    assert await over_the_socket(library, voice="Robert") == ("bob", bob.body)
    sent = base64.b64encode(recordings["onyx"]).decode()
    assert (await over_the_socket(library, voice_audio=sent))[1] == bob.body
    # A stream over HTTP is the same sound.
    assert ask(library, "POST", "/v1/audio/speech/stream", {**FIXED, "voice": "bob"}).body == bob.body


async def test_the_default_voice_speaks_if_nobody_is_named(library):
    own, bob = speak(library).body, speak(library, voice="bob").body
    assert own == speak(library, voice="default").body
    assert ask(library, "POST", "/voices/default", form={"voice_name": "Robert"}).status == 200
    try:
        unnamed = speak(library)
        assert unnamed.headers["x-voice"] == "bob" and unnamed.body == bob
        assert await over_the_socket(library) == ("bob", bob)
        assert speak(library, voice="default").body == own
    finally:
        assert ask(library, "DELETE", "/voices/default").status == 200
    assert speak(library).body == own


async def test_contexts_jobs_and_previews_know_it(library):
    preview = ask(library, "GET", "/voices/bob/preview?model=nano")
    assert preview.status == 200 and preview.headers["x-voice"] == "bob", preview.body
    async with websockets.connect(library.stream, max_size=None) as socket:
        await receive_until(socket, "connected")
        data = {"voice": "bob", "seed": 5, "chunk_size": 10, "max_new_tokens": 100}
        await socket.send(json.dumps({"type": "append", "context_id": "a", "text": TEXT, "data": data}))
        await socket.send(json.dumps({"type": "close", "context_id": "a"}))
        messages = await receive_until(socket, "done")
    assert next(m for m in messages if m["type"] == "info")["voice"] == "bob"
    pcm = b"".join(base64.b64decode(m["data"]["audio"]) for m in messages if m["type"] == "audio")
    assert pcm == speak(library, voice="bob").body


async def test_a_recording_that_is_too_short_is_told(library, recordings):
    short = ask(library, "POST", "/voices", form={"voice_name": "short"}, files={"voice_file": ("x.wav", recordings["alloy"][: 44 + 2 * 48000])})
    assert short.status == 201
    answer = ask(library, "POST", "/audio/speech", {**FIXED, "voice": "short"})
    assert answer.status == 422 and answer.json["error"]["code"] == "unusable_recording"
    assert "5" in answer.json["error"]["message"]
    assert ask(library, "DELETE", "/voices/short").status == 200


@pytest.mark.parametrize("name", ["default", " Cleanup", "ALL-NAMES"])
def test_names_of_routes_are_refused(library, recordings, name):
    file = {"voice_file": ("x.wav", recordings["alloy"])}
    for answer, field in (
        (ask(library, "POST", "/voices", form={"voice_name": name}, files=file), "voice_name"),
        (ask(library, "PUT", "/voices/bob", form={"new_name": name}), "new_name"),
        (ask(library, "POST", "/voices/bob/aliases", form={"alias": name}), "alias"),
    ):
        assert answer.status == 422 and list(answer.fields) == [field], answer.body
        assert name in answer.fields[field] and "all-names, cleanup, default" in answer.fields[field]
    assert ask(library, "GET", "/voices/bob").json["voice"]["aliases"] == ["Robert"]


@pytest.mark.parametrize("ending, codec, media_type", [
    ("opus", "libopus", "audio/ogg"), ("ogg", "libopus", "audio/ogg"), ("aac", "aac", "audio/aac"), ("webm", "libopus", "audio/webm"),
    ("aiff", "pcm_s16be", "audio/aiff"), ("flac", "flac", "audio/flac"), ("m4a", "aac", "audio/mp4"), ("mp3", "libmp3lame", "audio/mpeg"),
])  # fmt: skip
def test_recordings_of_every_kind(library, recordings, tmp_path, ending, codec, media_type):
    (tmp_path / "x.wav").write_bytes(recordings["alloy"])
    file = tmp_path / f"x.{ending}"
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "x.wav", "-c:a", codec, "-ar", "48000", file], check=True)
    name = f"of {ending}"
    added = ask(library, "POST", "/voices", form={"voice_name": name}, files={"voice_file": (file.name, file.read_bytes())})
    assert added.status == 201, added.body
    try:
        kept = ask(library, "GET", f"/voices/of%20{ending}/download")
        assert kept.body == file.read_bytes() and kept.headers["content-type"] == media_type
        assert speak(library, voice=name).headers["x-voice"] == name.replace(" ", "%20")
    finally:
        assert ask(library, "DELETE", f"/voices/of%20{ending}").status == 200
