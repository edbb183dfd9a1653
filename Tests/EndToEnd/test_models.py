"""Several models in one server: chosen by request, loaded on demand, unloaded for room, each with its languages."""

import asyncio
import json
import subprocess
import time
import urllib.request

import pytest
import pytest_asyncio
from conftest import BINARY, Server
from official import write_folder
from websocket_client_python import ChatterboxStreamingClient, StreamingError

RANDOM = {"chunk_size": 10, "max_new_tokens": 100, "seed": 5}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for model in ("nano", "turbo"):
        write_folder(model, root / model, small=True)
    write_folder("multilingual-v3", root / "multilingual", small=True, meanflow=True)
    return root


def models(server):
    with urllib.request.urlopen(server.http + "/models", timeout=10) as answer:
        return {model["id"]: model for model in json.load(answer)["data"]}


def mebibytes(*listed):
    return round(sum(model["memory_mb"] for model in listed) * 1e6 / 2**20)


async def wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't come to pass"
        await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def server(folders):
    server = Server("--model", "embedded", "--model", str(folders / "nano"), "--model", f"many={folders / 'multilingual'}")
    server.wait_until_ready(60)
    yield server
    assert server.stop() == 0


@pytest_asyncio.fixture
async def client(server):
    async with ChatterboxStreamingClient(base_url=server.ws) as client:
        yield client


async def refused(client, text="Hello.", **parameters):
    with pytest.raises(StreamingError) as error:
        await client.stream_speech(text, **parameters)
    return error.value


async def test_a_request_chooses(server, client):
    listed = models(server)
    assert list(listed) == ["embedded", "nano", "many"]
    assert [model["is_default"] for model in listed.values()] == [True, False, False]
    assert listed["embedded"]["state"] == "loaded" and listed["many"]["state"] == "unloaded"
    assert listed["many"]["languages"][:3] == ["ar", "da", "de"] and listed["nano"]["languages"] == ["en"]
    first = await client.stream_speech("Hello there.", seed=5)
    assert (first.info["voice"], first.info["parameters"]["model"]) == ("alloy", "embedded")
    nano = await client.stream_speech("Hello there.", model="nano", **RANDOM)
    assert (nano.info["voice"], nano.info["parameters"]["model"]) == ("default", "nano")
    assert {"cfg_weight", "exaggeration"} <= set(nano.info["ignored_parameters"])
    assert any(nano.pcm) and nano.pcm != first.pcm
    assert (await client.stream_speech("Hello there.", seed=5)).pcm == first.pcm
    assert models(server)["nano"] | {"memory_mb": 0} == {
        "id": "nano", "object": "model", "is_default": False, "state": "loaded", "languages": ["en"],
        "voices": ["default"], "voice_cloning": False, "active_requests": 0, "error": None, "memory_mb": 0,
        "created": 0, "owned_by": "resemble-ai"}


async def test_unknown_names(client):
    error = await refused(client, model="huge")
    assert (error.code, error.field) == ("unknown_model", "model")
    assert all(name in str(error) for name in ("huge", "embedded", "nano", "many"))
    error = await refused(client, model="nano", voice="nobody")
    assert (error.code, error.field) == ("unknown_voice", "voice")
    assert "default" in str(error)
    error = await refused(client, model="nano", language="fr")
    assert (error.code, error.field) == ("unknown_language", "language")
    assert "fr" in str(error) and "speaks en" in str(error)


async def test_languages(client):
    spoken = {}
    for language in ("en", "fr", "pt-BR", "ko", "zh"):
        result = await client.stream_speech("Bonjour ma chère.", model="many", language=language, **RANDOM)
        assert result.info["parameters"]["language"] == language
        spoken[language] = result.pcm
    assert len(set(spoken.values())) == len(spoken), "each language has a tag of its own"
    assert (await client.stream_speech("Bonjour ma chère.", model="many", **RANDOM)).pcm == spoken["en"]
    error = await refused(client, model="many", language="tlh")
    assert (error.code, error.field) == ("unknown_language", "language")
    assert "tlh" in str(error) and "ar, da, de" in str(error)
    # steps this build lacks are named, with the way round
    for language, text, name in (("ja", "漢字です", "kanji"), ("he", "שלום", "vowel points"), ("ru", "замок", "stress")):
        error = await refused(client, text, model="many", language=language)
        assert (error.code, error.field) == ("unreadable_text", "input")
        assert name in str(error) and "It lacks such a step" in str(error)
    assert (await client.stream_speech("ひらがな", model="many", language="ja", **RANDOM)).chunks


async def test_normaliser_can_be_left_out(client):
    text = "It costs $5."
    written = await client.stream_speech(text, model="nano", normalize_text=False, **RANDOM)
    spoken = await client.stream_speech(text, model="nano", **RANDOM)
    words = await client.stream_speech("It costs five dollars.", model="nano", normalize_text=False, **RANDOM)
    assert written.pcm != spoken.pcm == words.pcm


async def test_recordings_go_to_the_chosen_model(client):
    """Neither can clone (the small folder has no encoders), and the refusal names the model that was asked."""
    for name in ("embedded", "nano"):
        error = await refused(client, model=name, voice_audio="UklGRg==")
        assert (error.code, error.field) == ("cloning_not_supported", "voice_audio")
        assert f"the model {name} can't" in str(error)


async def test_eviction_under_a_budget(folders):
    probe = Server("--model", str(folders / "nano"), "--model", str(folders / "turbo"), "--model", str(folders / "multilingual"))
    try:
        probe.wait_until_ready(60)
        sizes = models(probe)
    finally:
        probe.stop()
    # room for the default and the larger of the others, not for both
    others = sorted((sizes["turbo"], sizes["multilingual"]), key=lambda model: model["memory_mb"])
    budget = mebibytes(sizes["nano"], others[1]) + 1
    assert budget < mebibytes(*sizes.values())
    server = Server(
        "--model", str(folders / "nano"), "--model", str(folders / "turbo"), "--model", str(folders / "multilingual"),
        "--memory-budget", str(budget))
    try:
        server.wait_until_ready(60)
        async with ChatterboxStreamingClient(base_url=server.ws) as client:
            for name in ("turbo", "multilingual", "turbo"):
                assert any((await client.stream_speech("Hello there.", model=name, **RANDOM)).pcm)
                loaded = [model["id"] for model in models(server).values() if model["state"] == "loaded"]
                assert loaded == [model for model in sizes if model in ("nano", name)]
            # a model in use stays, and who needs its room is told
            long = asyncio.create_task(
                client.stream_speech("Hello there. " * 200, model="turbo", chunk_size=100, max_new_tokens=10000))
            await wait(lambda: models(server)["turbo"]["active_requests"] == 1)
            async with ChatterboxStreamingClient(base_url=server.ws) as other:
                error = await refused(other, model="multilingual")
                assert (error.code, error.field) == ("model_unavailable", "model")
                assert "turbo" in str(error) and str(budget) in str(error)
                assert any((await other.stream_speech("Hello.", model="nano", **RANDOM)).pcm)
            await client.cancel()
            await long
            await wait(lambda: models(server)["turbo"]["active_requests"] == 0)
            assert any((await client.stream_speech("Hello.", model="multilingual", **RANDOM)).pcm)
    finally:
        assert server.stop() == 0


async def test_idle_models_go(folders):
    server = Server("--model", "embedded", "--model", str(folders / "nano"), "--preload", "--idle-unload", "1")
    try:
        server.wait_until_ready(60)
        await wait(lambda: models(server)["nano"]["state"] == "loaded")
        await wait(lambda: models(server)["nano"]["state"] == "unloaded")
        assert models(server)["embedded"]["state"] == "loaded"
        async with ChatterboxStreamingClient(base_url=server.ws) as client:
            assert any((await client.stream_speech("Hello.", model="nano", **RANDOM)).pcm)
    finally:
        assert server.stop() == 0


async def test_cancel_while_loading(folders, tmp_path):
    """A list of merges that is twenty times too long takes seconds to read."""
    slow = write_folder("nano", tmp_path / "slow", small=True)
    merges = (slow / "merges.txt").read_text(encoding="utf-8").split("\n", 1)[1]
    (slow / "merges.txt").write_text(merges * 20, encoding="utf-8")
    server = Server("--model", "embedded", "--model", str(slow))
    try:
        server.wait_until_ready(60)
        async with (
            ChatterboxStreamingClient(base_url=server.ws) as client,
            ChatterboxStreamingClient(base_url=server.ws) as other,
        ):
            waiting = asyncio.create_task(client.stream_speech("Hello.", model="slow", **RANDOM))
            await wait(lambda: models(server)["slow"]["state"] == "loading")
            await client.cancel()
            result = await asyncio.wait_for(waiting, 10)
            assert result.done["end_reason"] == "cancelled" and not result.chunks and not result.info
            assert models(server)["slow"]["state"] == "loading", "a cancelled request doesn't wait for it"
            again = asyncio.create_task(client.stream_speech("Hello.", model="slow", **RANDOM))
            assert any((await other.stream_speech("Hello.")).pcm)
            assert models(server)["slow"]["state"] == "loading", "others go on meanwhile"
            assert any((await asyncio.wait_for(again, 120)).pcm)
            assert models(server)["slow"]["state"] == "loaded"
    finally:
        assert server.stop() == 0


async def test_a_model_that_fails_to_load(folders, tmp_path):
    bad = write_folder("nano", tmp_path / "bad", small=True)
    (bad / "t3_nano_v1.safetensors").write_bytes(b"no weights")
    server = Server("--model", "embedded", "--model", str(bad), "--preload")
    try:
        server.wait_until_ready(60)
        async with ChatterboxStreamingClient(base_url=server.ws) as client:
            error = await refused(client, model="bad")
            assert (error.code, error.field) == ("model_unavailable", "model")
            assert "bad" in str(error) and "t3_nano_v1.safetensors" in str(error)
            assert "t3_nano_v1.safetensors" in models(server)["bad"]["error"]
            assert any((await client.stream_speech("Hello.")).pcm)
    finally:
        assert server.stop() == 0


def run(*arguments):
    return subprocess.run([str(BINARY), *arguments], capture_output=True, text=True, timeout=120)


def test_options(folders, tmp_path):
    twice = run("serve", "--model", str(folders / "nano"), "--model", f"nano={folders / 'turbo'}")
    assert twice.returncode != 0 and "Two models are called nano" in twice.stderr
    nowhere = run("serve", "--model", "embedded", "--model", "nowhere")
    assert nowhere.returncode != 0 and "nowhere" in nowhere.stderr
    empty = run("serve", "--model", "embedded", "--model", str(tmp_path))
    assert empty.returncode != 0 and tmp_path.name in empty.stderr
    for option, value in (("--memory-budget", "lots"), ("--idle-unload", "-1")):
        refusal = run("serve", option, value) if value != "-1" else run("serve", f"{option}={value}")
        assert refusal.returncode != 0 and option in refusal.stderr and value in refusal.stderr
    two = run("say", "Hello.", "--model", "embedded", "--model", "embedded", "-o", str(tmp_path / "x.wav"))
    assert two.returncode != 0


def test_say_in_a_language(folders, tmp_path):
    many = str(folders / "multilingual")
    output = tmp_path / "x.wav"
    spoken = run("say", "Bonjour.", "--model", many, "--language", "fr", "--seed", "5", "-o", str(output))
    assert spoken.returncode == 0, spoken.stderr
    assert output.stat().st_size > 44
    refusal = run("say", "Bonjour.", "--language", "fr", "-o", str(output))
    assert refusal.returncode != 0 and "language" in refusal.stderr and "fr" in refusal.stderr
