"""Every message of the contract, with a client that sees raw messages."""

import asyncio
import base64
import json
import struct
import time

import numpy
import pytest
import websockets
from http_client import ask
from websocket_client_python import ChatterboxStreamingClient, StreamingError

SHORT = "Hello there, how are you today?"
LONG = (
    "The old lighthouse stood at the end of the bay, and every evening its keeper climbed the long stairs to light "
    "the lamp. From the windows he could see the fishing boats come home, one after the other, while the sky turned "
    "red behind the hills. He knew each of them by the sound of its engine. When the last boat was in, he sat down, "
    "poured himself a cup of tea, and began to write."
)

# Ways a text that was spoken to its end ends: T3 says so, or the monitor sees it.
SPOKEN = ("stop_token", "alignment")

METRICS_FIELDS = {
    "chunk",
    "latency_to_first_chunk",
    "elapsed_time",
    "audio_duration",
    "rtf",
    "chunk_size_bytes",
    "sample_rate",
}


async def receive_until(socket, kind):
    """All messages up to the first of a kind; JSON decoded, binary as it is."""
    messages = []
    while True:
        message = await asyncio.wait_for(socket.recv(), 60)
        messages.append(message if isinstance(message, bytes) else json.loads(message))
        if isinstance(message, str) and messages[-1]["type"] == kind:
            return messages


def request(text=SHORT, **data):
    return json.dumps({"type": "stream_request", "data": {"input": text, **data}})


@pytest.fixture
async def socket(server):
    async with websockets.connect(server.stream, max_size=None) as socket:
        connected = json.loads(await socket.recv())
        assert connected["type"] == "connected"
        assert len(connected["connection_id"]) == 8
        assert connected["message"] == "Connected to TRUE streaming WebSocket"
        yield socket


async def test_timestamps(socket):
    text = "It costs $5 at 3:30 p.m., said Dr. Smith & the others. Nobody\nbelieved it!"
    await socket.send(request(text, seed=1, include_timestamps=True))
    messages = await receive_until(socket, "done")
    assert messages[0]["parameters"]["include_timestamps"] is True
    assert "include_timestamps" not in messages[0]["ignored_parameters"]
    words, sent, told = [], 0, 0
    for message in messages[2:]:
        if isinstance(message, bytes):
            sent += len(message) / 48000
        elif message["type"] == "timestamps":
            told += 1
            assert set(message) == {"type", "words"}
            for word in message["words"]:
                assert set(word) == {"word", "start", "end"}
                # with the audio they belong to, but for what the synthesis holds back
                assert word["end"] <= sent + 0.5
            words += message["words"]
    assert told >= 2, "words come while audio is made"
    assert [word["word"] for word in words] == [word for word in text.split() if word != "&"]
    assert all(0 <= word["start"] <= word["end"] <= messages[-1]["audio_duration"] for word in words)
    assert all(one["end"] <= other["start"] for one, other in zip(words, words[1:]))
    assert sum(word["end"] > word["start"] for word in words) >= 0.8 * len(words)
    five = next(word for word in words if word["word"] == "$5")
    assert five["end"] - five["start"] > 0.3, "two words are spoken"

    await socket.send(request(text, seed=1))
    plain = await receive_until(socket, "done")
    assert not [m for m in plain if isinstance(m, dict) and m["type"] == "timestamps"]
    assert [m for m in plain if isinstance(m, bytes)] == [m for m in messages if isinstance(m, bytes)]


async def test_a_recording_for_a_model_that_cannot_clone(socket):
    await socket.send(request(voice_audio=True, request_id="a"))
    error = json.loads(await socket.recv())
    assert (error["code"], error["field"], error["request_id"]) == ("cloning_not_supported", "voice_audio", "a")
    await socket.send(bytes(1000))                       # nobody awaits it any more
    assert json.loads(await socket.recv())["code"] == "unexpected_binary"
    await socket.send(request(seed=1))
    assert (await receive_until(socket, "done"))[-1]["total_chunks"] > 0


async def test_the_whole_conversation(socket):
    await socket.send(request(seed=1))
    messages = await receive_until(socket, "done")

    info = messages[0]
    assert info["type"] == "info"
    assert info["message"] == "Starting TRUE streaming generation..."
    assert info["text_length"] == len(SHORT)
    assert info["voice"] == "alloy"
    assert info["sample_rate"] == 24000
    assert isinstance(info["ignored_parameters"], list)
    assert info["parameters"] == {
        "model": "embedded",
        "language": "en",
        "normalize_text": True,
        "exaggeration": 0.5,
        "cfg_weight": 0.5,
        "temperature": 0.8,
        "top_p": 0.95,
        "chunk_size": 25,
        "chunk_growth": False,
        "context_window": 50,
        "max_new_tokens": 4096,
        "min_new_tokens": 0,
        "enable_alignment_monitoring": True,
        "alignment_window_size": 50,
        "alignment_threshold": 0.15,
        "enable_fade_in": True,
        "fade_in_duration_ms": 20,
        "output_format": "wav",
        "include_metrics": True,
        "print_metrics": False,
        "seed": 1,
        "include_timestamps": False,
    }

    header = messages[1]
    assert len(header) == 44
    assert header[:4] == b"RIFF" and header[8:16] == b"WAVEfmt " and header[36:40] == b"data"
    assert struct.unpack("<IHHIIHH", header[16:36]) == (16, 1, 1, 24000, 48000, 2, 16)

    audio = [m for m in messages[2:] if isinstance(m, bytes)]
    metrics = [m["data"] for m in messages[2:] if isinstance(m, dict) and m["type"] == "metrics"]
    done = messages[-1]
    assert len(audio) == len(metrics) == done["total_chunks"] >= 2
    assert [m["chunk"] for m in metrics] == list(range(1, len(audio) + 1))
    assert done["message"] == "Streaming complete"
    assert done["end_reason"] in SPOKEN

    duration = 0
    for chunk, told in zip(audio, metrics):
        assert set(told) == METRICS_FIELDS
        assert told["chunk_size_bytes"] == len(chunk) > 0
        assert len(chunk) % 2 == 0
        duration += len(chunk) / 48000
        assert told["audio_duration"] == pytest.approx(duration, abs=1e-3)
        assert told["rtf"] == pytest.approx(told["elapsed_time"] / told["audio_duration"], abs=2e-3)
        assert told["latency_to_first_chunk"] == metrics[0]["latency_to_first_chunk"]
        assert told["sample_rate"] == 24000
    elapsed = [m["elapsed_time"] for m in metrics]
    assert elapsed == sorted(elapsed)
    assert elapsed[0] == pytest.approx(metrics[0]["latency_to_first_chunk"], abs=5e-3)
    assert done["audio_duration"] == pytest.approx(duration, abs=1e-3)
    assert 1 < duration < 6
    level = numpy.frombuffer(b"".join(audio), "<i2").astype(float)
    assert numpy.sqrt((level**2).mean()) > 300, "that is silence, not speech"


async def test_metrics_follow_the_clock(server):
    """Told times are those a client measures, give or take the way there."""
    async with ChatterboxStreamingClient(server.ws) as client:
        result = await client.stream_speech(SHORT)
    told = result.metrics[0]["latency_to_first_chunk"]
    assert told <= result.first_audio_seconds
    assert result.first_audio_seconds - told < 0.25
    assert result.metrics[-1]["elapsed_time"] <= result.total_seconds


async def test_first_audio_leaves_before_a_quarter_of_the_tokens_exist(client):
    result = await client.stream_speech(LONG, seed=3)
    done = result.done
    assert done["tokens"] > 250, "the sentence is too short to tell"
    assert done["first_chunk_tokens"] < done["tokens"] / 4
    # The same by this client's clock: no one can hold audio back and claim otherwise.
    assert result.first_audio_seconds < 0.25 * result.total_seconds
    assert len(result.chunks) >= 10


async def test_base64_holds_the_same_audio(client):
    binary = await client.stream_speech(SHORT, seed=5)
    text = await client.stream_speech(SHORT, seed=5, output_format="base64")
    assert text.header == b""
    assert text.pcm == binary.pcm
    assert len(text.chunks) == len(binary.chunks)


async def test_base64_messages(socket):
    await socket.send(request(output_format="base64"))
    messages = await receive_until(socket, "done")
    assert all(isinstance(m, dict) for m in messages)
    audio = [m for m in messages if m["type"] == "audio"]
    assert [m["data"]["chunk"] for m in audio] == list(range(1, messages[-1]["total_chunks"] + 1))
    assert all(set(m) == {"type", "data"} and set(m["data"]) == {"chunk", "audio"} for m in audio)
    assert all(len(base64.b64decode(m["data"]["audio"], validate=True)) % 2 == 0 for m in audio)


async def test_metrics_can_be_left_out(socket):
    await socket.send(request(include_metrics=False))
    messages = await receive_until(socket, "done")
    assert not [m for m in messages if isinstance(m, dict) and m["type"] == "metrics"]
    assert messages[-1]["total_chunks"] == len([m for m in messages if isinstance(m, bytes)]) - 1


async def test_print_metrics_goes_to_the_servers_log(server, client):
    before = len(server.output())
    await client.stream_speech(SHORT, print_metrics=True)
    assert "rtf=" in server.output()[before:]
    before = len(server.output())
    await client.stream_speech(SHORT)
    assert "rtf=" not in server.output()[before:]


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/audio/speech/stream"])
def test_print_metrics_does_so_over_http(server, path):
    before = len(server.output())
    answer = ask(server, "POST", path, {"input": SHORT, "print_metrics": True}, headers={"X-Request-ID": "printed"})
    assert answer.status == 200 and "print_metrics" not in answer.headers.get("X-Ignored-Fields", "")
    lines = [line for line in server.output()[before:].splitlines() if "rtf=" in line]
    assert lines and all("request=printed" in line for line in lines)
    before = len(server.output())
    ask(server, "POST", path, {"input": SHORT, "print_metrics": False})
    assert "rtf=" not in server.output()[before:]


async def test_ping_is_answered(socket):
    await socket.send('{"type": "ping"}')
    assert json.loads(await socket.recv()) == {"type": "pong"}


async def test_protocol_ping_is_answered(socket):
    await asyncio.wait_for(await socket.ping(b"are you there"), 5)


async def test_ping_is_answered_while_audio_is_made(client):
    speech = asyncio.create_task(client.stream_speech(LONG))
    while not client._messages.empty() or not speech.done():
        await asyncio.sleep(0.02)
        round_trip = await asyncio.wait_for(client.ping(), 5)
        assert round_trip < 1
        if speech.done():
            break
    result = await speech
    assert result.done["end_reason"] in SPOKEN


async def test_errors_are_answered_while_audio_is_made(socket):
    await socket.send(request(LONG))
    await receive_until(socket, "info")
    await socket.send("not json")
    messages = await receive_until(socket, "error")
    assert messages[-1]["code"] == "invalid_json"
    messages = await receive_until(socket, "done")
    assert messages[-1]["end_reason"] in SPOKEN


async def test_cancel_works_at_once(socket):
    await socket.send(request(LONG))
    before = await receive_until(socket, "metrics")
    start = time.monotonic()
    await socket.send('{"type": "cancel"}')
    messages = await receive_until(socket, "cancelled")
    assert time.monotonic() - start < 0.5
    done = json.loads(await asyncio.wait_for(socket.recv(), 5))
    assert time.monotonic() - start < 0.6
    assert done["type"] == "done"
    assert done["end_reason"] == "cancelled"
    sent = [m for m in before + messages if isinstance(m, bytes)]
    assert done["total_chunks"] == len(sent) - 1
    assert done["audio_duration"] == pytest.approx(sum(map(len, sent[1:])) / 48000, abs=1e-3)
    # Nothing trails in, and the connection speaks again.
    await socket.send(request())
    messages = await receive_until(socket, "done")
    assert messages[0]["type"] == "info"
    assert messages[-1]["end_reason"] in SPOKEN


async def test_cancel_with_nothing_to_cancel(socket):
    await socket.send('{"type": "cancel"}')
    error = json.loads(await socket.recv())
    assert (error["type"], error["code"]) == ("error", "nothing_to_cancel")
    await socket.send('{"type": "cancel", "request_id": "x"}')
    error = json.loads(await socket.recv())
    assert (error["code"], error["field"], error["request_id"]) == ("nothing_to_cancel", "request_id", "x")


async def test_cancel_of_a_waiting_request(socket):
    await socket.send(request(LONG, request_id="first"))
    await socket.send(request(SHORT, request_id="second"))
    await socket.send(request(SHORT, request_id="third"))
    await socket.send('{"type": "cancel", "request_id": "second"}')
    messages = await receive_until(socket, "cancelled")
    assert messages[-1]["request_id"] == "second"
    messages += await receive_until(socket, "done")
    dones = [m for m in messages if isinstance(m, dict) and m["type"] == "done"]
    assert (dones[0]["request_id"], dones[0]["total_chunks"]) == ("second", 0)
    done = (await receive_until(socket, "done"))[-1]
    assert done["request_id"] == "first" and done["end_reason"] in SPOKEN
    done = (await receive_until(socket, "done"))[-1]
    assert done["request_id"] == "third"


async def test_requests_are_queued_in_order(socket):
    names = [f"r{i}" for i in range(4)]
    for name in names:
        await socket.send(request(f"This is {name}.", request_id=name))
    order = []
    while len(order) < 8:
        message = await asyncio.wait_for(socket.recv(), 60)
        if isinstance(message, str):
            message = json.loads(message)
            if message["type"] in ("info", "done"):
                order.append((message["type"], message["request_id"]))
    assert order == [(kind, name) for name in names for kind in ("info", "done")]


async def test_the_queue_has_an_end(socket):
    await socket.send(request(LONG, request_id="spoken"))
    await receive_until(socket, "info")
    for i in range(9):
        await socket.send(request(SHORT, request_id=f"waiting {i}"))
    error = (await receive_until(socket, "error"))[-1]
    assert (error["code"], error["request_id"]) == ("queue_full", "waiting 8")
    assert "8" in error["error"]
    for i in range(8):
        await socket.send(json.dumps({"type": "cancel", "request_id": f"waiting {i}"}))
    await socket.send('{"type": "cancel", "request_id": "spoken"}')
    ended = set()
    while len(ended) < 9:
        done = (await receive_until(socket, "done"))[-1]
        assert done["end_reason"] == "cancelled"
        ended.add(done["request_id"])


async def test_request_id_beside_data(socket):
    await socket.send(json.dumps({"type": "stream_request", "request_id": "outer", "data": {"input": SHORT}}))
    messages = await receive_until(socket, "done")
    assert messages[0]["request_id"] == messages[-1]["request_id"] == "outer"
    await socket.send(json.dumps({"type": "stream_request", "request_id": "bad", "data": {"input": ""}}))
    assert json.loads(await socket.recv())["request_id"] == "bad"


async def test_several_clients_at_once(server):
    async def speak(seed):
        async with ChatterboxStreamingClient(server.ws) as client:
            return await client.stream_speech(SHORT, seed=seed)

    alone = [await speak(seed) for seed in (1, 2)]
    together = await asyncio.gather(*(speak(1 + i % 2) for i in range(6)))
    for i, result in enumerate(together):
        assert result.pcm == alone[i % 2].pcm, "sessions must not touch each other"


async def test_disconnect_frees_the_place(server):
    """More connections than the engine has places die while speaking; the next one is served at once."""
    for _ in range(20):
        socket = await websockets.connect(server.stream, max_size=None)
        await socket.recv()
        await socket.send(request(LONG))
        await receive_until(socket, "info")
        socket.transport.abort()
    async with ChatterboxStreamingClient(server.ws) as client:
        result = await asyncio.wait_for(client.stream_speech(SHORT), 20)
    assert result.first_audio_seconds < 3
    assert result.done["end_reason"] in SPOKEN


async def test_a_slow_client_gets_everything(server):
    """Back-pressure: nothing is lost and nothing is dropped if the client reads late."""
    async with websockets.connect(server.stream, max_size=None, max_queue=1) as socket:
        await socket.recv()
        await socket.send(request(LONG, seed=9))
        await asyncio.sleep(2)
        slow = await receive_until(socket, "done")
    async with ChatterboxStreamingClient(server.ws) as client:
        fast = await client.stream_speech(LONG, seed=9)
    assert b"".join(m for m in slow if isinstance(m, bytes))[44:] == fast.pcm


async def test_client_class_reports_errors(client):
    with pytest.raises(StreamingError) as error:
        await client.stream_speech(SHORT, voice="nobody")
    assert (error.value.code, error.value.field) == ("unknown_voice", "voice")
    assert "alloy" in str(error.value)


async def test_client_class_cancels(client):
    begun = asyncio.Event()
    speech = asyncio.create_task(client.stream_speech(5 * LONG, on_audio=lambda _: begun.set()))
    await begun.wait()
    await client.cancel()
    result = await speech
    assert result.cancelled
    assert result.done["end_reason"] == "cancelled"


async def test_client_class_writes_a_file(client, tmp_path):
    path = tmp_path / "output.wav"
    result = await client.stream_speech(text=SHORT, output_file=str(path), chunk_size=25, temperature=0.8)
    assert path.stat().st_size == 44 + len(result.pcm)
