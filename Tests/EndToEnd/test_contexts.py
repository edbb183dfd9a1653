"""Text bit by bit over the WebSocket, in contexts: append, flush, close, cancel."""

import asyncio
import base64
import json

import pytest
import websockets

STORY = (
    "The lamp was lit every evening. Mr. Smith climbed the stairs, all 199 of them, and looked out over the bay. "
    "Nobody came by. Still he waved, at 9:30 p.m. as ever, and went to bed."
)


@pytest.fixture
async def socket(server):
    async with websockets.connect(server.stream, max_size=None) as socket:
        hello = json.loads(await socket.recv())
        assert hello["protocol_version"] == "1.1"
        yield socket


async def say(socket, kind, **fields):
    await socket.send(json.dumps({"type": kind, **fields}))


async def receive(socket, until, context=None, seconds=30):
    """Messages up to one of a type (of a context)."""
    messages = []
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), seconds))
        messages.append(message)
        if message["type"] == until and (context is None or message.get("context_id") == context):
            return messages


def audio(messages, context):
    return b"".join(
        base64.b64decode(m["data"]["audio"]) for m in messages if m["type"] == "audio" and m["context_id"] == context
    )


async def test_words_as_a_language_model_gives_them(socket):
    await say(socket, "append", context_id="a", text="", data={"voice": "nova", "include_timestamps": True, "seed": 1})
    for token in STORY.split(" "):
        await say(socket, "append", context_id="a", text=token + " ")
    await say(socket, "close", context_id="a")
    messages = await receive(socket, "done", "a")
    assert {m["context_id"] for m in messages} == {"a"}
    kinds = [m["type"] for m in messages]
    assert kinds.count("info") == 1 and messages[kinds.index("info")]["voice"] == "nova"
    words = [w for m in messages if m["type"] == "timestamps" for w in m["words"]]
    assert [w["word"] for w in words] == STORY.split(), "no word is lost"
    assert all(b["start"] >= a["start"] for a, b in zip(words, words[1:]))
    done = messages[-1]
    assert len(audio(messages, "a")) / 48000 == pytest.approx(done["audio_duration"], abs=0.001)
    assert words[-1]["end"] <= done["audio_duration"] + 0.01
    assert [m["data"]["chunk"] for m in messages if m["type"] == "audio"] == list(range(1, done["total_chunks"] + 1))


async def test_a_sentence_is_spoken_before_the_next_is_whole(socket):
    await say(socket, "append", context_id="a", text="This is the first sentence. And the sec", data={})
    first = await receive(socket, "audio", "a")
    assert first[0]["type"] == "info"
    await say(socket, "append", context_id="a", text="ond one.")
    await say(socket, "flush", context_id="a")
    assert (await receive(socket, "flushed", "a"))[-1]["context_id"] == "a"
    await say(socket, "append", context_id="a", text="A third.")
    await say(socket, "close", context_id="a")
    messages = await receive(socket, "done", "a")
    assert any(m["type"] == "audio" for m in messages)


async def test_contexts_are_spoken_side_by_side(socket):
    for context, voice in (("a", "alloy"), ("b", "onyx")):
        await say(socket, "append", context_id=context, text=STORY, data={"voice": voice, "seed": 3})
        await say(socket, "close", context_id=context)
    open_contexts, messages = {"a", "b"}, []
    while open_contexts:
        message = json.loads(await asyncio.wait_for(socket.recv(), 30))
        messages.append(message)
        if message["type"] == "done":
            open_contexts.remove(message["context_id"])
    order = [m["context_id"] for m in messages if m["type"] == "audio"]
    assert order != sorted(order), "one waited for the other"
    assert len(audio(messages, "a")) > 100_000 and len(audio(messages, "b")) > 100_000


async def test_barge_in(socket):
    await say(socket, "append", context_id="a", text=STORY * 10, data={})
    await say(socket, "append", context_id="b", text=STORY, data={})
    await receive(socket, "audio", "a")
    await say(socket, "cancel", context_id="a")
    messages = await receive(socket, "done", "a")
    after = messages[[m["type"] for m in messages].index("cancelled") :]
    assert not [m for m in after if m["type"] == "audio" and m["context_id"] == "a"]
    assert messages[-1]["end_reason"] == "cancelled"
    await say(socket, "close", context_id="b")
    assert (await receive(socket, "done", "b"))[-1]["end_reason"] == "stop_token", "the other goes on"
    await say(socket, "append", context_id="a", text="Again. ", data={})
    await say(socket, "cancel")
    assert (await receive(socket, "cancelled"))[-1]["context_id"] == "a", "cancel without an id ends what there is"


async def test_a_smile_between_sentences_is_no_error(socket):
    await say(socket, "append", context_id="a", text="Hello. 🙂 ", data={})
    await say(socket, "flush", context_id="a")
    await say(socket, "append", context_id="a", text="🙂🙂")
    await say(socket, "close", context_id="a")
    messages = await receive(socket, "done", "a")
    assert "error" not in {m["type"] for m in messages} and audio(messages, "a")


async def test_a_context_without_text_is_done_at_once(socket):
    await say(socket, "append", context_id="a", text="  ", data={})
    await say(socket, "close", context_id="a")
    (done,) = await receive(socket, "done", "a")
    assert done["total_chunks"] == 0


async def test_requests_go_on_beside_contexts(socket):
    await say(socket, "append", context_id="a", text="Hello there. ", data={})
    await say(socket, "stream_request", data={"input": "And a request.", "output_format": "base64"})
    await say(socket, "ping")
    await say(socket, "close", context_id="a")
    seen = []
    while [m["type"] for m in seen].count("done") < 2:
        seen.append(json.loads(await asyncio.wait_for(socket.recv(), 30)))
    assert {m.get("context_id") for m in seen if m["type"] == "done"} == {"a", None}
    assert "pong" in {m["type"] for m in seen}


@pytest.mark.parametrize(
    "message,code,field",
    [
        ({"type": "append", "text": "x", "data": {}}, "missing_field", "context_id"),
        ({"type": "append", "context_id": "", "text": "x", "data": {}}, "out_of_range", "context_id"),
        ({"type": "append", "context_id": 1, "text": "x", "data": {}}, "invalid_type", "context_id"),
        ({"type": "append", "context_id": "n", "data": {}}, "missing_field", "text"),
        ({"type": "append", "context_id": "n", "text": 1, "data": {}}, "invalid_type", "text"),
        ({"type": "append", "context_id": "n", "text": "x"}, "no_such_context", "context_id"),
        ({"type": "append", "context_id": "n", "text": "x", "data": []}, "invalid_type", "data"),
        ({"type": "append", "context_id": "n", "text": "x", "data": {"voice": "nobody"}}, "unknown_voice", "voice"),
        ({"type": "append", "context_id": "n", "text": "x", "data": {"input": "x"}}, "unknown_field", "input"),
        ({"type": "append", "context_id": "n", "text": "x", "data": {"output_format": "wav"}}, "invalid_value", "output_format"),
        ({"type": "append", "context_id": "n", "text": "x", "data": {"voice_audio": True}}, "invalid_value", "voice_audio"),
        ({"type": "append", "context_id": "n", "text": "x" * 100_001, "data": {}}, "out_of_range", "text"),
        ({"type": "append", "context_id": "n", "text": "x", "voice": "alloy"}, "unknown_field", "voice"),
        ({"type": "flush", "context_id": "n"}, "no_such_context", "context_id"),
        ({"type": "close", "context_id": "n"}, "no_such_context", "context_id"),
        ({"type": "cancel", "context_id": "n"}, "no_such_context", "context_id"),
        ({"type": "cancel", "context_id": "n", "request_id": "r"}, "invalid_value", "request_id"),
    ],
)  # fmt: skip
async def test_wrong_messages(socket, message, code, field):
    await socket.send(json.dumps(message))
    error = json.loads(await socket.recv())
    assert (error["type"], error["code"], error["field"]) == ("error", code, field)
    assert error.get("context_id") == (message.get("context_id") if isinstance(message.get("context_id"), str) else None)
    await say(socket, "ping")
    assert json.loads(await socket.recv())["type"] == "pong"


async def test_only_so_many_contexts(socket):
    for n in range(8):
        await say(socket, "append", context_id=str(n), text="", data={})
    await say(socket, "append", context_id="one more", text="", data={})
    assert json.loads(await socket.recv())["code"] == "too_many_contexts"
    await say(socket, "append", context_id="3", text="Hello.", data={"voice": "nova"})
    assert json.loads(await socket.recv())["field"] == "data"
