"""What the pages say to type is typed, and what they say to send is sent.

Fenced blocks of `bash`, `python` and `json` are run in order, page by page, against one server for each page; a block that
can't be is marked `<!-- not run: reason -->` in front. Links lead somewhere, and every error code is explained."""

import asyncio
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest
import websockets
from conftest import BINARY, ROOT, Server
from test_stream import receive_until

PAGES = ["README.md", *(f"docs/{name}.md" for name in ("guide", "operator", "http-api", "protocol", "observability", "troubleshooting"))]
BLOCK = re.compile(r"(?:<!-- not run: (?P<reason>.+?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)
# What is not ours to run: settings of other programs.
SHOWN = {"yaml", "text", "nginx"}


def text_of(page):
    return (ROOT / page).read_text()


def blocks():
    for page in PAGES:
        for number, found in enumerate(BLOCK.finditer(text_of(page)), 1):
            if found["reason"] is None and found["language"] not in SHOWN:
                first = found["text"].split("\n")[0][:50]
                yield pytest.param(page, found["language"], found["text"], id=f"{page} {number}: {first}")


class Place:
    """A folder that looks like the project's, and a server for it."""

    def __init__(self, folder):
        self.folder, self.server = folder, Server()
        for entry in ROOT.iterdir():
            if not entry.name.startswith("."):
                (folder / entry.name).symlink_to(entry)
        (folder / ".build" / "release").mkdir(parents=True)
        (folder / ".build" / "release" / "chatterbox").symlink_to(BINARY)
        self.server.wait_until_ready()

    def here(self, text):
        return text.replace("localhost:8000", self.server.address)

    def run(self, *command):
        """Standard output of a command that has to do well."""
        environment = dict(os.environ, PATH=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}", CHATTERBOX_MODELS=str(ROOT / "Models"))
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, errors="replace", timeout=60)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def places():
    """One for each page, made when it is needed."""
    made = {}

    def place(page):
        if page not in made:
            made[page] = Place(pathlib.Path(tempfile.mkdtemp(prefix="chatterbox-docs-")))
        return made[page]

    yield place
    for one in made.values():
        assert one.server.stop() == 0
        shutil.rmtree(one.folder)


def written_files(text):
    """What a command says it writes, `-o` and `>`."""
    return re.findall(r"(?:-o|--output|>) ([\w.-]+\.\w+)", text)


def check_bash(place, text):
    output = place.run("bash", "-euo", "pipefail", "-c", place.here(text))
    for name in written_files(text):
        assert (place.folder / name).stat().st_size > 0, f"{name} is empty"
        assert b'"error":{' not in (place.folder / name).read_bytes()[:200], name
    # curl does well whatever the server says.
    assert '"error":{' not in output, output


def check_python(place, text):
    place.run(sys.executable, "-c", place.here(text))


def check_json(place, text):
    """A request is sent, over the WebSocket if it has a type; a part of one is put into one; a line of the log is like one."""
    value = json.loads("{" + text.rstrip().rstrip(",") + "}" if text.lstrip().startswith('"') else text)
    if "logger" in value:
        place.run("curl", "-sf", place.server.http + "/health")
        return check_log_line(value)
    if "type" not in value:
        value = {"type": "http", "data": {"input": "Hello there.", **value}}
        answer = place.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", place.server.http + "/v1/audio/speech",
                           "-H", "Content-Type: application/json", "-d", json.dumps(value["data"]))  # fmt: skip
        assert answer == "200"
        return None

    async def send():
        async with websockets.connect(place.server.stream, max_size=None) as socket:
            await receive_until(socket, "connected")
            await socket.send(json.dumps(value))
            return await receive_until(socket, "done")

    return asyncio.run(send())


def check_log_line(value):
    """The example has the fields that a real line has."""
    server = Server("--log-format", "json")
    server.wait_until_ready()
    subprocess.run(["curl", "-sf", "-o", "/dev/null", server.http + "/v1/audio/speech", "-d", '{"input": "Good morning!"}'], check=True)
    assert server.stop() == 0
    lines = [json.loads(line) for line in pathlib.Path(server.log.name).read_text().splitlines() if line.startswith("{")]
    real = next(line for line in lines if line["message"] == value["message"])
    assert real.keys() == value.keys()
    assert all(isinstance(real[key], str) == isinstance(shown, str) for key, shown in value.items())


CHECKS = {"bash": check_bash, "python": check_python, "json": check_json}


@pytest.mark.parametrize("page, language, text", blocks())
def test_block(places, page, language, text):
    assert language in CHECKS, f"nobody knows how to run {language}: mark it, or add it to SHOWN"
    CHECKS[language](places(page), text)


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.resolve().relative_to(ROOT)), target


def test_every_code_is_explained():
    source = (ROOT / "Sources/SpeechServer/ServerError.swift").read_text()
    body = source[source.index("public var code: String"):source.index("public var field: String?")]
    codes = set(re.findall(r'case .*: "([a-z_]+)"', body))
    kinds = set()
    for file in (ROOT / "Sources/SpeechServer").rglob("*.swift"):
        kinds |= set(re.findall(r'noSuch\(kind: "([a-z]+)"', file.read_text()))
    assert len(codes) > 35 and kinds
    page = text_of("docs/troubleshooting.md")
    missing = {code for code in codes | {kind + "_not_found" for kind in kinds} if f"`{code}`" not in page}
    assert not missing


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_the_unit_is_one(tmp_path):
    unit = tmp_path / "chatterbox.service"
    unit.write_text((ROOT / "deploy/chatterbox.service").read_text().replace("/usr/local/bin/chatterbox", str(BINARY)))
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    ours = [line for line in checked.stderr.splitlines() if "chatterbox" in line]
    assert checked.returncode == 0 and not ours, checked.stderr
    settings = set(re.findall(r"\b([A-Z][A-Z_]+[A-Z])=", re.sub(r"^Environment=", "", unit.read_text(), flags=re.MULTILINE)))
    help_text = subprocess.run([str(BINARY), "serve", "--help"], capture_output=True, text=True, check=True).stdout
    assert {"VOICE_LIBRARY_DIR", "LONG_TEXT_DATA_DIR"} <= settings
    assert all(name in re.sub(r"\s+", "", help_text) for name in settings if name.startswith(("VOICE", "LONG")))
