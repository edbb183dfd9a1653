"""The studio page as a test uses it: in a browser that notes what goes wrong."""

import asyncio
import importlib.util
import json
import pathlib
import tempfile
import time
import wave

from browser import Browser

WATCH = """
window.problems = [];
addEventListener("error", (event) => problems.push(event.message));
addEventListener("unhandledrejection", (event) => problems.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => problems.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


class Studio(Browser):
    async def __aenter__(self):
        await super().__aenter__()
        self.downloads = tempfile.TemporaryDirectory()
        await self.keep_downloads_in(self.downloads.name)
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        await self.resize(1280, 900)
        return self

    async def __aexit__(self, *arguments):
        await super().__aexit__(*arguments)
        self.downloads.cleanup()

    async def visit(self, http, query=""):
        await self.open(http + "/" + query)
        await self.wait_for("document.getElementById('connection').dataset.state === 'open'")
        await self.wait_for("document.getElementById('voice').options.length > 0")

    async def type_into(self, name, text):
        await self.run(
            f"(() => {{ const field = document.getElementById({name!r}); field.value = {json.dumps(text)};"
            " field.dispatchEvent(new Event('input')); field.dispatchEvent(new Event('change')); })()"
        )

    async def click(self, name):
        await self.run(f"document.getElementById({name!r}).click()")

    async def text(self, name):
        return await self.run(f"document.getElementById({name!r}).textContent.trim()")

    async def stage(self, name):
        return await self.run(f"document.getElementById('stage').dataset.{name}")

    async def speak(self, text, *, until="done"):
        await self.type_into("text", text)
        await self.click("speak")
        await self.wait_for_stage(state=until)

    async def wait_for_stage(self, **wanted):
        conditions = " && ".join(f"stage.dataset.{name} === {value!r}" for name, value in wanted.items())
        await self.wait_for(f"(() => {{ const stage = document.getElementById('stage'); return {conditions}; }})()", 60)

    async def focused(self):
        return await self.run("document.activeElement.id || document.activeElement.tagName")

    async def problems(self):
        return await self.run("window.problems")

    async def broken_rules(self):
        """What axe finds wrong with the page's accessibility as it stands."""
        if not await self.run("'axe' in window"):
            package = importlib.util.find_spec("axe_playwright_python")
            assert package, "axe is missing: make .venv/.ready"
            await self.run((pathlib.Path(package.submodule_search_locations[0]) / "axe.min.js").read_text())
        return await self.run(
            "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map((violation) =>"
            " `${violation.id}: ${violation.nodes.map((node) => node.target + ' ' + node.failureSummary).join('; ')}`))"
        )

    async def downloaded(self):
        """The PCM of the one file that the page let the browser save, and its name."""
        deadline = time.monotonic() + 10
        while not (files := [file for file in pathlib.Path(self.downloads.name).iterdir() if file.suffix == ".wav"]):
            assert time.monotonic() < deadline, "nothing was downloaded"
            await asyncio.sleep(0.05)
        (file,) = files
        with wave.open(str(file), "rb") as audio:
            assert (audio.getnchannels(), audio.getsampwidth(), audio.getframerate()) == (1, 2, 24000)
            return file.name, audio.readframes(audio.getnframes())
