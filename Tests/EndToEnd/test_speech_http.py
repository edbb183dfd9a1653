"""Speech over plain HTTP: routes, formats, streaming, events, errors."""

import base64
import io
import json
import socket
import struct
import subprocess
import time
import wave

import pytest

from http_client import ask, probe

TEXT = "The quick brown fox jumps over the lazy dog, and nobody minds."
PATHS = ["/audio/speech", "/v1/audio/speech", "/tts", "/v1/tts"]


def seconds(wav):
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24000)
        return file.getnframes() / file.getframerate()


@pytest.fixture(scope="module")
def reference(server):
    """Seconds of TEXT with seed 1."""
    return seconds(ask(server, "POST", "/audio/speech", {"input": TEXT, "seed": 1}).body)


@pytest.mark.parametrize("path", PATHS)
def test_whole_wav(server, path, reference):
    answer = ask(server, "POST", path, {"input": TEXT, "seed": 1})
    assert answer.status == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["x-voice"] == "alloy"
    assert seconds(answer.body) == reference


@pytest.mark.parametrize("path", ["/audio/speech/stream", "/v1/audio/speech/stream", "/tts/stream"])
def test_streamed_wav(server, path, reference):
    answer = ask(server, "POST", path, {"input": TEXT, "seed": 1})
    assert answer.status == 200 and answer.headers["transfer-encoding"] == "chunked"
    assert answer.body[:4] == b"RIFF"
    assert struct.unpack("<I", answer.body[4:8])[0] == struct.unpack("<I", answer.body[40:44])[0] == 0xFFFFFFFF
    assert (len(answer.body) - 44) / 48000 == reference


FORMATS = [
    ("wav", "audio/wav", "pcm_s16le", 24000),
    ("mp3", "audio/mpeg", "mp3", 24000),
    ("opus", "audio/ogg", "opus", 48000),
    ("flac", "audio/flac", "flac", 24000),
    ("aac", "audio/aac", "aac", 48000),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name,media_type,codec,rate", FORMATS)
def test_formats(server, tmp_path, reference, name, media_type, codec, rate, streamed):
    path = "/audio/speech/stream" if streamed else "/audio/speech"
    answer = ask(server, "POST", path, {"input": TEXT, "seed": 1, "response_format": name})
    assert answer.status == 200 and answer.headers["content-type"] == media_type
    file = tmp_path / f"speech.{name}"
    file.write_bytes(answer.body)
    found_codec, found_rate, length = probe(file)
    assert (found_codec, found_rate) == (codec, rate)
    assert abs(length - reference) <= 0.02


@pytest.mark.parametrize("name,width", [("mulaw", 1), ("alaw", 1)])
def test_telephony(server, reference, name, width):
    answer = ask(server, "POST", "/audio/speech", {"input": TEXT, "seed": 1, "response_format": name})
    assert answer.headers["x-sample-rate"] == "8000"
    assert abs(len(answer.body) / width / 8000 - reference) <= 0.02


def test_pcm_is_the_wav_without_its_header(server):
    wav = ask(server, "POST", "/audio/speech", {"input": TEXT, "seed": 1}).body
    pcm = ask(server, "POST", "/audio/speech", {"input": TEXT, "seed": 1, "response_format": "pcm"}).body
    assert pcm == wav[44:]


@pytest.mark.parametrize("speed", [0.25, 0.5, 2, 4])
def test_speed(server, reference, speed):
    answer = ask(server, "POST", "/audio/speech", {"input": TEXT, "seed": 1, "speed": speed})
    assert seconds(answer.body) == pytest.approx(reference / speed, rel=0.03, abs=0.05)


def test_sample_rate(server, tmp_path, reference):
    answer = ask(server, "POST", "/audio/speech", {"input": TEXT, "seed": 1, "sample_rate": 16000})
    file = tmp_path / "speech.wav"
    file.write_bytes(answer.body)
    assert probe(file) == ("pcm_s16le", 16000, pytest.approx(reference, abs=0.02))


def test_effects(server, reference):
    chain = [
        {"type": "equalizer", "bands": [{"frequency_hz": 200, "gain_db": -6}]},
        {"type": "compressor", "threshold_db": -24, "ratio": 3},
        {"type": "reverb", "wet": 0.3},
    ]
    plain = ask(server, "POST", "/audio/speech", {"input": TEXT, "seed": 1}).body
    answer = ask(server, "POST", "/audio/speech", {"input": TEXT, "seed": 1, "effects": chain})
    assert answer.status == 200 and answer.body != plain
    assert seconds(answer.body) >= reference


@pytest.mark.parametrize(
    "effects",
    [[{"type": "flanger"}], [{"type": "reverb", "wet": 2}], [{}], "reverb", [{"type": "reverb", "wett": 0.1}]],
)
def test_bad_effects(server, effects):
    answer = ask(server, "POST", "/audio/speech", {"input": "Hello.", "effects": effects})
    assert answer.status == 422
    assert any(field.startswith("effects") for field in answer.fields), answer.body


def events(body):
    lines = [line for line in body.decode().split("\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line[6:]) for line in lines]


@pytest.mark.parametrize("path,field", [("/audio/speech", {"stream_format": "sse"}), ("/v1/audio/speech?stream_format=sse", {})])
def test_events(server, reference, path, field):
    answer = ask(server, "POST", path, {"input": TEXT, "seed": 1, **field})
    assert answer.headers["content-type"].startswith("text/event-stream")
    info, *deltas, done = events(answer.body)
    assert (info["type"], info["sample_rate"], info["channels"], info["bits_per_sample"]) == (
        "speech.audio.info", 24000, 1, 16,
    )
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"} and len(deltas) > 2
    audio = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert len(audio) / 48000 == reference
    usage = done["usage"]
    assert done["type"] == "speech.audio.done"
    assert usage["input_tokens"] > 0 and usage["output_tokens"] == pytest.approx(reference * 25, abs=3)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_events_of_an_encoded_stream(server, tmp_path, reference):
    answer = ask(server, "POST", "/audio/speech", {"input": TEXT, "seed": 1, "stream_format": "sse", "response_format": "mp3"})
    file = tmp_path / "speech.mp3"
    file.write_bytes(b"".join(base64.b64decode(e["audio"]) for e in events(answer.body) if "audio" in e))
    assert probe(file)[2] == pytest.approx(reference, abs=0.02)


def test_standard_mode_speaks_piece_by_piece(server):
    text = "First sentence of the text. " * 8
    body = {"input": text, "stream_format": "sse", "seed": 1, "streaming_mode": "standard", "streaming_chunk_size": 60}
    deltas = [e for e in events(ask(server, "POST", "/audio/speech", body).body) if e["type"] == "speech.audio.delta"]
    assert len(deltas) == 4, "two sentences fit into 60 characters"
    streamed = [e for e in events(ask(server, "POST", "/audio/speech", {**body, "streaming_mode": "model"}).body)]
    assert len(streamed) - 2 > 4


def test_sound_leaves_before_the_text_is_spoken(server):
    """The first bytes of a long text come while most of it is still to be made."""
    text = "This is one of many sentences that follow each other. " * 50
    body = json.dumps({"input": text, "response_format": "pcm"}).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        answer = b""
        while answer.count(b"\r\n\r\n") < 1 or len(answer) < 20000:
            answer += connection.recv(65536)
        first = json.loads(ask(server, "GET", "/status").body)
        assert first["is_processing"] is True
        assert first["progress"]["progress_percentage"] < 90
    deadline = time.monotonic() + 20
    while ask(server, "GET", "/status").json["is_processing"]:
        assert time.monotonic() < deadline, "a client that is gone is still spoken to"
        time.sleep(0.05)


def test_upload_needs_a_model_that_can_clone(server):
    wav = ask(server, "POST", "/audio/speech", {"input": TEXT}).body
    answer = ask(server, "POST", "/audio/speech/upload", form={"input": "Hello."}, files={"voice_file": ("me.wav", wav)})
    assert answer.status == 422 and answer.json["error"]["code"] == "cloning_not_supported"
    answer = ask(server, "POST", "/audio/speech/upload", form={"input": "Hello."}, files={"voice_file": ("me.txt", wav)})
    assert answer.status == 422 and ".wav" in answer.fields["voice_file"]


@pytest.mark.parametrize("path", ["/audio/speech/upload", "/v1/tts/upload", "/audio/speech/stream/upload"])
def test_form_without_a_file_is_a_plain_request(server, path):
    answer = ask(server, "POST", path, form={"input": "Hello there.", "speed": "1.0", "exaggeration": "0.7", "voice": "nova"})
    assert answer.status == 200 and answer.headers["x-voice"] == "nova"


def test_every_bad_field_is_told_at_once(server):
    body = {"input": "", "voice": 3, "speed": 9, "temperature": "hot", "response_format": "midi", "stream_format": "x",
            "exaggeration": 0.1, "cfg_weight": -1, "streaming_chunk_size": 5, "streaming_strategy": "y", "voic": "z"}  # fmt: skip
    answer = ask(server, "POST", "/audio/speech", body)
    assert answer.status == 422
    assert set(answer.fields) == set(body)
    for field, message in answer.fields.items():
        assert field in message or field == "voic"
    error = answer.json["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "data,content_type,status",
    [
        (b"", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{", "application/json", 422),
        (b'{"input": "\xff"}', "application/json", 422),
        (b"<x/>", "application/xml", 415),
        (b"--x--", "multipart/form-data; boundary=x", 415),
    ],
)
def test_bodies_that_are_none(server, data, content_type, status):
    result = subprocess.run(
        ["curl", "--silent", "--data-binary", "@-", "--header", f"Content-Type: {content_type}", "--write-out", "\n%{http_code}",
         server.http + "/audio/speech"], input=data, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    body, code = result.rsplit("\n", 1)
    assert int(code) == status and json.loads(body)["error"]["message"]


@pytest.mark.parametrize("text", ["Hi.", "5", "No", "a", "Yes!"])
def test_very_short_texts_speak_briefly(server, text):
    answer = ask(server, "POST", "/audio/speech", {"input": text})
    assert answer.status == 200
    assert 0.2 < seconds(answer.body) < 2


@pytest.mark.parametrize("text", ["?!", "...", "—", "🙂🙃"])
def test_texts_without_words_are_refused_or_short(server, text):
    answer = ask(server, "POST", "/audio/speech", {"input": text})
    if answer.status == 200:
        assert seconds(answer.body) < 2
    else:
        assert answer.status == 422 and answer.json["error"]["param"] == "input"


def test_unknown_voice_names_the_known_ones(server):
    answer = ask(server, "POST", "/audio/speech", {"input": "Hello.", "voice": "nobody"})
    assert answer.status == 422 and "alloy" in answer.fields["voice"]


@pytest.mark.parametrize("voice", ["ash", "ballad", "coral", "sage", "verse", "marin", "cedar"])
def test_openais_other_voices_have_a_stand_in(server, voice):
    answer = ask(server, "POST", "/audio/speech", {"input": "Hello.", "voice": voice})
    assert answer.status == 200 and answer.headers["x-voice"] in ("echo", "fable", "onyx", "nova", "shimmer")


def test_models_of_openai_are_the_default_one(server):
    for model in ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "chatterbox-tts-1", "embedded"):
        assert ask(server, "POST", "/audio/speech", {"input": "Hello.", "model": model}).status == 200
    answer = ask(server, "POST", "/audio/speech", {"input": "Hello.", "model": "whisper-1"})
    assert answer.status == 422 and "embedded" in answer.fields["model"]


def test_fields_of_other_servers_are_ignored_and_named(server):
    answer = ask(server, "POST", "/audio/speech", {"input": "Hello.", "instructions": "Whisper.", "lang_code": "a"})
    assert answer.status == 200
    assert set(answer.headers["x-ignored-fields"].split(",")) == {"instructions", "lang_code"}
