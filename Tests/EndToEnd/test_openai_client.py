"""The `openai` package against this server, with nothing changed but the address."""

import base64
import io
import json
import wave

import openai
import pytest


@pytest.fixture
def openai_client(server):
    with openai.OpenAI(base_url=server.http + "/v1", api_key="none", max_retries=0) as client:
        yield client


def test_create(openai_client, tmp_path):
    answer = openai_client.audio.speech.create(model="tts-1", voice="alloy", input="Hello there.", response_format="wav")
    answer.write_to_file(tmp_path / "speech.wav")
    with wave.open(str(tmp_path / "speech.wav")) as file:
        assert file.getframerate() == 24000 and file.getnframes() > 6000


@pytest.mark.parametrize("name,start", [("mp3", (b"ID3", b"\xff\xf3", b"\xff\xfb")), ("opus", (b"OggS",)),
                                        ("flac", (b"fLaC",)), ("aac", (b"\xff\xf1",)), ("wav", (b"RIFF",))])  # fmt: skip
def test_formats(openai_client, name, start):
    answer = openai_client.audio.speech.create(
        model="gpt-4o-mini-tts", voice="coral", input="Hello there.", response_format=name, speed=1.25,
        instructions="Speak calmly.",
    )  # fmt: skip
    assert answer.content.startswith(start)


def test_streaming_response(openai_client):
    with openai_client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nova", input="Hello there. " * 20, response_format="pcm"
    ) as answer:
        pieces = list(answer.iter_bytes(1024))
    assert len(pieces) > 20 and sum(map(len, pieces)) > 100_000


def test_events(openai_client):
    with openai_client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="nova", input="Hello there.", stream_format="sse"
    ) as answer:
        events = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert events[-1]["type"] == "speech.audio.done" and events[-1]["usage"]["total_tokens"] > 0
    audio = b"".join(base64.b64decode(e["audio"]) for e in events if e["type"] == "speech.audio.delta")
    assert len(audio) > 10_000


def test_errors_are_the_packages_own(openai_client):
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        openai_client.audio.speech.create(model="tts-1", voice="nobody", input="Hello.")
    assert caught.value.param == "voice" and "alloy" in caught.value.message
    with pytest.raises(openai.UnprocessableEntityError):
        openai_client.audio.speech.create(model="tts-1", voice="alloy", input="")


def test_models(openai_client):
    models = openai_client.models.list().data
    assert [model.id for model in models] == ["embedded"]
    assert openai_client.models.retrieve("embedded").owned_by


async def test_async_client(server):
    async with openai.AsyncOpenAI(base_url=server.http + "/v1", api_key="none") as client:
        async with client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="echo", input="Hello there.", response_format="wav"
        ) as answer:
            body = b"".join([piece async for piece in answer.iter_bytes()])
    with wave.open(io.BytesIO(body)) as file:
        assert file.getnframes() > 6000
