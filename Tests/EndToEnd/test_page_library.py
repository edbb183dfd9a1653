"""The studio page's views of voices and long texts."""

import urllib.request

import pytest
from browser import find_browser
from studio import Studio
from test_stream import LONG

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")

# As a server answers that has neither.
NO_LIBRARY = """
const real = window.fetch;
window.fetch = (url, options) => /\\/(voices|audio\\/speech\\/long)/.test(url)
  ? Promise.resolve(new Response('{"error": {"message": "not found"}}', { status: 404 })) : real(url, options);
"""


@pytest.fixture(scope="module")
def server(own_server):
    return own_server


@pytest.fixture
async def studio():
    async with Studio() as studio:
        yield studio
        assert await studio.problems() == []


@pytest.fixture
async def recording(client, tmp_path):
    path = tmp_path / "recording.wav"
    await client.stream_speech(LONG, output_file=str(path))
    return path


async def press_button(studio, label):
    """As from the keyboard: the focus has to be there afterwards."""
    await studio.wait_for(f"document.querySelector('[aria-label=\"{label}\"]') !== null")
    await studio.run(f"document.querySelector('[aria-label=\"{label}\"]').focus()")
    await studio.press("Enter")


async def answer(studio, text):
    await studio.wait_for("document.getElementById('ask').open")
    if text is not None:
        await studio.type_into("ask-value", text)
        await studio.run("document.getElementById('ask-value').focus()")
    else:
        await studio.run("document.getElementById('ask-confirm').focus()")
    await studio.press("Enter")
    await studio.wait_for("!document.getElementById('ask').open")


async def told(studio, text):
    await studio.wait_for(f"document.getElementById('voices-status').textContent === {text!r}")


async def test_a_server_without_a_library_says_so(server, studio):
    await studio.call("Page.addScriptToEvaluateOnNewDocument", source=NO_LIBRARY)
    await studio.visit(server.http)
    await studio.click("tab-voices")
    await studio.wait_for("document.getElementById('library-note').textContent.includes('keeps no library')")
    assert not await studio.run("document.getElementById('add-voice').checkVisibility()")
    await studio.click("tab-jobs")
    await studio.wait_for("document.getElementById('jobs-note').textContent.includes('makes no jobs')")
    await studio.click("tab-speak")
    await studio.type_into("text", "Too long. " * 301)
    assert "3,010 / 3,000" == await studio.text("counter")
    assert "makes no long-text jobs" in await studio.text("long-reason")
    assert not await studio.run("document.getElementById('make-job').checkVisibility()")
    assert await studio.run("document.getElementById('speak').disabled")


async def test_built_in_voices_are_previewed_and_used(server, studio):
    await studio.visit(server.http)
    await studio.click("tab-voices")
    await press_button(studio, "Preview nova")
    await studio.wait_for("document.querySelector('[aria-label=\"Stop nova\"]') !== null")
    await studio.wait_for("Number(document.getElementById('stage').dataset.heard) > 2400")
    await press_button(studio, "Stop nova")
    await studio.wait_for("document.querySelector('[aria-label=\"Preview nova\"]') !== null")
    assert await studio.stage("playing") == "false"
    assert await studio.run("document.querySelectorAll('#takes li').length") == 0
    await press_button(studio, "Use onyx")
    assert await studio.run("document.getElementById('voice').value") == "onyx"
    assert await studio.focused() == "text"


async def test_the_microphone_records_a_file(server, studio):
    await studio.visit(server.http)
    button = "document.querySelector('#voice-recording button')"
    await studio.run(button + ".click()")
    await studio.wait_for(button + ".textContent.startsWith('Stop recording (1')")
    await studio.run(button + ".click()")
    await studio.wait_for("document.getElementById('voice_file-note').textContent.startsWith('recording of')")
    # 24 kHz, 16 bits, so 48 KB a second.
    size = (await studio.text("voice_file-note")).split(", ")[1]
    assert size.endswith(" KB") and 40 < int(size.split()[0]) < 400


async def test_voices_from_upload_to_deletion(server, studio, recording, tmp_path):
    await studio.visit(server.http)
    await studio.click("tab-voices")
    # It is shown once the library has answered.
    await studio.wait_for("document.getElementById('add-voice').checkVisibility()")
    await studio.click("upload")
    await studio.wait_for("document.activeElement.id === 'voice_name'")
    assert await studio.text("voice_name-error") != ""
    await studio.type_into("voice_name", "Page Test")
    await studio.click("upload")
    assert await studio.text("voice_file-error") != ""
    # What the server finds wrong stands beside its field as well.
    (tmp_path / "noise.wav").write_bytes(bytes(range(256)) * 20)
    await studio.choose_file("voice_file", tmp_path / "noise.wav")
    await studio.click("upload")
    await studio.wait_for("!document.getElementById('upload').disabled")
    assert await studio.text("voice_file-error") not in ("", "Choose a file, or record one.")
    await studio.type_into("voice_name", "a/b")
    await studio.choose_file("voice_file", recording)
    await studio.click("upload")
    await studio.wait_for("document.getElementById('voice_name-error').textContent !== ''")
    await studio.type_into("voice_name", "Page Test")
    await studio.click("upload")
    await told(studio, "Page Test is added.")
    # The same name once more is refused beside its field.
    await studio.type_into("voice_name", "Page Test")
    await studio.choose_file("voice_file", recording)
    await studio.click("upload")
    await studio.wait_for("document.getElementById('voice_name-error').textContent !== ''")

    await press_button(studio, "Rename: Page Test")
    await answer(studio, "Paged")
    await told(studio, "Page Test is now Paged.")
    await press_button(studio, "Add a name: Paged")
    await answer(studio, "Other")
    await told(studio, "Paged is also Other.")
    label = "document.activeElement.getAttribute('aria-label')"
    await studio.wait_for(label + " === 'Add a name: Paged'")
    assert await studio.broken_rules() == []
    await press_button(studio, "Make default: Paged")
    await told(studio, "Paged is the default.")
    await studio.wait_for("document.querySelector('.badge') !== null")
    await studio.click("reset-default")
    await told(studio, "The server’s own default speaks again.")
    await press_button(studio, "Remove the name Other")
    await told(studio, "Other is gone.")
    await press_button(studio, "Delete: Paged")
    await studio.wait_for("document.getElementById('ask').open")
    assert await studio.broken_rules() == []
    await studio.press("Escape")
    await studio.wait_for("!document.getElementById('ask').open")
    assert await studio.run("document.querySelector('[aria-label=\"Delete: Paged\"]') !== null")
    await press_button(studio, "Delete: Paged")
    await answer(studio, None)
    await told(studio, "Paged is deleted.")
    assert await studio.run("document.querySelector('[aria-label=\"Delete: Paged\"]') === null")


async def test_a_long_text_becomes_a_job(server, studio):
    await studio.visit(server.http)
    await studio.type_into("text", (LONG + " ") * 20)
    await studio.wait_for("document.getElementById('make-job').checkVisibility()")
    await studio.type_into("long-format", "wav")
    await studio.click("make-job")
    job = "document.querySelector('#jobs li')"
    await studio.wait_for("document.activeElement.id === 'tab-jobs'")
    await studio.wait_for(f"{job}?.dataset.status === 'processing'")

    async def press(name):
        await studio.run(f"{job}.querySelector('[aria-label^=\"{name}:\"]').focus()")
        await studio.press("Enter")

    await studio.wait_for(f"{job}.querySelector('progress').value > 0", 120)
    await press("Pause")
    await studio.wait_for(f"{job}.dataset.status === 'paused'")
    assert (await studio.run("document.activeElement.textContent")) == "Resume"
    assert await studio.broken_rules() == []
    await press("Resume")
    await studio.wait_for(f"{job}.dataset.status === 'processing'")
    await press("Cancel")
    await studio.wait_for(f"{job}.dataset.status === 'cancelled'")
    await press("Retry")
    await studio.wait_for(f"{job}.dataset.status === 'completed'", 240)
    link = await studio.run(f"{job}.querySelector('a').href")
    with urllib.request.urlopen(link, timeout=30) as answered:
        assert answered.headers["content-type"].startswith("audio/") and answered.read(4) == b"RIFF"
    await press("Delete")
    await answer(studio, None)
    await studio.wait_for("document.querySelectorAll('#jobs [data-status=completed]').length === 0")
