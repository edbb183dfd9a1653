"""The studio page, in a real browser: speaking with it."""

import asyncio

import pytest
from browser import find_browser
from conftest import Server
from official import write_folder
from relay import Relay
from studio import Studio
from test_stream import LONG

SHORT = "One two three. Now four, and five!"

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")


@pytest.fixture
async def studio():
    async with Studio() as studio:
        yield studio
        assert await studio.problems() == []


async def test_sound_comes_without_a_gap(server, studio):
    await studio.visit(server.http)
    await studio.type_into("text", LONG)
    for _ in range(3):
        await studio.click("speak")
        # Sound has been heard while the server still makes more of it, or has just made the last of it.
        await studio.wait_for("Number(document.getElementById('stage').dataset.heard) > 4800")
        assert await studio.stage("playing") == "true"
        await studio.wait_for_stage(state="done", playing="false")
        # Where other work keeps the server from being in time, there is a gap that is none of the player's.
        if float(await studio.text("rtf")) < 0.2:
            break
    assert await studio.stage("gaps") == "0"
    assert "without a gap" in await studio.text("status")
    assert int(await studio.text("chunks")) >= 3
    first_sound = await studio.text("first-sound")
    assert first_sound.endswith(" ms") and int(first_sound.split()[0]) > 0
    # The server's own figure counts no network, no click and no loudspeaker.
    assert int((await studio.text("latency")).split()[0]) <= int(first_sound.split()[0])
    assert 0 < float(await studio.text("rtf")) < 5


async def test_words_are_lit_in_order(server, studio):
    await studio.visit(server.http)
    await studio.run(
        "window.lit = []; new MutationObserver(() => {"
        " const words = [...document.querySelectorAll('.word')];"
        " const at = words.findIndex((word) => word.classList.contains('lit'));"
        " if (at >= 0 && lit.at(-1) !== at) lit.push(at);"
        "}).observe(document.getElementById('words'), { subtree: true, attributes: true, attributeFilter: ['class'] })"
    )
    await studio.speak(SHORT)
    await studio.wait_for_stage(playing="false")
    lit = await studio.run("window.lit")
    words = await studio.run("[...document.querySelectorAll('.word')].map((word) => word.textContent)")
    assert words == SHORT.split()
    assert lit == sorted(set(lit))
    # A short word may come and go between two pictures of a busy machine.
    assert len(lit) >= len(words) - 2 and lit[-1] == len(words) - 1


async def test_escape_silences(server, studio):
    await studio.visit(server.http)
    await studio.type_into("text", LONG)
    await studio.click("speak")
    await studio.wait_for("Number(document.getElementById('stage').dataset.peak) > 0.01")
    await studio.press("Escape")
    await studio.wait_for_stage(state="stopped", playing="false")
    await studio.wait_for("document.getElementById('stage').dataset.peak === '0'", 5)
    heard = await studio.stage("heard")
    await asyncio.sleep(0.3)
    assert (await studio.stage("heard"), await studio.stage("peak")) == (heard, "0")
    assert await studio.run("document.getElementById('stop').disabled")
    # What was heard, and no more, is kept.
    await studio.click("download")
    name, pcm = await studio.downloaded()
    assert 0 < len(pcm) / 48000 < 10
    # And the next one is spoken as if nothing had been.
    await studio.speak("And once more.")


async def test_the_download_is_what_the_server_sent(server, client, studio):
    await studio.visit(server.http)
    await studio.type_into("seed", "18446744073709551615")
    await studio.type_into("chunk_growth", "false")
    await studio.type_into("voice", "nova")
    await studio.type_into("fade_in_duration_ms", "30")
    await studio.speak(SHORT)
    await studio.click("download")
    name, pcm = await studio.downloaded()
    assert name == "One-two-three-Now-four-and-five.wav"
    result = await client.stream_speech(
        SHORT, voice="nova", seed=18446744073709551615, chunk_growth=False, fade_in_duration_ms=30
    )
    assert pcm == result.pcm


async def test_base64_and_no_figures(server, studio):
    await studio.visit(server.http)
    await studio.type_into("output_format", "base64")
    await studio.click("include_metrics")
    await studio.speak(SHORT)
    assert int(await studio.text("chunks")) >= 1
    assert await studio.text("rtf") == "–"


async def test_takes_are_kept_and_play_again(server, studio):
    await studio.visit(server.http)
    for text in ("The first.", "The second."):
        await studio.speak(text)
    takes = "[...document.querySelectorAll('#takes .said')].map((take) => take.textContent)"
    assert await studio.run(takes) == ["The second.", "The first."]
    await studio.run("document.querySelector('#takes [aria-label=\"Play take 1\"]').click()")
    await studio.wait_for_stage(playing="true")
    assert await studio.text("words") == "The first."
    await studio.wait_for("Number(document.getElementById('stage').dataset.heard) > 2400")
    await studio.run("document.querySelector('#takes [aria-label=\"Text and seed of take 1\"]').click()")
    assert int(await studio.run("document.getElementById('seed').value")) >= 0
    assert await studio.run("document.getElementById('text').value") == "The first."
    assert await studio.focused() == "seed"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [("chunk_size", "5", "Hello."), ("seed", "many", "Hello."), ("min_new_tokens", "-1", "Hello."), ("text", "  ", "  ")],
)
async def test_errors_stand_beside_their_field(server, studio, field, value, text):
    await studio.visit(server.http)
    await studio.type_into(field, value)
    await studio.speak(text, until="failed")
    assert await studio.text(f"{field}-error") != ""
    assert await studio.text("problem") == await studio.text(f"{field}-error")
    assert await studio.focused() == field
    assert await studio.run(f"document.getElementById('{field}').checkVisibility()")
    assert await studio.run(f"document.getElementById('{field}').getAttribute('aria-invalid')") == "true"
    await studio.click("reset")
    await studio.speak("Better.")
    assert await studio.text(f"{field}-error") == "" == await studio.text("problem")


async def test_what_the_model_ignores_is_said(server, studio):
    await studio.visit(server.http)
    ignored = await studio.run("fetch('ws/stream/status').then((answer) => answer.json()).then((it) => it.ignored_parameters)")
    shown = await studio.run(
        "[...document.querySelectorAll('.note')].filter((note) => !note.hidden).map((note) => note.id.replace('-note', ''))"
    )
    assert sorted(set(shown) & set(ignored)) == sorted(set(shown))


async def test_a_lost_connection_is_said_and_mended(server, studio):
    async with Relay(server.port) as relay:
        await studio.visit(relay.http)
        await relay.cut()
        await studio.wait_for("document.getElementById('connection').dataset.state === 'lost'", 5)
        assert "trying again" in await studio.text("connection")
        await relay.mend()
        await studio.wait_for("document.getElementById('connection').dataset.state === 'open'", 20)
        await studio.speak("There you are.")


async def test_a_connection_lost_in_the_middle(server, studio):
    async with Relay(server.port) as relay:
        await studio.visit(relay.http)
        await studio.type_into("text", LONG * 7)
        await studio.click("speak")
        await studio.wait_for("Number(document.getElementById('stage').dataset.chunks) >= 2")
        await relay.cut()
        await studio.wait_for_stage(state="failed")
        # What came is heard to its end, and can be kept.
        assert (await studio.text("problem")).startswith("The connection was lost after")
        assert await studio.stage("playing") == "true"
        heard = int(await studio.stage("heard"))
        await studio.wait_for(f"Number(document.getElementById('stage').dataset.heard) > {heard}")
        await studio.press("Escape")
        await studio.wait_for_stage(playing="false")
        await studio.click("download")
        assert len((await studio.downloaded())[1]) > heard * 2
        await relay.mend()
        await studio.wait_for("document.getElementById('connection').dataset.state === 'open'", 20)
        await studio.speak("Once more.")
        assert await studio.text("problem") == ""


async def test_a_request_waits_for_the_connection(server, studio):
    async with Relay(server.port) as relay:
        await studio.visit(relay.http)
        await relay.cut()
        await studio.wait_for("document.getElementById('connection').dataset.state === 'lost'", 5)
        await studio.type_into("text", "Wait for it.")
        await studio.click("speak")
        await relay.mend()
        # A request made in between is sent when the connection is there again.
        await studio.wait_for_stage(state="done")


async def test_a_recording_goes_with_the_request(server, studio, tmp_path):
    # The embedded voice can't clone, so the page is told that it can, and shows how the server refuses.
    await studio.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="const json = Response.prototype.json; Response.prototype.json = async function () {"
        " const body = await json.call(this);"
        " for (const model of body.models ?? []) model.voice_cloning = true;"
        " return body; };",
    )
    await studio.visit(server.http)
    await studio.type_into("voice", "\0recording")
    await studio.type_into("text", "In whose voice?")
    await studio.click("speak")
    assert "Choose a file" in await studio.text("voice_audio-error")
    recording = tmp_path / "recording.wav"
    recording.write_bytes(bytes(4000))
    await studio.choose_file("voice_audio", recording)
    await studio.speak("In whose voice?", until="failed")
    assert "embedded" in await studio.text("voice_audio-error")
    assert await studio.focused() == "voice_audio"
    await studio.type_into("voice", "echo")
    await studio.speak("In this one.")


async def test_another_model_is_loaded(studio, tmp_path):
    write_folder("nano", tmp_path / "nano", small=True)
    server = Server("--model", "embedded", "--model", str(tmp_path / "nano"))
    server.wait_until_ready()
    try:
        await studio.visit(server.http)
        await studio.type_into("model", "nano")
        assert "loaded when you speak" in await studio.text("model-note")
        assert await studio.run("[...document.getElementById('voice').options].map((option) => option.text)") == [
            "the model’s own"
        ]
        await studio.type_into("max_new_tokens", "100")
        await studio.speak("Of random weights.")
        await studio.wait_for("document.getElementById('voice').value === 'default'")
        assert not await studio.run("document.getElementById('model-note').checkVisibility()")
        assert await studio.run("document.getElementById('cfg_weight-note').hidden") is False
    finally:
        assert server.stop() == 0


async def test_all_comes_from_the_server(server, studio):
    await studio.visit(server.http)
    await studio.speak("Nothing else.")
    hosts = await studio.run("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)")
    assert set(hosts) == {server.http}
