"""The JavaScript example, opened as a file in a real browser."""

import pytest
from browser import find_browser
from conftest import ROOT
from studio import Studio
from test_stream import LONG

PAGE = ROOT / "Examples" / "websocket_client_javascript.html"

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")


@pytest.fixture
async def page(server):
    async with Studio() as browser:
        await browser.open(PAGE.as_uri() + "?server=" + server.ws)
        await browser.run("window.streaming = new ChatterboxStreamingClient(document.getElementById('server').value)")
        yield browser


async def test_the_page_speaks(page):
    await page.run("document.getElementById('speak').click()")
    await page.wait_for("document.getElementById('status').textContent.startsWith('Done')")
    assert await page.run("document.getElementById('download').href.startsWith('blob:')")
    for scheme in ("light", "dark"):
        await page.prefer(prefers_color_scheme=scheme)
        assert await page.broken_rules() == []


async def test_stream_speech_gives_all_that_came(page, client):
    await page.run("streaming.connect()")
    result = await page.run(
        "streaming.streamSpeech('Same samples.', { seed: 5, chunk_size: 20, include_timestamps: true, voice: 'echo' })"
        ".then(async (result) => ({ ...result, chunks: result.chunks.length, first: result.firstAudioMs,"
        " wav: [...new Uint8Array(await result.toWav().arrayBuffer())] }))"
    )
    expected = await client.stream_speech("Same samples.", seed=5, chunk_size=20, voice="echo")
    assert bytes(result["wav"][44:]) == expected.pcm
    assert (result["chunks"], len(result["metrics"])) == (len(expected.chunks), len(expected.chunks))
    assert [word["word"] for word in result["words"]] == ["Same", "samples."]
    assert result["done"]["end_reason"] == "stop_token" and result["first"] > 0


async def test_requests_at_once_errors_and_ping(page):
    await page.run("streaming.connect()")
    answers = await page.run(
        "Promise.allSettled([streaming.streamSpeech('One.'), streaming.streamSpeech('Two.', { temperature: 99 }),"
        " streaming.streamSpeech('Three.', { output_format: 'base64' }), streaming.ping()])"
        ".then((all) => all.map(({ status, value, reason }) =>"
        " [status, reason?.field ?? (value?.chunks?.length > 0 || value > 0)]))"
    )
    assert answers == [["fulfilled", True], ["rejected", "temperature"], ["fulfilled", True], ["fulfilled", True]]


async def test_cancel(page):
    await page.run("streaming.connect()")
    cancelled = await page.run(
        f"streaming.streamSpeech({LONG!r}, {{ onAudio: () => streaming.cancel() }})"
        ".then(({ cancelled, done }) => [cancelled, done.end_reason])"
    )
    assert cancelled == [True, "cancelled"]


async def test_a_server_that_is_not_there(page):
    refusal = await page.run("new ChatterboxStreamingClient('ws://127.0.0.1:9').connect().catch((error) => error.message)")
    assert "Is the server running?" in refusal
