"""`chatterbox pull` and `chatterbox models` against a hub of our own that does everything wrong in turn."""

import os
import pty
import resource
import select
import signal
import socket
import subprocess
import time

import huggingface_hub
import pytest

from conftest import BINARY
from hub import FILES, Hub, Proxy, Repository, content

T3 = "t3_nano_v1.safetensors"
NANO = FILES["nano"]["repository"]


@pytest.fixture
def hub():
    hub = Hub()
    yield hub
    hub.close()


class Home:
    """A folder for HF_HOME and commands that run with it."""

    def __init__(self, folder, hub):
        self.folder = folder
        self.hub = hub

    def environment(self, **variables):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING")) and "proxy" not in k.lower()}
        own = {"HF_HOME": str(self.folder), "HF_ENDPOINT": self.hub.url, "HF_HUB_DOWNLOAD_TIMEOUT": "2"}
        return kept | own | variables

    def run(self, *arguments, timeout=60, preexec_fn=None, **variables):
        return subprocess.run(
            [BINARY, *arguments], env=self.environment(**variables), capture_output=True, text=True, timeout=timeout,
            preexec_fn=preexec_fn)

    def pull(self, *arguments, **options):
        return self.run("pull", *(arguments or ("nano",)), "--retry-delay", "0.01", **options)

    def start(self, *arguments):
        command = [BINARY, "pull", *arguments, "--retry-delay", "0.01"]
        return subprocess.Popen(command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def repository(self, name=NANO):
        return self.folder / "hub" / ("models--" + name.replace("/", "--"))

    def blob(self, file=T3, name=NANO):
        repository = self.hub.repositories[name]
        return self.repository(name) / "blobs" / Repository.etag(repository.files[file], file in repository.large)

    def assert_whole(self, model="nano"):
        """Every file under its name, with what the hub has; nothing unfinished; as huggingface_hub sees it too."""
        name = FILES[model]["repository"]
        repository = self.hub.repositories[name]
        snapshot = self.repository(name) / "snapshots" / repository.main
        for file in FILES[model]["large"] + FILES[model]["small"]:
            assert (snapshot / file).read_bytes() == repository.files[file], file
            assert (snapshot / file).is_symlink()
        assert not list((self.repository(name) / "blobs").glob("*.incomplete"))
        assert (self.repository(name) / "refs" / "main").read_text() == repository.main
        found = huggingface_hub.snapshot_download(name, cache_dir=self.folder / "hub", local_files_only=True)
        assert found == str(snapshot)


@pytest.fixture
def home(tmp_path, hub):
    return Home(tmp_path, hub)


def assert_good(result):
    assert result.returncode == 0, result.stderr
    return result.stderr


def assert_bad(result, *words):
    assert result.returncode == 1, (result.returncode, result.stderr)
    for word in words:
        assert word in result.stderr, result.stderr
    assert "Usage:" not in result.stderr
    return result.stderr


def test_pull(home, hub):
    hub.add("nano")
    said = assert_good(home.pull())
    home.assert_whole()
    assert "nano: 8 files" in said and "100 %" in said and "nano is ready: " in said
    assert "\r" not in said
    assert not (home.repository() / "snapshots" / hub.repositories[NANO].main / "README.md").exists()
    # again: asked, but nothing fetched
    before = len(hub.requests)
    assert "all here" in assert_good(home.pull())
    assert all(request["method"] == "HEAD" or "/api/models/" in request["path"] for request in hub.requests[before:])


def test_huggingface_hub_reads_what_we_wrote_and_the_reverse(home, hub):
    hub.add("english")
    name = FILES["english"]["repository"]
    cache = home.folder / "hub"
    # their client fetches two files from this hub, so what we test against speaks the real API
    for file in ("t3_cfg.safetensors", "tokenizer.json"):
        theirs = huggingface_hub.hf_hub_download(name, file, cache_dir=cache, endpoint=hub.url)
        assert open(theirs, "rb").read() == hub.repositories[name].files[file]
    before = len(hub.requests)
    assert_good(home.pull("english"))
    fetched = [r["path"] for r in hub.requests[before:] if r["method"] == "GET"]
    assert not [path for path in fetched if path.endswith(("t3_cfg.safetensors", "/tokenizer.json"))]
    home.assert_whole("english")
    for file in FILES["english"]["large"] + FILES["english"]["small"]:
        path = huggingface_hub.hf_hub_download(name, file, cache_dir=cache, local_files_only=True)
        assert open(path, "rb").read() == hub.repositories[name].files[file]
    info = huggingface_hub.scan_cache_dir(cache)
    assert not info.warnings
    assert [repo.repo_id for repo in info.repos] == [name]
    # and asks the hub about each file of ours without fetching any again
    before = len(hub.requests)
    for file in FILES["english"]["large"]:
        huggingface_hub.hf_hub_download(name, file, cache_dir=cache, endpoint=hub.url)
    assert all(request["method"] == "HEAD" for request in hub.requests[before:])


FAULTS = {
    "cut": [{"cut": 70_000}],
    "cut at once": [{"cut": 0}, {"cut": 0}],
    "cut more often than attempts": [{"cut": 20_000}] * 9,
    "stalled": [{"stall": 50_000, "seconds": 8}],
    "stalled at once": [{"stall": 0, "seconds": 8}],
    "corrupt": [{"corrupt": 1234}],
    "corrupt after a cut": [{"cut": 70_000}, {"corrupt": 10}],
    "too many requests": [{"status": 429, "headers": {"Retry-After": "1"}}],
    "server errors": [{"status": 500}, {"status": 502}, {"status": 503}, {"status": 504}],
    "range ignored": [{"cut": 70_000}, {"ignore_range": True}],
    "range ignored, and cut": [{"cut": 70_000}, {"ignore_range": True, "cut": 90_000}, {}],
    "range refused": [{"cut": 70_000}, {"no_range": True}],
    "another range": [{"cut": 70_000}, {"shift": 1}],
    "another file": [{"replace": b"x" * 200_000}],
    "a shorter file": [{"replace": b"x" * 100}],
    "a longer file": [{"replace": b"x" * 900_000}],
    "everything": [{"status": 503}, {"cut": 9}, {"stall": 30_000, "seconds": 8}, {"shift": -1}, {"cut": 60_000}, {"corrupt": 5}],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(home, hub, fault):
    hub.add("nano")
    hub.faults[T3] = [dict(step) for step in FAULTS[fault]]
    assert_good(home.pull())
    assert not hub.faults[T3], "not every fault was met"
    home.assert_whole()


def test_cut_goes_on_where_it_was(home, hub):
    hub.add("nano")
    hub.faults[T3] = [{"cut": 70_000}, {"cut": 50_000}]
    said = assert_good(home.pull())
    first, second, third = (start(r) for r in hub.downloads(T3))
    assert first == 0 < second <= 70_000
    assert second < third <= second + 50_000
    assert said.count(f"{T3}: the connection was cut") == 2 and "again in" in said
    home.assert_whole()


def start(request):
    """The byte a request begins at; what a cut connection had still under way is lost."""
    return int((request["range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))


def test_small_files_are_checked_too(home, hub):
    hub.add("nano")
    hub.faults["vocab.json"] = [{"corrupt": 3}]
    hub.faults["merges.txt"] = [{"cut": 10}]
    assert_good(home.pull())
    home.assert_whole()


def test_faults_of_the_api(home, hub):
    hub.add("nano")
    hub.api_faults = [{}, {"status": 503}, {"status": 429, "headers": {"Retry-After": "0"}}]
    assert_good(home.pull())
    home.assert_whole()
    hub.api_faults = [{"status": 200, "body": b"<html>log in to the hotel's network</html>"}]
    assert_bad(home.pull(), "isn't what a hub answers")


def test_always_corrupt(home, hub):
    hub.add("nano")
    hub.faults[T3] = [{"corrupt": 99, "always": True}]
    assert_bad(home.pull(), T3, "arrived damaged", Repository.etag(hub.repositories[NANO].files[T3], True))
    assert len(hub.downloads(T3)) == 2
    assert not home.blob().exists()
    assert not list(home.repository().glob("blobs/*.incomplete"))
    assert not (home.repository() / "snapshots" / hub.repositories[NANO].main / T3).exists()
    assert not (home.repository() / "refs" / "main").exists()
    hub.faults = {}
    assert_good(home.pull())
    home.assert_whole()


def test_file_changes_midway(home, hub):
    """The hub's answer for the same commit changes between two parts of a download."""
    repository = hub.add("nano")
    new = content("other", 200_000)

    def replace():
        repository.files[T3] = repository.commits[repository.main][T3] = new

    old = home.blob()
    hub.bytes_per_second = 150_000
    hub.faults[T3] = [{"cut": 60_000}]
    pull = home.start("nano")
    wait_for(lambda: size(old.with_name(old.name + ".incomplete")) > 10_000)
    replace()
    _, said = pull.communicate(timeout=60)
    assert pull.returncode == 0, said
    home.assert_whole()
    assert [start(r) > 0 for r in hub.downloads(T3)] == [False, True, False]


def size(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_pull_goes_on(home, hub, how):
    hub.add("nano")
    hub.bytes_per_second = 100_000
    pull = home.start("nano")
    incomplete = home.blob().with_name(home.blob().name + ".incomplete")
    wait_for(lambda: size(incomplete) > 40_000)
    pull.send_signal(how)
    pull.communicate(timeout=10)
    assert pull.returncode != 0
    assert not home.blob().exists()
    listed = home.run("models").stdout
    assert "nano" in listed and "complete" not in listed.split("nano", 1)[1].splitlines()[0]
    kept = size(incomplete)
    assert kept > 40_000
    hub.bytes_per_second = None
    said = assert_good(home.pull())
    assert f"{kept // 1000}" in said and " here" in said
    assert hub.downloads(T3)[-1]["range"] == f"bytes={kept}-"
    home.assert_whole()


def test_killed_between_the_last_byte_and_the_name(home, hub):
    """All bytes are there, one of them wrong."""
    repository = hub.add("nano")
    blob = home.blob()
    blob.parent.mkdir(parents=True)
    broken = bytearray(repository.files[T3])
    blob.with_name(blob.name + ".incomplete").write_bytes(broken)
    assert_good(home.pull())
    assert not hub.downloads(T3)
    home.assert_whole()
    blob.unlink()
    broken[7] ^= 1
    blob.with_name(blob.name + ".incomplete").write_bytes(bytes(broken) + b"more")
    assert_good(home.pull())
    assert len(hub.downloads(T3)) == 1
    home.assert_whole()


def test_two_at_once_share_the_work(home, hub):
    hub.add("nano")
    hub.bytes_per_second = 200_000
    pulls = [home.start("nano") for _ in range(3)]
    for pull in pulls:
        _, said = pull.communicate(timeout=60)
        assert pull.returncode == 0, said
    assert len(hub.downloads(T3)) == 1
    home.assert_whole()


def test_newer_commit(home, hub):
    repository = hub.add("nano")
    assert_good(home.pull())
    old = repository.main
    repository.files["vocab.json"] = b"{}"
    assert repository.commit() != old
    before = len(hub.requests)
    assert_good(home.pull())
    home.assert_whole()
    gets = [r["path"] for r in hub.requests[before:] if r["method"] == "GET" and "resolve" in r["path"]]
    assert gets and all(path.endswith("/vocab.json") for path in gets)
    assert (home.repository() / "snapshots" / old / T3).exists()


def test_token_goes_to_the_hub_only(home, hub):
    hub.add("nano")
    hub.token = "hf_secret"
    said = assert_bad(home.pull(), NANO, "Accept its terms at " + hub.url, "HF_TOKEN")
    assert "secret" not in said
    said = assert_bad(home.pull(HF_TOKEN="hf_wrong"), "doesn't open")
    assert "hf_wrong" not in said
    assert_good(home.pull(HF_TOKEN="hf_secret"))
    home.assert_whole()
    assert {r["authorization"] for r in hub.requests if r["server"] == "network"} == {None}
    # the token that `hf auth login` left
    (home.folder / "token").write_text("hf_secret\n")
    assert_good(home.pull())


@pytest.mark.parametrize("status,headers,words", [
    (401, {}, ["isn't open to everyone", "HF_TOKEN"]),
    (403, {"X-Error-Code": "GatedRepo"}, ["isn't open to everyone"]),
    (401, {"X-Error-Code": "RepoNotFound"}, ["has no model", NANO]),
    (404, {"X-Error-Code": "RepoNotFound"}, ["has no model", NANO]),
    (400, {}, ["status 400"]),
    (302, {}, ["a redirect to nowhere"]),
    (302, {"Location": "/again"}, ["more than 10 redirects"]),
    (500, {}, ["no answer that helps, tried 3 times", "the server said 500"]),
    (429, {"Retry-After": "0"}, ["the server said 429"]),
])
def test_refusals(home, hub, status, headers, words):
    hub.refusal = {"status": status, "headers": headers}
    assert_bad(home.pull("nano", "--attempts", "3"), *words)


def test_missing_file(home, hub):
    repository = hub.add("nano")
    del repository.files["merges.txt"]
    del repository.files["ve.safetensors"]
    repository.commit()
    assert_bad(home.pull(), "merges.txt", "ve.safetensors or ve.pt", NANO)


def test_no_network(home, hub):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
    assert_bad(home.pull("nano", "--attempts", "2", HF_ENDPOINT=nowhere), nowhere, "tried 2 times", "HTTPS_PROXY")
    assert_bad(home.pull("nano", "--attempts", "1", HF_ENDPOINT="http://no-such-host.invalid"), "no-such-host.invalid")
    assert_bad(home.pull(HF_HUB_OFFLINE="1"), "HF_HUB_OFFLINE")
    assert_bad(home.pull(HF_ENDPOINT="huggingface.co"), "HF_ENDPOINT", "https://huggingface.co")


def test_disk_full(home, hub):
    hub.add("nano", size=400_000)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    assert_bad(home.pull(preexec_fn=limit), "There is no room at", "HF_HOME")
    assert not home.blob().exists()
    assert_good(home.pull())
    assert hub.downloads(T3)[-1]["range"] == "bytes=150000-"
    home.assert_whole()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(home, hub):
    hub.add("nano")
    home.folder.chmod(0o500)
    try:
        assert_bad(home.pull(), str(home.folder))
    finally:
        home.folder.chmod(0o700)


def test_cache_that_is_a_file(home, hub):
    hub.add("nano")
    (home.folder / "hub").write_text("")
    assert_bad(home.pull(), str(home.folder / "hub"))


def test_proxy(home, hub):
    hub.add("nano")
    proxy = Proxy()
    assert_good(home.pull(HTTP_PROXY=f"http://me:secret@{proxy.address}"))
    home.assert_whole()
    assert set(proxy.seen) == {hub.url.removeprefix("http://"), hub.network.removeprefix("http://")}
    assert set(proxy.authorization) == {"Basic bWU6c2VjcmV0"}
    seen = len(proxy.seen)
    assert_good(home.pull(http_proxy=proxy.address, NO_PROXY="example.org,127.0.0.1,localhost"))
    assert len(proxy.seen) == seen
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        gone = f"127.0.0.1:{probe.getsockname()[1]}"
    assert_bad(home.pull("nano", "--attempts", "1", ALL_PROXY=gone), "no answer that helps")


def test_models_that_share_a_repository(home, hub):
    hub.add("english", "multilingual")
    assert_good(home.pull("english", "multilingual"))
    home.assert_whole("english")
    # the first names of the files that the repository has: safetensors rather than .pt
    snapshot = home.repository(FILES["english"]["repository"]) / "snapshots" / hub.repositories["ResembleAI/chatterbox"].main
    assert (snapshot / "t3_mtl23ls_v2.safetensors").exists() and not (snapshot / "s3gen.pt").exists()
    lines = {line.split()[0]: line for line in home.run("models").stdout.splitlines()}
    assert " complete " in lines["english"] and " complete " in lines["multilingual"]
    assert "23 languages" in lines["multilingual"] and str(snapshot) in lines["multilingual"]
    # multilingual moves on, english stays usable
    hub.repositories["ResembleAI/chatterbox"].files["Cangjie5_TC.json"] = b"[]"
    hub.repositories["ResembleAI/chatterbox"].commit()
    assert_good(home.pull("multilingual"))
    lines = {line.split()[0]: line for line in home.run("models").stdout.splitlines()}
    assert " complete " in lines["english"] and " complete " in lines["multilingual"]


def test_the_newest_version_is_pulled(home, hub):
    hub.add("multilingual")
    repository = hub.repositories["ResembleAI/chatterbox"]
    repository.files["t3_mtl23ls_v3.safetensors"] = b"newer" * 100
    repository.large.add("t3_mtl23ls_v3.safetensors")
    repository.commit()
    assert_good(home.pull("multilingual"))
    snapshot = home.repository("ResembleAI/chatterbox") / "snapshots" / repository.main
    assert (snapshot / "t3_mtl23ls_v3.safetensors").read_bytes() == b"newer" * 100
    assert not (snapshot / "t3_mtl23ls_v2.safetensors").exists()


def test_models(home, hub):
    hub.add("nano")
    lines = {line.split()[0]: line for line in home.run("models").stdout.splitlines()}
    assert list(lines) == ["NAME", "embedded", "nano", "turbo", "english", "multilingual"]
    assert " complete " in lines["embedded"] and "Models/embedded" in lines["embedded"]
    assert "not here" in lines["nano"] and "chatterbox pull nano" in lines["nano"]
    hub.faults["merges.txt"] = [{"status": 403, "always": True}]
    assert_bad(home.pull())
    line = {line.split()[0]: line for line in home.run("models").stdout.splitlines()}["nano"]
    assert " of 8 files" in line
    said = assert_bad(home.run("say", "Hello.", "--model", "nano", "-o", str(home.folder / "x.wav")), "merges.txt")
    assert "chatterbox pull nano" in said
    hub.faults = {}
    assert_good(home.pull())
    line = {line.split()[0]: line for line in home.run("models").stdout.splitlines()}["nano"]
    assert " complete " in line and str(home.repository() / "snapshots") in line and " 809 kB " in line


def test_names_that_are_no_model(home, hub):
    refused = home.pull("gigantic")
    assert refused.returncode == 64 and "gigantic" in refused.stderr and "multilingual" in refused.stderr
    assert home.run("pull").returncode == 64
    assert home.run("pull", "nano", "--attempts", "0").returncode == 64
    assert_bad(home.run("say", "Hello.", "--model", "english"), "chatterbox pull english")
    nowhere = home.run("say", "Hello.", "--model", str(home.folder / "none"))
    assert nowhere.returncode != 0 and "There is no model at" in nowhere.stderr


def test_bar_on_a_terminal(home, hub):
    hub.add("nano", size=600_000)
    hub.bytes_per_second = 1_500_000
    ours, theirs = pty.openpty()
    pull = subprocess.Popen([BINARY, "pull", "nano"], env=home.environment(), stderr=theirs, stdout=theirs)
    os.close(theirs)
    said = b""
    while pull.poll() is None or select.select([ours], [], [], 0.2)[0]:
        try:
            said += os.read(ours, 4096)
        except OSError:
            break
    os.close(ours)
    assert pull.wait(timeout=30) == 0
    assert said.count(b"\r") > 5 and "█".encode() in said and b"MB/s" in said
    assert b"nano is ready: " in said.splitlines()[-1]
