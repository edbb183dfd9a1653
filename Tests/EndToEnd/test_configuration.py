"""The file of settings: what isn't one, or is out of its range, is told by name, at the start and when the file changes."""

import os
import re
import signal
import subprocess
import time

import pytest
from conftest import BINARY, Server
from http_client import ask
from test_lifecycle import run

ENVIRONMENT_ONLY = {"CHATTERBOX_CONFIG", "CHATTERBOX_MODELS", "CHATTERBOX_API_KEY"}


def names_of_help():
    """Those in brackets, and those that only the text in front names."""
    text = re.sub(r"\s+", " ", subprocess.run([BINARY, "serve", "--help"], capture_output=True, text=True, check=True).stdout)
    bracketed = {name for part in re.findall(r"\[([^]]+)\]", text) for name in re.findall(r"\b[A-Z][A-Z_]+\b", part)}
    return (bracketed | set(re.findall(r"\b(?:LONG_TEXT|CFG|CHATTERBOX_JWT)_[A-Z_]+\b", text)) | {"EXAGGERATION", "TEMPERATURE"}) - ENVIRONMENT_ONLY


@pytest.mark.parametrize("text, told", [
    ("CHATTERBOX_MAX_CONECTIONS=3", ["line 1", "no setting CHATTERBOX_MAX_CONECTIONS", "nearest are CHATTERBOX_MAX_CONNECTIONS,"]),
    ("# limits\n\nexport KEY_LIMITS=streams=2\nPORT=1\nALSO=x", ["line 3", "no setting KEY_LIMITS", "CHATTERBOX_KEY_LIMITS"]),
    ("HF_TOKEN=x", ["line 1", "HF_TOKEN", "environment only"]),
    ("PORT=1\nchatterbox_port=3", ["line 2 is not NAME=value"]),
    ("PORT=70000", ['PORT is "70000"', "0 to 65535"]),
    ("CHATTERBOX_MAX_CONNECTIONS=0", ['CHATTERBOX_MAX_CONNECTIONS is "0"', "1 to 100000"]),
    ("CHATTERBOX_SLOW_REQUEST=-1", ["CHATTERBOX_SLOW_REQUEST", "0.0 to 86400.0"]),
    ("CHATTERBOX_AUTHENTICATION=yes", ["CHATTERBOX_AUTHENTICATION", "on, off"]),
    ("LONG_TEXT_CHUNK_SIZE=99", ["LONG_TEXT_CHUNK_SIZE", "100 to 3000"]),
    ("LOG_LEVEL=loud", ["LOG_LEVEL", "warning"]),
    ("CHATTERBOX_KEY_LIMITS=streems=2", ["streems", "requests_per_minute"]),
    ("CHATTERBOX_TLS_KEY=x", ["go together"]),
])  # fmt: skip
def test_a_file_that_cannot_be_used(tmp_path, text, told):
    file = tmp_path / "chatterbox.conf"
    file.write_text(text + "\n")
    result = run("serve", "--config", str(file))
    assert result.returncode != 0 and not result.stdout
    assert str(file) in result.stderr and all(part in result.stderr for part in told), result.stderr


def test_a_mistake_stands_though_the_command_line_goes_before_it(tmp_path):
    file = tmp_path / "chatterbox.conf"
    file.write_text("PORT=none\n")
    assert 'PORT is "none"' in run("serve", "--config", str(file), "--port", "0").stderr


def test_every_name_of_the_help_is_a_setting(tmp_path):
    names = names_of_help()
    assert len(names) > 40 and {"HOST", "CORS_ORIGINS", "VOICE_LIBRARY_DIR", "CHATTERBOX_JWT_SECRET", "CFG_WEIGHT"} <= names
    file = tmp_path / "chatterbox.conf"
    file.write_text("".join(f"{name}=\n" for name in sorted(names)) + "PORT=x\n")
    assert 'PORT is "x"' in run("serve", "--config", str(file)).stderr


def test_a_changed_file_counts_only_if_all_of_it_can_be_used(tmp_path):
    file = tmp_path / "chatterbox.conf"
    file.write_text("CHATTERBOX_ADDRESS_LIMITS=text_length=5\nCHATTERBOX_GRACE=3\n")
    server = Server("--config", str(file))
    server.wait_until_ready()

    def change(text, told):
        before = server.output().count(told)
        time.sleep(0.02)  # times of files are no finer on some file systems
        file.write_text(text)
        os.kill(server.process.pid, signal.SIGHUP)
        deadline = time.monotonic() + 10
        while server.output().count(told) == before:
            assert time.monotonic() < deadline, server.output()
            time.sleep(0.02)

    def length_allowed(text):
        return ask(server, "POST", "/v1/audio/speech", body={"input": text}).status == 200

    assert not length_allowed("Six ch")
    for text, told in (
        ("CHATTERBOX_ADDRESS_LIMITS=text_length=50\nCHATTERBOX_GRACES=3\n", "no setting CHATTERBOX_GRACES"),
        ("CHATTERBOX_ADDRESS_LIMITS=text_length=50\nCHATTERBOX_GRACE=-3\n", "CHATTERBOX_GRACE is"),
        ("CHATTERBOX_ADDRESS_LIMITS=text_length=50\nrubbish\n", "line 2 is not NAME=value"),
    ):
        change(text, told)
        # The change may be seen before the signal, and then is told before it.
        assert any(told in line and "stay as they were" in line for line in server.output().splitlines()), server.output()
        assert not length_allowed("Six ch")
    change("CHATTERBOX_ADDRESS_LIMITS=text_length=50\nCHATTERBOX_GRACE=3\n", "limits and origins changed")
    assert length_allowed("Six ch")
    assert server.stop() == 0, server.output()
