"""What benchmarks are computed and told with; nothing here looks at a clock."""

import json
import os
import subprocess
import sys

import pytest
from conftest import BINARY, ROOT
from official import manifest, write_folder

sys.path.insert(0, str(ROOT / "Benchmarks"))
import limits  # noqa: E402
import report  # noqa: E402

STAGES = ["t3_prefill_new_voice", "t3_prefill", "t3_token", "t3_token_of_sessions", "sampling", "s3gen_first_chunk",
          "s3gen_later_chunk", "vocoder_chunk"]


def test_first_byte(tmp_path):
    """Both ways send the same audio; how soon is for quiet machines to say."""
    script = ROOT / "Benchmarks" / "first_byte.py"
    out = tmp_path / "times.json"
    ran = subprocess.run([sys.executable, str(script), "--pairs", "1", "--json", str(out)], cwd=tmp_path,
                         capture_output=True, text=True, timeout=120, env=dict(os.environ, CHATTERBOX_BINARY=str(BINARY)))  # fmt: skip
    assert ran.returncode == 0 and "HTTP is" in ran.stdout, ran.stdout + ran.stderr
    assert json.loads(out.read_text()).keys() == {"WebSocket", "HTTP"}


def stages(*options):
    return subprocess.run([str(BINARY), "stages", *map(str, options)], capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder("english", tmp_path_factory.mktemp("english"), small=True)


def test_stages(folder):
    answer = stages("--model", folder, "--rounds", 1, "--sessions", 2, "--chunk-size", 10, "--context-window", 10, "--threads", 1)
    assert answer.returncode == 0, answer.stderr
    times = json.loads(answer.stdout)
    assert [stage["name"] for stage in times["stages"]] == STAGES
    assert all(0 < stage["least"] <= stage["median"] <= stage["most"] for stage in times["stages"])
    assert times["setting"] == {"rounds": 1, "sessions": 2, "chunk_size": 10, "context_window": 10}
    # guidance doubles T3's rows and the flow's 10 passes; speaker, perceiver and emotion are in front of the text
    assert (times["rows"], times["flow_passes"], times["prompt_tokens"]) == (2, 20, 10)
    assert times["positions"] - times["text_positions"] == 1 + 32 + 1


@pytest.mark.parametrize("option", ["--rounds", "--sessions", "--chunk-size", "--context-window"])
def test_stages_refuses(option):
    answer = stages(option, 1000)
    assert answer.returncode == 64 and option in answer.stderr


def times_of(**changes):
    setting = {"chunk_size": 25, "context_window": 50, "rounds": 5, "sessions": 8}
    return {"precision": "int8", "positions": 400, "text_positions": 24, "rows": 1, "prompt_tokens": 250, "lookahead_tokens": 3,
            "flow_passes": 2, "setting": setting} | changes


def test_t3_reads_each_weight_once():
    t3 = manifest("t3_nano_v1")
    layers = 12 * 12 * 768**2
    assert limits.matching(t3, r"tfmr\.(h|layers)\.") == layers
    work = limits.t3_work(t3, times_of(), "int8")
    cached = 420 * 2 * 12 * 768 * 2
    assert work["t3_token"][1] == layers + 6563 * 768 + cached
    # sessions share the weights, not what they have read
    assert work["t3_token_of_sessions"][1] == layers + 6563 * 768 + 8 * cached
    assert work["t3_token_of_sessions"][0] == 8 * work["t3_token"][0]
    operations = 2 * layers * 24 + 4 * 768 * 12 * (24 * 376 + 24 * 25 / 2) + 2 * 6563 * 768
    assert work["t3_prefill"][0] == operations


def test_guidance_doubles_the_flow():
    s3gen = manifest("s3gen")
    once = limits.s3gen_work(s3gen, times_of(flow_passes=10), 25, "bfloat16")
    twice = limits.s3gen_work(s3gen, times_of(flow_passes=20), 25, "bfloat16")
    assert once[0] == twice[0] and 2 * once[1] == twice[1] and once[2] == twice[2]
    # 544 frames: the encoder's width is 512 at 275 tokens, and twice as many frames behind its upsampling
    blocks = 6 * (5 * 512**2 + 2 * 512 * 2048) + 512**2 + 512**2 * 4 + 512**2 * 3
    ups = 4 * (5 * 512**2 + 2 * 512 * 2048) + 512**2 * 5 + 512**2 + 80 * 512
    attention = 6 * 4 * 275**2 * 512 + 4 * 4 * 550**2 * 512
    assert once[0] == 2 * blocks * 275 + 2 * ups * 550 + attention


def test_stages_have_limits(folder):
    work = limits.of_stages(folder, "guided", times_of(rows=2, flow_passes=20, prompt_tokens=10))
    assert list(work) == [name for name in STAGES if name != "sampling"]
    rates = {"bytes": 1e9, "float32": 1e9, "bfloat16": 2e9}
    assert all(stage["operations"].keys() == {"bfloat16"} for stage in work.values())
    assert limits.seconds({"operations": {"bfloat16": 4e9, "float32": 1e9}, "bytes": 2e9}, rates) == 3
    assert limits.seconds({"operations": {"bfloat16": 1e9}, "bytes": 2e9}, rates) == 2


def test_page(tmp_path):
    run = lambda first, total: {"first": first, "total": total, "audio": 6.0, "tokens": 150}
    side = lambda first, total: {"first": first, "rtf": total / 6, "tokens": 150, "runs": [run(first, total)] * 3}
    results = report.Results(tmp_path / "benchmarks.json")
    machine = {"cpu": "a CPU", "cores": 2, "flags": ["avx2"], "memory_gb": 8, "system": "a system", "torch": "2.6.0", "commit": "abc",
               "changed": False, "date": "2026-01-01"}
    setting = {"threads": 2, "chunk": 25, "context": 50, "prompt_seconds": 10, "text": "Hello."}
    results.begin(machine, {"bytes": 1e10, "float32": 2e11, "bfloat16": 4e11}, setting)
    results.add("speed", "nano", {
        "rounds": 3, "tokens": 150, "others": 0.01, "fixed": side(0.5, 3), "defaults": side(0.25, 2), "memory": 1000, "load": 1,
        "reference": side(2, 24) | {"memory": 3000, "load": 4, "imports": 3}})
    again = report.Results(tmp_path / "benchmarks.json")
    report.write(again.data, tmp_path / "benchmarks.md")
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| nano | 4.0 | 8.0 | 8.0 | 12.0 | 3.0 | 4.0 |" in page
    assert "| nano | reference | 2.00 (2.00–2.00) | 4.00 (4.00–4.00) | 3,000 | 4.00 (imports 3.00) |" in page
    assert "| nano | 150 | 3 | 0.01 | abc | 2026-01-01 |" in page
    # rates only rise, and another machine's results don't stand beside
    again.begin(machine, {"bytes": 5e9, "float32": 3e11, "bfloat16": 4e11}, setting)
    assert again.data["rates"] == {"bytes": 1e10, "float32": 3e11, "bfloat16": 4e11}
    again.begin(machine | {"cpu": "another"}, {}, setting)
    assert "speed" not in again.data
