"""Requests that mean harm: to read or write elsewhere, to fill the memory, to keep a core busy, to be taken for another."""

import gzip
import json
import os
import pathlib
import socket
import time
import zlib

import pytest
from http_client import ask
from malformed import text_frame
from test_malformed import RawSocket

SECRET = "chatterbox-secret"


@pytest.fixture(scope="module")
def server(own_server):
    """With a file beside its folders that nobody may read."""
    (own_server.data / "secret").write_text(SECRET)
    before = memory(own_server)
    yield own_server
    assert memory(own_server) < before + 300, "MB that hostile requests left behind"
    left = {str(path.relative_to(own_server.data)) for path in own_server.data.rglob("*") if path.is_file()}
    strangers = {name for name in left if name.split("/")[0] not in ("voices", "long_text")} - {"secret"}
    assert not strangers, "files outside of the server's folders"


def memory(server):
    return int(pathlib.Path(f"/proc/{server.process.pid}/status").read_text().split("VmRSS:")[1].split()[0]) // 1024


def exchange(server, data, seconds=10):
    """Sends bytes as they are; what comes back until the server closes, or has answered."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as link:
        try:
            for start in range(0, len(data), 1 << 16):
                link.sendall(data[start : start + (1 << 16)])
        except ConnectionError:
            pass  # closed while we were still sending: what it said counts
        link.settimeout(seconds)
        answer = b""
        try:
            while piece := link.recv(1 << 16):
                answer += piece
                head, end, body = answer.partition(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                if end and length and len(body) >= int(length[0].split(b":")[1]):
                    break
        except ConnectionError:
            pass
    return answer


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer else None


def head(server, line, *headers):
    return "\r\n".join([line, f"Host: {server.address}", *headers, "", ""]).encode("latin-1")


def well(server):
    assert ask(server, "GET", "/health", timeout=5).status == 200
    assert server.process.poll() is None


# Elsewhere.

CLIMBS = ["../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "..%5csecret", "....//secret", "..%c0%afsecret",
          "%252e%252e%252fsecret", "/etc/passwd", "%2fetc%2fpasswd", "..%00.wav", "secret%00", ".", "..", "%00"]  # fmt: skip
PLACES = ["/", "/web/", "/voices/", "/voices/x/../", "/voices/default/", "/v1/voices/", "/audio/speech/long/", "/models/"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_no_path_leads_out(server, place, method):
    for climb in CLIMBS:
        for end in ["", "/download", "/preview", "/details", "/aliases"]:
            answer = exchange(server, head(server, f"{method} {place}{climb}{end} HTTP/1.1", "Connection: close"))
            assert SECRET.encode() not in answer and b"root:" not in answer, climb
            assert status(answer) in (200, 307, 400, 404, 405, 409, 422), (climb, end, answer[:300])
    assert (server.data / "secret").read_text() == SECRET
    well(server)


@pytest.mark.parametrize("name", ["../secret", "..", ".hidden", "a/b", "a\\b", "/etc/passwd", "a\0b", "a\nb", "", "x" * 101])
def test_no_voice_is_called_so(server, name):
    answer = ask(server, "POST", "/voices", form={"voice_name": name}, files={"voice_file": ("x.wav", b"RIFF1234")})
    assert answer.status == 422, answer.body
    assert ask(server, "POST", "/audio/speech", {"input": "Hi.", "voice": name or "/"}).status in (404, 422)


@pytest.mark.parametrize("name", ["../../x.wav", "/etc/cron.d/x.wav", "..\\..\\x.wav", "a\0/../../x.wav", "x\".wav", "x.wav/", ".wav"])
def test_files_stay_in_the_folder(server, name):
    answer = ask(server, "POST", "/voices", form={"voice_name": "kept"}, files={"voice_file": (name.replace('"', '\\"'), b"RIFF1234")})
    assert answer.status in (201, 422), answer.body
    files = [path for path in server.data.rglob("*") if path.read_bytes() == b"RIFF1234"] if answer.status == 201 else []
    assert all(path.parent == server.data / "voices" for path in files)
    ask(server, "DELETE", "/voices/kept")


def test_names_do_not_become_headers(server):
    body = {"input": "Hi.", "x\r\nSet-Cookie: a=b": 1, **{f"qqqqqqqqqqqqqqqqqqqq{n}" + "x" * 500: n for n in range(200)}}
    answer = ask(server, "POST", "/audio/speech", body)
    assert answer.status == 200 and "set-cookie" not in answer.headers
    assert len(answer.headers["x-ignored-fields"]) < 4000


# Memory.

BOMB = gzip.compress(bytes(50 << 20))


@pytest.mark.parametrize("encoding,content", [
    ("gzip", BOMB), ("deflate", zlib.compress(bytes(50 << 20))), ("gzip", gzip.compress(b'{"input": "Hi."}')), ("br", b"\x0b"),
    ("gzip, gzip", gzip.compress(BOMB)),
])  # fmt: skip
def test_compressed_bodies_are_refused(server, encoding, content):
    line = head(server, "POST /v1/audio/speech HTTP/1.1", "Content-Type: application/json", f"Content-Encoding: {encoding}",
                f"Content-Length: {len(content)}", "Connection: close")  # fmt: skip
    answer = exchange(server, line + content)
    assert status(answer) == 415 and b"identity" in answer


def test_large_heads_are_refused(server):
    for lines in [["X-A: " + "a" * (1 << 20)], [f"X-{n}: {n}" for n in range(50_000)], ["A" * (1 << 20) + ": x"]]:
        answer = exchange(server, head(server, "GET /health HTTP/1.1", *lines, "Connection: close"))
        assert status(answer) in (None, 400, 431), answer[:200]
    answer = exchange(server, head(server, "GET /" + "a" * (1 << 20) + " HTTP/1.1", "Connection: close"))
    assert status(answer) in (None, 400, 404, 414, 431), answer[:200]
    well(server)


def test_bodies_without_end_are_cut(server):
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    line = head(server, "POST /status/history/clear HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")
    assert status(exchange(server, line + chunk * 800)) in (None, 200, 400, 413)
    line = head(server, "POST /v1/audio/speech HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")
    assert status(exchange(server, line + chunk * 800)) in (None, 413)
    well(server)


# Time.

@pytest.mark.parametrize("path,kind", [("/v1/audio/speech", "application/json"), ("/audio/speech/upload", "application/json")])
@pytest.mark.parametrize("shape", ["[" * 400 + "]" * 400, "0", "{}", '{"a":[1.5]}'], ids=["nested", "zeros", "objects", "mixed"])
def test_lists_do_not_keep_a_core(server, path, kind, shape):
    body = '{"input": "Hi.", "x": [' + ",".join([shape] * (2_000_000 // len(shape))) + "]}"
    start = time.monotonic()
    answer = ask(server, "POST", path, headers={"Content-Type": kind}, raw=body.encode())
    assert answer.status == 422 and answer.json["error"]["code"] == "invalid_json"
    assert time.monotonic() - start < 5


async def test_lists_do_not_keep_a_socket(server):
    link = await RawSocket.open(server)
    await link.send(text_frame('{"type": "ping", "data": [' + ",".join(["[" * 60 + "]" * 60] * 8000) + "]}"))
    assert json.loads((await link.receive())[1])["code"] == "invalid_json"
    await link.close()


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_thousands_of_fields_are_refused(server, kind):
    names = [f"qwertyuiopasdfghjkl{n}" for n in range(30_000)]
    body = json.dumps({"input": "Hi.", **dict.fromkeys(names, 0)}) if "json" in kind else "&".join(f"{n}=0" for n in names)
    start = time.monotonic()
    answer = ask(server, "POST", "/audio/speech/upload", headers={"Content-Type": kind}, raw=body.encode())
    assert answer.status == 422 and "fields" in answer.json["error"]["message"] and len(answer.body) < 2000
    assert time.monotonic() - start < 5


def test_a_boundary_that_nearly_is_everywhere(server):
    kind = "multipart/form-data; boundary=" + "-" * 69 + "x"
    start = time.monotonic()
    answer = ask(server, "POST", "/audio/speech/upload", headers={"Content-Type": kind}, raw=b"-" * (2 << 20))
    assert answer.status == 422
    assert time.monotonic() - start < 10


# Numbers, fields and bytes that are none.

NUMBERS = ["exaggeration", "cfg_weight", "temperature", "top_p", "speed", "alignment_threshold", "chunk_size", "seed", "sample_rate"]


@pytest.mark.parametrize("value", ["nan", "NaN", "-nan", "inf", "-Infinity", "1e400", "-1e400", "1e-400x", "0x", "१"])
def test_no_number_is_told_as_such(server, value):
    for name in NUMBERS:
        answer = ask(server, "POST", "/audio/speech/upload", form={"input": "Hi.", name: value})
        assert answer.status == 422 and name in answer.fields, (name, answer.body[:300])
        raw = f'{{"input": "Hi.", "{name}": {value}}}'.encode()
        answer = ask(server, "POST", "/audio/speech", headers={"Content-Type": "application/json"}, raw=raw)
        assert answer.status == 422 and answer.json["error"]["code"] == "invalid_json"


@pytest.mark.parametrize("body,code", [
    (b'{"input": "Hi.", "input": "Ho."}', "invalid_json"), (b'{"input": "Hi.", "speed": 1, "sp\\u0065ed": 2}', "invalid_json"),
    (b'{"input": "Hi."}\0', "invalid_json"), (b'\0{"input": "Hi."}', "invalid_json"), (b'{"input": "\0"}', "invalid_json"),
    (b'{"input": "\\u0000"}', "empty_text"), (b'{"input": "Hi.", "voice": "allo\\u0000y"}', "unknown_voice"),
    (b'\xff\xfe{\0}\0', "invalid_json"), (b'{"input": "\xc0\xaf"}', "invalid_json"), (b"", "invalid_json"),
])  # fmt: skip
def test_twice_and_null(server, body, code):
    answer = ask(server, "POST", "/audio/speech", headers={"Content-Type": "application/json"}, raw=body)
    assert (answer.status, answer.json["error"]["code"]) == (422, code)


@pytest.mark.parametrize("kind,statuses", [
    ("text/xml", [415]), ("application/xml; charset=utf-8", [415]), ("image/png", [415]), ("multipart/form-data", [422]),
    ("multipart/form-data; boundary=", [422]), ("multipart/form-data; boundary=" + "b" * 71, [422]),
    ("multipart/mixed; boundary=b", [415]), ("a" * 5000, [415]), (";;;=;\"", [415, 422]), ("application/json; charset=utf-16", [422]),
])  # fmt: skip
def test_content_types(server, kind, statuses):
    content = '{"input": "Hi."}'.encode("utf-16" if "utf-16" in kind else "utf-8")
    answer = ask(server, "POST", "/audio/speech/upload", headers={"Content-Type": kind}, raw=content)
    assert answer.status in statuses and len(answer.body) < 2000


# What one side of a proxy might read otherwise than the other.

@pytest.mark.parametrize("headers", [
    ["Content-Length: 16", "Content-Length: 17"], ["Content-Length: +16"], ["Content-Length: 0x10"], ["Content-Length: -1"],
    ["Content-Length: 99999999999999999999"], ["Content-Length: 16", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: chunked, identity"], ["Transfer-Encoding: xchunked"], ["Content-Length : 16"], ["X: a\0b"], [" X: folded"],
])  # fmt: skip
def test_ambiguous_lengths_are_refused(server, headers):
    line = head(server, "POST /v1/audio/speech HTTP/1.1", "Content-Type: application/json", *headers, "Connection: close")
    answer = exchange(server, line + b'{"input": "Hi."}')
    assert status(answer) in (None, 400, 501), answer[:300]
    well(server)


@pytest.mark.parametrize("line", [
    "GET /health", "GET /health HTTP/9.9", "G\0T /health HTTP/1.1", "GET /he\0alth HTTP/1.1",
    "PRI * HTTP/2.0", "CONNECT 127.0.0.1:22 HTTP/1.1", "TRACE / HTTP/1.1", "GET http://169.254.169.254/latest HTTP/1.1",
    "BREW /health HTTP/1.1",
])  # fmt: skip
def test_odd_request_lines(server, line):
    answer = exchange(server, head(server, line, "Connection: close"), seconds=3)
    assert status(answer) in (None, 400, 404, 405, 501, 505), answer[:300]
    well(server)


@pytest.mark.parametrize("size", ["ffffffffffffffff", "fffffffffffffffff", "-1", "", "zz", "7fffffff" + ";x" * 20000])
def test_chunk_sizes(server, size):
    line = head(server, "POST /v1/audio/speech HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
        link.sendall(line + size.encode() + b"\r\n" + os.urandom(100))
        link.shutdown(socket.SHUT_WR)
        assert status(link.recv(1 << 16)) in (None, 400, 413, 422)
    well(server)
