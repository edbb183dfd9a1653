"""The studio page for all: keyboard only, screen readers, phones, dark and light."""

import pytest
from browser import find_browser
from studio import Studio

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")

VIEWS = ["speak", "voices", "jobs"]


@pytest.fixture
async def studio():
    async with Studio() as studio:
        yield studio
        assert await studio.problems() == []


async def open_all_details(studio):
    await studio.run("for (const details of document.querySelectorAll('details')) details.open = true")


async def test_by_keyboard_alone(server, studio):
    await studio.visit(server.http)
    for name in ("tab-speak", "text", "speak"):
        await studio.press("Tab")
        assert await studio.focused() == name
        # The focus can be seen.
        assert await studio.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await studio.run("document.getElementById('text').focus()")
    await studio.press("a", control=True)
    for letter in "Keys do.":
        await studio.press("Space" if letter == " " else letter)
    await studio.press("Enter", control=True)
    await studio.wait_for_stage(playing="true", state="done")
    assert await studio.text("words") == "Keys do."
    await studio.press("Escape")
    await studio.wait_for_stage(state="stopped")
    # Enter in a field of one line speaks as well.
    await studio.run("document.getElementById('more').open = true")
    await studio.run("[...document.querySelectorAll('.group')].forEach((group) => { group.open = true; })")
    await studio.run("document.getElementById('chunk_size').focus()")
    await studio.press("Enter")
    await studio.wait_for_stage(state="done")
    # Arrows change the view while its name has the focus.
    await studio.run("document.getElementById('tab-speak').focus()")
    for key, view in (("ArrowRight", "voices"), ("ArrowRight", "jobs"), ("ArrowRight", "speak"), ("ArrowLeft", "jobs")):
        await studio.press(key)
        assert await studio.focused() == f"tab-{view}"
        assert await studio.run(f"document.getElementById('{view}-view').checkVisibility()")
        assert await studio.run("[...document.querySelectorAll('[role=tabpanel]')].filter((it) => !it.hidden).length") == 1


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
async def test_no_width_needs_sideways_scrolling(server, studio, width):
    await studio.resize(width, 700, phone=width < 500)
    await studio.visit(server.http)
    await studio.type_into("text", "W" * 60 + " and a link-like-thing-without-any-white-space-to-break-it-at")
    await studio.click("speak")
    await studio.wait_for_stage(state="done")
    await open_all_details(studio)
    for view in VIEWS:
        await studio.click(f"tab-{view}")
        assert await studio.run("document.documentElement.scrollWidth") <= width
        beyond = await studio.run(
            "[...document.querySelectorAll('main *')].filter((element) => element.checkVisibility() &&"
            f" element.getBoundingClientRect().right > {width} && !element.closest('.words, textarea'))"
            ".map((element) => element.id || element.className || element.tagName)"
        )
        assert beyond == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_accessibility_rules(server, studio, scheme, width):
    await studio.prefer(prefers_color_scheme=scheme)
    await studio.resize(width, 800)
    await studio.visit(server.http)
    await open_all_details(studio)
    assert await studio.broken_rules() == []
    await studio.type_into("text", "A word that is lit, and others that are not. This goes on for some time, as you see.")
    await studio.click("speak")
    await studio.wait_for("document.querySelector('.word.lit') !== null")
    assert await studio.broken_rules() == []
    await studio.type_into("chunk_size", "5")
    await studio.speak("This is refused.", until="failed")
    assert await studio.broken_rules() == []
    for view in VIEWS[1:]:
        await studio.click(f"tab-{view}")
        assert await studio.broken_rules() == []


async def test_live_regions_do_not_chatter(server, studio):
    await studio.visit(server.http)
    await studio.run(
        "window.said = []; for (const region of document.querySelectorAll('[role=status], [role=alert]'))"
        " new MutationObserver(() => said.push(region.textContent))"
        ".observe(region, { childList: true, characterData: true, subtree: true })"
    )
    await studio.speak("Few words are said about many chunks, while this goes on for a good while and then is over.")
    await studio.wait_for_stage(playing="false")
    said = await studio.run("window.said")
    assert len(said) <= 5 and "Speaking…" in said and "gap" in said[-1]


async def test_motion_can_be_reduced(server, studio):
    await studio.prefer(prefers_reduced_motion="reduce")
    await studio.visit(server.http)
    await studio.speak("Still.")
    assert await studio.run("getComputedStyle(document.querySelector('.word')).transitionDuration") == "0s"
