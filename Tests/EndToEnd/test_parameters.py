"""Every parameter: its range, its default, its effect."""

import statistics

import numpy
import pytest
from test_stream import LONG
from websocket_client_python import StreamingError

TEXT = "We are going to the market this afternoon."

# name: (lowest, highest, default, below, above)
NUMBERS = {
    "exaggeration": (0.25, 2.0, 0.5, 0.249, 2.001),
    "cfg_weight": (0.0, 1.0, 0.5, -0.001, 1.001),
    "temperature": (0.05, 5.0, 0.8, 0.049, 5.001),
    "top_p": (0.0, 1.0, 0.95, -0.001, 1.001),
    "alignment_threshold": (0.0, 1.0, 0.15, -0.001, 1.001),
}
INTEGERS = {
    "chunk_size": (10, 100, 25),
    "context_window": (0, 200, 50),
    "max_new_tokens": (100, 10000, 4096),
    "min_new_tokens": (0, 1000, 0),
    "alignment_window_size": (10, 200, 50),
    "fade_in_duration_ms": (0, 100, 20),
}
FLAGS = {
    "normalize_text": True,
    "chunk_growth": True,
    "enable_alignment_monitoring": True,
    "enable_fade_in": True,
    "include_metrics": True,
    "print_metrics": False,
    "include_timestamps": False,
}


async def refused(client, **parameters):
    with pytest.raises(StreamingError) as error:
        await client.stream_speech(parameters.pop("text", TEXT), **parameters)
    return error.value


@pytest.mark.parametrize("name", NUMBERS)
async def test_numbers(client, name):
    lowest, highest, default, below, above = NUMBERS[name]
    for value in (below, above):
        error = await refused(client, **{name: value})
        assert (error.code, error.field) == ("out_of_range", name)
        assert name in str(error) and str(value) in str(error)
        assert f"{lowest:g} to {highest:g}" in str(error)
    for value in ("0.5", True, None, [0.5], {}):
        error = await refused(client, **{name: value})
        assert (error.code, error.field) == ("invalid_type", name)
    for value in (lowest, highest, int(highest)):
        result = await client.stream_speech("Yes, it is.", max_new_tokens=100, **{name: value})
        assert result.info["parameters"][name] == value
    result = await client.stream_speech("Yes.", max_new_tokens=100)
    assert result.info["parameters"][name] == default


@pytest.mark.parametrize("name", INTEGERS)
async def test_integers(client, name):
    lowest, highest, default = INTEGERS[name]
    for value in (lowest - 1, highest + 1):
        error = await refused(client, **{name: value})
        assert (error.code, error.field) == ("out_of_range", name)
        assert f"{lowest} to {highest}" in str(error)
    for value in ("25", True, None, [25], {}, lowest + 0.5):
        if name == "chunk_size" and value is None:
            continue  # The client leaves it out.
        error = await refused(client, **{name: value})
        assert (error.code, error.field) == ("invalid_type", name)
    ends = [lowest, float(lowest)]
    if name != "min_new_tokens":  # Its upper end would make a minute of babble here; below it has its own test.
        ends.append(highest)
    for value in ends:
        result = await client.stream_speech("Yes, it is.", **{name: value})
        assert result.info["parameters"][name] == value
    result = await client.stream_speech("Yes.")
    assert result.info["parameters"][name] == default


@pytest.mark.parametrize("name", FLAGS)
async def test_flags(client, name):
    for value in (1, 0, "true", None, []):
        error = await refused(client, **{name: value})
        assert (error.code, error.field) == ("invalid_type", name)
    for value in (True, False):
        result = await client.stream_speech("Yes.", **{name: value})
        assert result.info["parameters"][name] is value
    result = await client.stream_speech("Yes.")
    assert result.info["parameters"][name] is FLAGS[name]


async def test_output_format(client):
    for value in ("mp3", "WAV", ""):
        error = await refused(client, output_format=value)
        assert (error.code, error.field) == ("invalid_value", "output_format")
        assert '"wav" or "base64"' in str(error)
    assert (await refused(client, output_format=1)).code == "invalid_type"


async def test_input(client):
    assert (await refused(client, text="")).code == "empty_text"
    assert (await refused(client, text=" \n\t\u00a0")).code == "empty_text"
    error = await refused(client, text="a" * 3001)
    assert (error.code, error.field) == ("text_too_long", "input")
    assert "3001" in str(error) and "3000" in str(error)
    assert (await refused(client, text=7)).code == "invalid_type"


async def test_input_of_full_length_is_taken(client):
    import asyncio

    text = ("A word " * 429)[:3000]
    speech = asyncio.create_task(client.stream_speech(text))
    await asyncio.sleep(0.5)
    await client.cancel()
    result = await speech
    assert result.info["text_length"] == 3000


async def test_input_counts_unicode_scalars(client):
    result = await client.stream_speech("Café 👍🏽, naïve.")
    assert result.info["text_length"] == len("Café 👍🏽, naïve.")


async def test_voice(client, server):
    error = await refused(client, voice="Alloy ")
    assert (error.code, error.field) == ("unknown_voice", "voice")
    assert (await refused(client, voice=3)).code == "invalid_type"
    for voice in ("alloy", "echo", "onyx", "nova"):
        result = await client.stream_speech("Good morning.", voice=voice)
        assert result.info["voice"] == voice
        assert result.audio_seconds > 0.4


async def test_seed(client):
    one = await client.stream_speech(TEXT, seed=42)
    same = await client.stream_speech(TEXT, seed=42)
    other = await client.stream_speech(TEXT, seed=43)
    assert one.pcm == same.pcm
    assert one.pcm != other.pcm
    free = await client.stream_speech(TEXT)
    again = await client.stream_speech(TEXT)
    assert free.pcm != again.pcm, "without a seed, each time is another"
    assert free.info["parameters"]["seed"] is None
    largest = 2**64 - 1
    result = await client.stream_speech("Yes.", seed=largest)
    assert result.info["parameters"]["seed"] == largest
    for value in (-1, 2**64):
        assert (await refused(client, seed=value)).code == "out_of_range"
    for value in (0.5, "1", True):
        assert (await refused(client, seed=value)).code == "invalid_type"


async def test_unknown_fields_are_refused_with_a_hint(client):
    error = await refused(client, temprature=0.8)
    assert (error.code, error.field) == ("unknown_field", "temprature")
    assert "temperature" in str(error)
    assert (await refused(client, chunkSize=25)).field == "chunkSize"


async def test_fields_of_the_http_api_are_listed_as_ignored(client):
    result = await client.stream_speech("Yes.", speed=1.0, response_format="wav", model="chatterbox-tts-1")
    assert {"model", "response_format", "speed"} <= set(result.info["ignored_parameters"])


async def test_model_and_language(client):
    result = await client.stream_speech("Yes.", model="embedded", language="en-US")
    assert (result.info["parameters"]["model"], result.info["parameters"]["language"]) == ("embedded", "en-US")
    assert not {"model", "language"} & set(result.info["ignored_parameters"])
    error = await refused(client, model="gigantic")
    assert (error.code, error.field) == ("unknown_model", "model")
    assert "gigantic" in str(error) and "embedded" in str(error)
    error = await refused(client, language="fr")
    assert (error.code, error.field) == ("unknown_language", "language")
    assert "fr" in str(error) and "speaks en" in str(error)


async def test_min_above_max(client):
    error = await refused(client, min_new_tokens=200, max_new_tokens=100)
    assert (error.code, error.field) == ("out_of_range", "min_new_tokens")


async def test_chunk_size_is_the_tokens_of_a_chunk(client):
    for chunk_size in (10, 25, 50, 100):
        result = await client.stream_speech(TEXT, chunk_size=chunk_size, seed=4)
        tokens = result.done["tokens"]
        assert result.done["first_chunk_tokens"] <= chunk_size
        assert len(result.chunks) >= tokens // chunk_size
        # 25 tokens are a second of audio. The first chunk lacks the lookahead, the last two are what is left.
        for chunk in result.chunks[1:-2]:
            assert len(chunk) / 2 == chunk_size * 960


async def test_chunks_grow(client):
    async def sizes(**parameters):
        result = await client.stream_speech(TEXT + " " + LONG, **parameters)
        assert result.info["parameters"]["chunk_growth"] is grows
        assert [told["chunk_size_bytes"] for told in result.metrics] == [len(chunk) for chunk in result.chunks]
        assert result.done["first_chunk_tokens"] <= 25
        return [len(chunk) for chunk in result.chunks]

    grows = True
    for parameters in ({}, {"seed": None}, {"seed": 4, "chunk_size": 20, "chunk_growth": True}):
        found = await sizes(**parameters)
        assert max(found) > 2 * 48000, "100 tokens are 4 s"
        assert found[0] < 48000
    grows = False
    for parameters in ({"seed": 4}, {"chunk_size": 25}, {"chunk_growth": False}):
        # A chunk at the end of a sentence has the lookahead and a pause too, a quarter of a second.
        assert max(await sizes(**parameters)) <= 1.3 * 48000


async def test_smaller_chunks_come_sooner(client):
    small = [(await client.stream_speech(TEXT, chunk_size=10)).first_audio_seconds for _ in range(3)]
    large = [(await client.stream_speech(TEXT, chunk_size=100)).first_audio_seconds for _ in range(3)]
    assert min(small) < min(large)


async def test_max_new_tokens_ends_speech(client):
    text = "This sentence is much too long for the number of tokens that are allowed for it, so it has to end early, " * 3
    result = await client.stream_speech(text, max_new_tokens=100)
    assert result.done["end_reason"] == "max_new_tokens"
    assert result.done["tokens"] == 100
    # 100 tokens are 4 s; each sentence trails off for 0.12 s more.
    assert 4.0 <= result.audio_seconds < 4.5


async def test_min_new_tokens_delays_the_end(client):
    without = await client.stream_speech("Yes.", seed=1)
    result = await client.stream_speech("Yes.", seed=1, min_new_tokens=60, enable_alignment_monitoring=False)
    assert without.done["tokens"] < 60 <= result.done["tokens"]


async def test_low_temperature_varies_less(client):
    """How far the lengths that eight seeds make of a paragraph spread."""
    text = "The old clock stopped at midnight. Nobody knew why, and nobody asked. " * 3

    async def lengths(**parameters):
        return statistics.pstdev([(await client.stream_speech(text, seed=seed, **parameters)).done["tokens"] for seed in range(8)])

    assert await lengths(temperature=0.05) < await lengths(temperature=1.5, top_p=1.0)


async def test_top_p_of_zero_is_greedy(client):
    tokens = {(await client.stream_speech(TEXT, top_p=0.0, seed=seed)).done["tokens"] for seed in range(3)}
    assert len(tokens) == 1


async def test_exaggeration_and_guidance_act(client):
    base = await client.stream_speech(TEXT, seed=7)
    assert (await client.stream_speech(TEXT, seed=7, exaggeration=1.8)).pcm != base.pcm
    assert (await client.stream_speech(TEXT, seed=7, cfg_weight=0.0)).pcm != base.pcm


async def test_context_window_acts(client):
    text = TEXT + " " + TEXT
    base = await client.stream_speech(text, seed=7)
    none = await client.stream_speech(text, seed=7, context_window=0)
    assert none.done["tokens"] == base.done["tokens"]
    assert none.pcm != base.pcm


async def test_fade_in_acts(client):
    faded = await client.stream_speech(TEXT, seed=7, enable_fade_in=True, fade_in_duration_ms=100)
    plain = await client.stream_speech(TEXT, seed=7, enable_fade_in=False)
    assert len(faded.pcm) == len(plain.pcm)
    assert faded.pcm != plain.pcm
    start = 2400  # 100 ms
    level = [numpy.abs(numpy.frombuffer(r.pcm, "<i2")[:start].astype(float)).sum() for r in (faded, plain)]
    assert level[0] <= level[1]
