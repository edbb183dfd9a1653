"""The studio page at a server that wants a key."""

import pytest
from browser import find_browser
from conftest import Server
from studio import Studio
from test_access import key

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")

IS_ASKED = "document.getElementById('key-dialog').open"
KEPT = "Object.keys(sessionStorage).length + Object.keys(localStorage).length"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    data = tmp_path_factory.mktemp("keys")
    return {"data": data, "speak": key(data, "create", "--name", "page")}


@pytest.fixture(scope="module")
def server(keys):
    server = Server(data=keys["data"])
    server.wait_until_ready()
    yield server
    assert server.stop() == 0, server.output()


async def give(studio, key, keep=False):
    await studio.wait_for(IS_ASKED)
    await studio.type_into("key-value", key)
    await studio.run(f"document.getElementById('key-keep').checked = {str(keep).lower()}")
    await studio.run("document.getElementById('key-value').focus()")
    await studio.press("Enter")
    await studio.wait_for(f"!{IS_ASKED}")


async def test_the_page_asks_for_a_key(server, keys):
    async with Studio() as studio:
        await studio.open(server.http + "/")
        await studio.wait_for(IS_ASKED)
        assert "key" in await studio.text("key-reason")
        assert await studio.broken_rules() == []
        await give(studio, "wrong")
        # A wrong one is asked for again, with what the server says of it.
        await studio.wait_for(IS_ASKED)
        await studio.wait_for("document.getElementById('key-reason').textContent.includes('none of the server')")
        await give(studio, keys["speak"])
        await studio.wait_for("document.getElementById('connection').dataset.state === 'open'")
        await studio.speak("With a key.")
        assert await studio.run(KEPT) == 0
        # It was not to be kept, so it is asked for again; then it is.
        await studio.open(server.http + "/")
        await give(studio, keys["speak"], keep=True)
        await studio.wait_for("document.getElementById('connection').dataset.state === 'open'")
        await studio.visit(server.http)
        assert not await studio.run(IS_ASKED)
        assert await studio.run(KEPT) == 1
        assert await studio.problems() == []
    assert keys["speak"] not in server.output()
