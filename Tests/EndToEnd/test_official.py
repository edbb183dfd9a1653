"""Folders of the official models, small and with random weights: they load by their files, stream over the WebSocket, and
`verify` passes them; a flawed one is refused with the tensor's name."""

import json
import struct
import subprocess

import pytest
from conftest import BINARY, Server
from official import T3, write_folder
from websocket_client_python import ChatterboxStreamingClient

VARIANTS = [*T3, "english-meanflow"]


@pytest.fixture(scope="module", params=VARIANTS)
def folder(request, tmp_path_factory):
    name = request.param
    model = name.removesuffix("-meanflow")
    return write_folder(model, tmp_path_factory.mktemp(name), small=True, meanflow=name != model)


def verify(folder, *options):
    return subprocess.run(
        [str(BINARY), "verify", str(folder), *options], capture_output=True, text=True, timeout=300)


def rewrite(path, change):
    """Writes a safetensors file anew, its tensors changed: `{key: [type, shape, bytes]}`."""
    whole = path.read_bytes()
    start = 8 + struct.unpack("<Q", whole[:8])[0]
    tensors = {
        key: [entry["dtype"], entry["shape"], bytes(memoryview(whole)[start:][slice(*entry["data_offsets"])])]
        for key, entry in json.loads(whole[8:start]).items()
    }
    change(tensors)
    header, at = {}, 0
    for key, (dtype, shape, data) in tensors.items():
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def test_verify_passes(folder):
    answer = verify(folder)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Every tensor is as it should be." in answer.stdout
    assert "predicts text, which only training does" in answer.stdout


async def test_streams(folder):
    server = Server("--model", str(folder))
    try:
        server.wait_until_ready(300)
        async with ChatterboxStreamingClient(base_url=server.ws) as client:
            results = [
                await client.stream_speech(
                    "Hello there, this is a test.", voice="default", chunk_size=10, max_new_tokens=100, seed=seed)
                for seed in (5, 5, 6)
            ]
        first, again, other = results
        assert len(first.chunks) > 1 and first.audio_seconds > 0.3
        assert first.pcm == again.pcm != other.pcm
        assert any(first.pcm)
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("flaw", ["missing", "renamed", "misshapen"])
def test_flaws_are_named(folder, flaw, tmp_path):
    t3 = next(folder.glob("t3_*.safetensors"))
    original = t3.read_bytes()
    key = "cond_enc.spkr_enc.bias"

    def change(tensors):
        tensor = tensors.pop(key)
        if flaw == "renamed":
            tensors[key + "_"] = tensor
        elif flaw == "misshapen":
            tensors[key] = [tensor[0], [1, *tensor[1]], tensor[2]]

    rewrite(t3, change)
    try:
        answer = verify(folder)
        assert answer.returncode == 1 and key in answer.stdout, answer.stdout + answer.stderr
        said = subprocess.run(
            [str(BINARY), "say", "Hello.", "--model", str(folder), "-o", str(tmp_path / "x.wav")],
            capture_output=True, text=True, timeout=300)
        assert said.returncode != 0 and key in said.stderr, said.stderr
    finally:
        t3.write_bytes(original)
