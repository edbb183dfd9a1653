"""The web page, in a real browser."""

import pathlib

import pytest
from browser import Browser, find_browser
from test_stream import LONG

PAGE = pathlib.Path(__file__).resolve().parents[2] / "Web" / "index.html"

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")


@pytest.fixture
async def browser():
    async with Browser() as browser:
        yield browser


def type_text(text):
    return f"document.getElementById('text').value = {text!r}"


def click(name):
    return f"document.getElementById({name!r}).click()"


async def speak_and_watch(browser):
    await browser.wait_for("document.getElementById('voice').options.length >= 4")
    await browser.run(type_text(LONG))
    await browser.run(click("speak"))
    # Sound has been played while the server still makes more of it.
    await browser.wait_for("document.body.dataset.state === 'receiving'")
    await browser.wait_for("Number(document.body.dataset.played) > 0")
    assert await browser.run("document.body.dataset.state") == "receiving"
    await browser.wait_for("document.body.dataset.state === 'done'", 60)


async def test_the_page_plays_while_it_receives(server, browser):
    await browser.open(server.http + "/")
    await speak_and_watch(browser)
    assert int(await browser.run("document.body.dataset.chunks")) >= 5
    assert (await browser.run("document.getElementById('latency').innerText")).endswith(" ms")
    assert 0 < float(await browser.run("document.getElementById('rtf').innerText")) < 5
    size, duration = await browser.run(
        "(async () => { const link = document.getElementById('download');"
        " const file = await (await fetch(link.href)).arrayBuffer();"
        " const sound = await new OfflineAudioContext(1, 1, 24000).decodeAudioData(file.slice(0));"
        " return [file.byteLength, sound.duration]; })()"
    )
    assert duration == pytest.approx((size - 44) / 48000, abs=0.01)
    assert duration > 10


async def test_stop_cancels(server, browser):
    await browser.open(server.http + "/")
    await browser.run(type_text(LONG))
    await browser.run(click("speak"))
    await browser.wait_for("document.body.dataset.state === 'receiving'")
    await browser.run(click("stop"))
    await browser.wait_for("document.body.dataset.state === 'cancelled'", 5)
    assert int(await browser.run("document.body.dataset.chunks")) < 15
    await browser.run(type_text("And once more."))
    await browser.run(click("speak"))
    await browser.wait_for("document.body.dataset.state === 'done'")


async def test_errors_are_shown(server, browser):
    await browser.open(server.http + "/")
    await browser.run(type_text("   "))
    await browser.run(click("speak"))
    await browser.wait_for("document.body.dataset.state === 'error'")
    assert "no text" in await browser.run("document.getElementById('status').innerText")


async def test_the_page_works_from_a_file(server, browser):
    await browser.open(PAGE.as_uri() + "?server=" + server.ws)
    await speak_and_watch(browser)


async def test_the_page_says_when_there_is_no_server(browser):
    await browser.open(PAGE.as_uri() + "?server=ws://127.0.0.1:9")
    await browser.run(click("speak"))
    await browser.wait_for("document.body.dataset.state === 'error'")
    assert "Is the server running?" in await browser.run("document.getElementById('status').innerText")
