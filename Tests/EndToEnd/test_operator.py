"""The operator's page, in a folder in place of a machine: its commands from `make install` on, without sudo and systemd."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time

import pytest
from conftest import BINARY, ROOT, free_port

PAGE = (ROOT / "docs" / "operator.md").read_text()


def block(after):
    """The first block of commands after a heading or a word."""
    return re.search(r"```bash\n(.*?)```", PAGE[PAGE.index(after):], re.DOTALL)[1].strip().split("\n")


TEN = block("# Operating")


class Place:
    """What stands below / on the page stands below a folder here."""

    def __init__(self, folder):
        self.folder, self.port, self.key = folder, free_port(), "KEY"

    def here(self, command):
        command = re.sub(r"sudo (-u chatterbox )?", "", command).replace("localhost:8000", f"localhost:{self.port}")
        command = command.replace("-C swift-chatterbox install", f"-C {ROOT} install DESTDIR={self.folder} BINARY={BINARY}")
        command = re.sub(r"(?<![\w.])/(etc|usr|var)/", rf"{self.folder}/\1/", command).replace("KEY'", f"{self.key}'")
        return re.sub(r"^chatterbox ", f"{self.folder}/usr/local/bin/chatterbox ", command)

    def run(self, command):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CHATTERBOX_")}
        done = subprocess.run(["bash", "-euc", self.here(command)], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self):
        """As the unit says, without its user and its walls. Its paths lead into the folder, in the settings too."""
        unit = (self.folder / "usr/local/lib/systemd/system/chatterbox.service").read_text()
        start = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1]
        variables = dict(word.split("=", 1) for line in re.findall(r"^Environment=(.*)$", unit, re.MULTILINE) for word in line.split())
        settings = self.folder / "etc/chatterbox/chatterbox.conf"
        settings.write_text(self.here(settings.read_text()).replace("PORT=8000", f"PORT={self.port}").replace("HOST=0.0.0.0", "HOST=127.0.0.1"))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CHATTERBOX_")}
        environment.update({name: self.here(value) for name, value in variables.items()})
        self.log = open(self.folder / "log", "w+")
        work = self.folder / "var/lib/chatterbox"
        self.process = subprocess.Popen(shlex.split(self.here(start)), cwd=work, env=environment, stdout=self.log, stderr=subprocess.STDOUT)
        self.until(lambda: '"ready"' in self.output())

    def output(self):
        return (self.folder / "log").read_text()

    def until(self, condition):
        deadline = time.monotonic() + 20
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline, self.output()
            time.sleep(0.05)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("machine"))
    place.run(TEN[3])
    for folder in ("etc/chatterbox/tls", "etc/prometheus", "var/lib/chatterbox"):
        (place.folder / folder).mkdir(parents=True)
    place.run(TEN[4])
    place.start()
    yield place
    place.process.terminate()
    assert place.process.wait(30) == 0, place.output()
    place.log.close()
    shutil.rmtree(place.folder)  # some hundred MB


def test_there_are_ten_commands_and_each_is_one():
    assert len(TEN) == 10
    assert all(not re.search(r"&&|;|\||<<|\\$", command) for command in TEN)
    assert [command.split("chatterbox")[0].strip() for command in TEN][3] == "sudo make -C swift-"


def test_speech_over_https_with_a_key(place):
    assert place.run(TEN[6]).startswith("cbx_") and "Open to nobody yet" in place.output()
    place.key = place.run(TEN[6].replace("--name me", "--name you")).strip()
    place.run(TEN[7])
    assert (place.folder / "works.wav").read_bytes()[:4] == b"RIFF"
    refused = place.run(TEN[7].replace("Bearer KEY", "Bearer none").replace("-o works.wav", ""))
    assert json.loads(refused)["error"]["code"] == "invalid_api_key"


def test_prometheus_can_scrape(place):
    settings = place.folder / "etc/prometheus/prometheus.yml"
    settings.write_text("global: {scrape_interval: 15s}\nscrape_configs:\n")
    place.run(TEN[8])
    certificate = place.folder / "etc/chatterbox/tls/server.pem"
    assert "chatterbox_ready 1" in place.run(f"curl -sf --cacert {certificate} https://localhost:8000/metrics")
    assert "/etc/chatterbox/tls/server.pem" in settings.read_text() and '"localhost:8000"' in settings.read_text()
    if shutil.which("promtool"):
        settings.write_text(place.here(settings.read_text()))
        assert "SUCCESS" in place.run(f"promtool check config {settings}")


def test_keys_are_rotated_and_limits_changed(place):
    rotate, show = block("## Another key")
    assert place.run(rotate).startswith("cbx_") and "me " in place.run(show)
    time.sleep(0.02)  # times of files are no finer on some file systems
    place.run(block("## Limits")[0])
    place.until(lambda: "limits and origins changed" in place.output())
    assert "requests_per_minute=600" in (place.folder / "etc/chatterbox/chatterbox.conf").read_text()


def test_a_second_install_keeps_settings_and_the_release_before(place):
    settings = place.folder / "etc/chatterbox/chatterbox.conf"
    before = settings.read_text()
    place.run(TEN[3])
    assert settings.read_text() == before
    bad, back, _ = block("To go back to it")
    place.run(bad)
    place.run(back)
    assert "speech" in place.run("chatterbox --help")
    assert not (place.folder / "usr/local/lib/chatterbox.previous").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze") or os.geteuid() != 0, reason="needs systemd's tools, and root")
def test_user_and_folders(place):
    """As `make install` has systemd make them, below another root."""
    root = place.folder / "root"
    (root / "etc").mkdir(parents=True)
    for kind, check in (("sysusers", ["systemd-sysusers"]), ("tmpfiles", ["systemd-tmpfiles", "--create"])):
        target = root / f"usr/lib/{kind}.d/chatterbox.conf"
        target.parent.mkdir(parents=True)
        shutil.copy(place.folder / f"usr/local/lib/{kind}.d/chatterbox.conf", target)
        subprocess.run([*check, f"--root={root}"], check=True, timeout=30)
    assert "chatterbox:" in (root / "etc/passwd").read_text()
    assert (root / "etc/chatterbox/tls").stat().st_uid == (root / "var/lib/chatterbox").stat().st_uid > 0
