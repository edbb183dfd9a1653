"""A browser without a window, driven over the DevTools protocol."""

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import signal
import tempfile
import time

import websockets

NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]


def find_browser():
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    async def __aenter__(self):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = await asyncio.create_subprocess_exec(
            find_browser(),
            "--headless",
            "--no-sandbox",  # as root in a container there is none
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-audio-output",  # a clock instead of a sound card
            "--use-fake-device-for-media-stream",  # a microphone that beeps
            "--use-fake-ui-for-media-stream",
            "--allow-file-access-from-files",
            "--remote-debugging-port=0",
            f"--user-data-dir={self.profile.name}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        address = None
        while address is None:
            line = await asyncio.wait_for(self.process.stderr.readline(), 30)
            assert line, "the browser did not start"
            address = re.search(rb"DevTools listening on (ws://\S+)", line)
        self._drain = asyncio.create_task(self.process.stderr.read())
        self._socket = await websockets.connect(address[1].decode(), max_size=None)
        self._ids = itertools.count(1)
        target = await self._call("Target.createTarget", url="about:blank")
        attached = await self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self.call("Page.enable")
        return self

    async def __aexit__(self, *_):
        self._socket.transport.abort()
        # The browser is a family of processes, and asked politely some of them stay.
        os.killpg(self.process.pid, signal.SIGKILL)
        await asyncio.wait_for(self.process.wait(), 10)
        self._drain.cancel()
        self.profile.cleanup()

    async def _call(self, method, session=None, **parameters):
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        await self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(await asyncio.wait_for(self._socket.recv(), 30))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    async def call(self, method, **parameters):
        return await self._call(method, self._session, **parameters)

    async def open(self, url):
        await self.call("Page.navigate", url=url)
        await self.wait_for("document.readyState === 'complete'")

    async def run(self, script):
        """The value of a JavaScript expression, as if the user had just clicked."""
        answer = await self.call(
            "Runtime.evaluate", expression=script, userGesture=True, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def press(self, key, control=False):
        """A key as from the keyboard: a letter, or Tab, Enter, Escape, ArrowRight, …"""
        text = {"Enter": "\r", "Space": " "}.get(key, key if len(key) == 1 else "")
        code = {"Tab": 9, "Enter": 13, "Escape": 27, "Space": 32, "ArrowLeft": 37, "ArrowRight": 39, "End": 35}.get(key, 0)
        event = {
            "key": " " if key == "Space" else key,
            "code": key,
            "windowsVirtualKeyCode": code,
            "modifiers": 2 if control else 0,
        }
        if text and not control:
            event["text"] = text
        if control and key == "a":
            event["commands"] = ["selectAll"]
        await self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **event)
        event.pop("text", None)
        event.pop("commands", None)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    async def choose_file(self, name, path):
        answer = await self.call("Runtime.evaluate", expression=f"document.getElementById({name!r})")
        await self.call("DOM.setFileInputFiles", objectId=answer["result"]["objectId"], files=[str(path)])

    async def resize(self, width, height, phone=False):
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        await self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    async def prefer(self, **features):
        """Such as `prefers_color_scheme="dark"`."""
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def screenshot(self, path, whole=False):
        answer = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))

    async def keep_downloads_in(self, folder):
        await self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    async def wait_for(self, script, seconds=30):
        deadline = time.monotonic() + seconds
        while not await self.run(script):
            if time.monotonic() > deadline:
                shown = await self.run("document.body.innerText.slice(0, 1000)")
                raise AssertionError(f"still waiting for {script}; the page shows {shown}")
            await asyncio.sleep(0.02)
