"""Who gets in, with what, how often, and what the log tells of it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import openai
import pytest
import websockets
from conftest import BINARY, ROOT, Server
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from http_client import ask
from websocket_client_python import ChatterboxStreamingClient, StreamingError

TEXT = {"input": "Hi there.", "voice": "alloy"}
SECRET = "a secret of no less than 32 bytes"
ISSUER, AUDIENCE = "https://issuer.example", "chatterbox"


def key(data, *arguments):
    """Runs `chatterbox key`; what it prints to standard output is the key, if it makes one."""
    environment = dict(os.environ, CHATTERBOX_KEYS=str(data / "keys.sqlite"))
    result = subprocess.run(
        [str(BINARY), "key", *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def key_error(data, *arguments):
    environment = dict(os.environ, CHATTERBOX_KEYS=str(data / "keys.sqlite"))
    result = subprocess.run([str(BINARY), "key", *arguments], env=environment, capture_output=True, text=True)
    assert result.returncode != 0
    return result.stderr


def token(signing_key=SECRET, algorithm="HS256", kid=None, **claims):
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": time.time() + 60, "scope": "speak", **claims}
    headers = {"kid": kid} if kid else {}
    return jwt.encode({k: v for k, v in payload.items() if v is not None}, signing_key, algorithm, headers)


class KeySetServer:
    """An issuer's JSON Web Key Set, which tests change."""

    def __init__(self):
        self.keys = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"keys": outer.keys}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, kid, algorithm):
        """A new pair of keys, whose public half is in the set from now on."""
        if algorithm == "RS256":
            private, maker = rsa.generate_private_key(65537, 2048), jwt.algorithms.RSAAlgorithm
        else:
            private, maker = ec.generate_private_key(ec.SECP256R1()), jwt.algorithms.ECAlgorithm
        self.keys.append({**json.loads(maker.to_jwk(private.public_key())), "kid": kid, "use": "sig"})
        return private


class Protected:
    """A server with three keys, tokens, a configuration file and a log of everything."""

    def __init__(self, data):
        self.speak = key(data, "create", "--name", "speaker")
        self.voices = key(data, "create", "--name", "librarian", "--scopes", "voices")
        self.admin = key(data, "create", "--name", "boss", "--scopes", "admin")
        self.issuer = KeySetServer()
        self.configuration = data / "chatterbox.env"
        self.configure("")
        self.data = data
        os.environ["CHATTERBOX_JWT_SECRET"] = SECRET
        try:
            self.server = Server(
                "--keys", str(data / "keys.sqlite"), "--config", str(self.configuration), "--jwt-issuer", ISSUER,
                "--jwt-audience", AUDIENCE, "--jwt-keys", self.issuer.url, "--jwt-refresh", "1",
                "--log-level", "trace", data=data,
            )  # fmt: skip
        finally:
            del os.environ["CHATTERBOX_JWT_SECRET"]
        self.server.wait_until_ready()

    def configure(self, text):
        self.configuration.write_text(text)

    def reconfigure(self, text, told):
        """Changes the configuration, sends SIGHUP, and waits until the server says so."""
        before = self.server.output().count(told)
        time.sleep(0.02)  # times of files are no finer on some file systems
        self.configure(text)
        os.kill(self.server.process.pid, signal.SIGHUP)
        wait_for(lambda: self.server.output().count(told) > before)

    def ask(self, method, path, bearer=None, **more):
        headers = more.pop("headers", {})
        if bearer:
            headers = {"Authorization": f"Bearer {bearer}", **headers}
        return ask(self.server, method, path, headers=headers, **more)

    def speech(self, bearer=None, **more):
        return self.ask("POST", "/v1/audio/speech", bearer, body=TEXT, **more)


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def protected(tmp_path_factory):
    protected = Protected(tmp_path_factory.mktemp("access"))
    yield protected
    protected.issuer.server.shutdown()
    assert protected.server.stop() == 0, protected.server.output()


def refused(answer, status, code):
    assert answer.status == status, answer.body
    assert answer.json["error"]["code"] == code and answer.json["error"]["message"]
    assert answer.json["detail"][0]["type"] == code
    return answer


def test_every_way_to_send_a_key(protected):
    for headers in (
        {"Authorization": f"Bearer {protected.speak}"},
        {"authorization": f"bearer  {protected.speak} "},
        {"X-API-Key": protected.speak},
        {"xi-api-key": protected.speak},
    ):
        answer = protected.speech(headers=headers)
        assert answer.status == 200 and answer.body[:4] == b"RIFF", headers
    # As a link, which has no headers; texts aren't spoken by a link.
    assert protected.ask("GET", f"/v1/models?api_key={protected.speak}").status == 200
    refused(protected.ask("POST", f"/v1/audio/speech?api_key={protected.speak}", body=TEXT), 401, "missing_api_key")


def test_wrong_keys(protected):
    answer = refused(protected.speech(), 401, "missing_api_key")
    assert answer.headers["www-authenticate"] == 'Bearer realm="chatterbox"'
    changed = protected.speak[:-1] + ("0" if protected.speak[-1] != "0" else "1")
    for wrong in (changed, "none", protected.speak.upper(), "é" * 10):
        answer = refused(protected.speech(headers={"X-API-Key": wrong.encode().decode("latin1")}), 401, "invalid_api_key")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_what_is_open(protected):
    for path in ("/", "/web/studio.js", "/health", "/ready", "/v1/ping", "/openapi.json", "/ws/stream/status"):
        assert protected.ask("GET", path).status == 200, path
    document = protected.ask("GET", "/openapi.json").json
    assert {"bearer", "api_key"} <= set(document["components"]["securitySchemes"])
    closed = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["security"]:
                assert {"401", "403"} <= set(operation["responses"]), path
                closed.add(method)
                # Metrics are for this machine itself, but not for those who come through a proxy on it.
                answer = protected.ask(method.upper(), path, headers={"X-Forwarded-For": "1.2.3.4"})
                assert answer.status == 401, (method, path, answer.body)
    assert closed == {"get", "post", "put", "patch", "delete"}
    assert protected.ask("GET", "/metrics").status == 200
    assert protected.ask("GET", "/metrics", protected.admin, headers={"X-Forwarded-For": "1.2.3.4"}).status == 200


def test_scopes(protected):
    needs = [
        ("GET", "/voices", "speak voices"), ("POST", "/voices/cleanup", "voices"), ("GET", "/status", "admin"),
        ("GET", "/status/history", "admin"), ("GET", "/audio/speech/long", "speak"), ("GET", "/models", "speak voices"),
        ("GET", "/memory", "admin"), ("GET", "/ws/stream/connections", "admin"), ("GET", "/info", "admin"),
    ]  # fmt: skip
    for method, path, scopes in needs:
        for scope in ("speak", "voices", "admin"):
            answer = protected.ask(method, path, getattr(protected, scope))
            if scope in scopes or scope == "admin":
                assert answer.status == 200, (path, scope)
            else:
                answer = refused(answer, 403, "insufficient_scope")
                assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    refused(protected.speech(protected.voices), 403, "insufficient_scope")


def test_long_texts_have_owners(protected):
    """What one key has spoken is none of another's business; the operator sees all."""
    other = key(protected.data, "create", "--name", "neighbour")
    path = "/v1/audio/speech/long"
    body = {"input": "A long text of somebody's own. " * 101}
    job = protected.ask("POST", path, protected.speak, body=body).json["job_id"]
    for one in (f"{path}/{job}", f"{path}/{job}/details"):
        assert protected.ask("GET", one, protected.speak).status == 200
        assert protected.ask("GET", one, protected.admin).status == 200
        assert protected.ask("GET", one, other).status == 404
    assert protected.ask("PUT", f"{path}/{job}/pause", other).status == 404
    assert protected.ask("DELETE", f"{path}/{job}?action=delete", other).status == 404
    bulk = {"job_ids": [job], "action": "delete", "confirm": True}
    assert protected.ask("POST", path + "/bulk", other, body=bulk).json["success_count"] == 0
    for listing, count in ((path, "total_jobs"), ("/audio/speech/long-history", "total_jobs"), ("/audio/speech/long-history/stats", "total_jobs")):
        assert protected.ask("GET", listing, other).json[count] == 0, listing
        assert protected.ask("GET", listing, protected.speak).json[count] == 1, listing
        assert protected.ask("GET", listing, protected.admin).json[count] == 1, listing
    assert protected.ask("DELETE", f"{path}/{job}?action=delete", protected.speak).status == 200


def test_openai_package(protected):
    def client(api_key):
        return openai.OpenAI(base_url=protected.server.http + "/v1", api_key=api_key, max_retries=0)

    answer = client(protected.speak).audio.speech.create(model="tts-1", voice="alloy", input="Hi.", response_format="wav")
    assert answer.content[:4] == b"RIFF"
    with pytest.raises(openai.AuthenticationError) as error:
        client("sk-wrong").models.list()
    assert error.value.code == "invalid_api_key"
    with pytest.raises(openai.PermissionDeniedError):
        client(protected.voices).audio.speech.create(model="tts-1", voice="alloy", input="Hi.")


async def test_websocket(protected):
    stream = protected.server.stream
    ways = [
        {"additional_headers": {"Authorization": f"Bearer {protected.speak}"}},
        {"additional_headers": {"X-API-Key": protected.speak}},
        {"subprotocols": ["chatterbox.v1", f"chatterbox.key.{protected.speak}"]},
        {"uri": f"{stream}?api_key={protected.speak}"},
        {"additional_headers": {"Authorization": f"Bearer {token()}"}},
    ]
    for way in ways:
        async with websockets.connect(**{"uri": stream, **way}) as socket:
            assert json.loads(await socket.recv())["type"] == "connected"
            # The key isn't told back.
            assert socket.subprotocol == ("chatterbox.v1" if "subprotocols" in way else None)
            await socket.send(json.dumps({"type": "stream_request", "data": TEXT}))
            kinds = [json.loads(m)["type"] async for m in until_done(socket) if isinstance(m, str)]
            assert kinds[-1] == "done"
    for uri, status in ((stream, 401), (stream + "?api_key=wrong", 401), (f"{stream}?api_key={protected.voices}", 403)):
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await websockets.connect(uri)
        assert refusal.value.response.status_code == status
        assert json.loads(refusal.value.response.body)["error"]["message"]


async def until_done(socket):
    async for message in socket:
        yield message
        if isinstance(message, str) and json.loads(message)["type"] in ("done", "error"):
            return


async def test_clients(protected, tmp_path):
    async with ChatterboxStreamingClient(protected.server.ws, api_key=protected.speak) as client:
        assert (await client.stream_speech("Hi.")).done["end_reason"] == "stop_token"
    with pytest.raises(ConnectionError, match="needs a key"):
        await ChatterboxStreamingClient(protected.server.ws).connect()
    script = str(ROOT / "Examples" / "websocket_client_python.py")
    for command in (
        [sys.executable, script, "Hi.", "--url", protected.server.ws, "-o", str(tmp_path / "a.wav")],
        [str(BINARY), "say", "Hi.", "--server", protected.server.http, "-o", str(tmp_path / "a.wav")],
    ):
        def run(environment={}, *more):
            result = subprocess.run(
                command + list(more), env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
            )
            return result.returncode, result.stdout + result.stderr

        for arguments in (({"CHATTERBOX_API_KEY": protected.speak},), ({}, "--key", protected.speak)):
            code, told = run(*arguments)
            assert code == 0 and "s of speech" in told, told
            (tmp_path / "a.wav").unlink()
        code, told = run()
        assert code != 0 and "needs a key" in told, told


async def test_revocation_ends_open_connections(protected):
    secret = key(protected.data, "create", "--name", "brief")
    async with ChatterboxStreamingClient(protected.server.ws, api_key=secret) as client:
        await client.stream_speech("Hi.")
        key(protected.data, "revoke", "brief")
        with pytest.raises(StreamingError) as error:
            await client.stream_speech("Hi again.")
        assert error.value.code == "invalid_api_key"
        await client._socket.wait_closed()
        assert client._socket.close_code == 1008
    assert "revoked" in refused(protected.speech(secret), 401, "invalid_api_key").json["error"]["message"]


def test_rotation_and_expiry(protected):
    first = key(protected.data, "create", "--name", "turning", "--expires", "1h")
    second = key(protected.data, "rotate", "turning", "--grace", "1h")
    assert protected.speech(first).status == protected.speech(second).status == 200
    third = key(protected.data, "rotate", "turning")
    assert protected.speech(first).status == protected.speech(second).status == 401
    assert protected.speech(third).status == 200
    short = key(protected.data, "create", "--name", "short", "--expires", "1s")
    wait_for(lambda: protected.speech(short).status == 401)
    assert "expired" in protected.speech(short).json["error"]["message"]


def test_key_list_and_errors(protected):
    listed = json.loads(key(protected.data, "list", "--json"))
    speaker = next(row for row in listed if row["name"] == "speaker")
    assert speaker["scopes"] == ["speak"] and speaker["state"] == "active"
    table = key(protected.data, "list")
    assert "speaker" in table and speaker["id"] in table
    for text in (table, json.dumps(listed)):
        assert protected.speak.split("_")[2] not in text
    for arguments, expected in (
        (["create", "--name", "speaker"], "is called"), (["create", "--name", "x", "--scopes", "root"], "speak, voices, admin"),
        (["create", "--name", "x", "--expires", "soon"], "2030-01-31"), (["create", "--name", "x", "--limits", "speed=1"], "requests_per_minute"),
        (["revoke", "nobody"], "no key"), (["rotate", "speaker", "--grace", "1y"], "90d"),
    ):  # fmt: skip
        assert expected in key_error(protected.data, *arguments), arguments


def test_tokens(protected):
    assert protected.speech(token()).status == 200
    assert protected.ask("GET", "/status", token(scope="speak admin")).status == 200
    assert protected.ask("GET", "/status", token(scope=None, scp=["admin"])).status == 200
    refused(protected.ask("GET", "/status", token()), 403, "insufficient_scope")
    for wrong in (
        token(iss="https://other.example"), token(aud="other"), token(exp=time.time() - 60), token(exp=None),
        token("another secret of 32 bytes or more"), token(nbf=time.time() + 60), token(None, "none"),
    ):  # fmt: skip
        refused(protected.speech(wrong), 401, "invalid_api_key")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_key_set_rotates(protected, algorithm):
    issuer = protected.issuer
    old = issuer.add("old-" + algorithm, algorithm)
    of_old = token(old, algorithm, "old-" + algorithm)
    wait_for(lambda: protected.speech(of_old).status == 200)
    new = issuer.add("new-" + algorithm, algorithm)
    wait_for(lambda: protected.speech(token(new, algorithm, "new-" + algorithm)).status == 200)
    assert protected.speech(of_old).status == 200
    # The old key is withdrawn: its tokens end before their time.
    issuer.keys = [entry for entry in issuer.keys if entry["kid"] != "old-" + algorithm]
    wait_for(lambda: protected.speech(of_old).status == 401)
    # The right name, another key.
    refused(protected.speech(token(old, algorithm, "new-" + algorithm)), 401, "invalid_api_key")


def test_limits_with_their_wait(protected):
    """Two keys don't share a quota; limits change while the server runs."""
    one = key(protected.data, "create", "--name", "one", "--limits", "requests_per_minute=2")
    two = key(protected.data, "create", "--name", "two", "--limits", "requests_per_minute=2")
    answer = protected.ask("GET", "/models", one)
    assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("2", "1")
    assert answer.headers["x-ratelimit-remaining-requests"] == "1"
    protected.ask("GET", "/models", one)
    answer = refused(protected.ask("GET", "/models", one), 429, "rate_limit_exceeded")
    wait = int(answer.headers["retry-after"])
    assert 25 <= wait <= 30 and f"again in {wait} s" in answer.json["error"]["message"]
    assert protected.ask("GET", "/models", two).status == 200
    assert protected.ask("GET", "/models", protected.speak).headers["ratelimit-limit"] is None
    protected.reconfigure("CHATTERBOX_KEY_LIMITS=text_length=5\n", "limits and origins changed")
    refused(protected.speech(protected.speak), 422, "text_too_long")
    protected.reconfigure("CHATTERBOX_KEY_LIMITS=nonsense\n", "stay as they were")
    refused(protected.speech(protected.speak), 422, "text_too_long")
    protected.reconfigure("", "limits and origins changed")
    assert protected.speech(protected.speak).status == 200


async def test_streams_connections_and_audio(protected):
    limits = "connections=1,streams=1,audio_seconds_per_request=2,upload_bytes=1000"
    secret = key(protected.data, "create", "--name", "small", "--limits", limits)
    long = "This sentence is long enough to be spoken for some seconds. " * 3
    async with ChatterboxStreamingClient(protected.server.ws, api_key=secret) as client:
        with pytest.raises(ConnectionError, match="1 at once"):
            await ChatterboxStreamingClient(protected.server.ws, api_key=secret).connect()
        with pytest.raises(StreamingError) as error:
            await client.stream_speech(long)
        assert error.value.code == "audio_too_long" and "2 s" in str(error.value)
        assert (await client.stream_speech("Hi.")).done
        # Its audio isn't read to the end, so it holds its place.
        await client._send({"type": "append", "context_id": "a", "data": {"output_format": "base64"}, "text": ""})
    recording = ("a.wav", b"RIFF" + bytes(2000))
    answer = protected.ask("POST", "/audio/speech/upload", secret, form=TEXT, files={"voice_file": recording})
    assert "1000 bytes" in refused(answer, 413, "upload_too_large").json["error"]["message"]
    # The place of the connection came back.
    for _ in range(50):
        try:
            await ChatterboxStreamingClient(protected.server.ws, api_key=secret).connect()
            break
        except ConnectionError:
            await asyncio.sleep(0.1)
    else:
        raise AssertionError("the place did not come back")


def test_speech_of_a_day(protected):
    secret = key(protected.data, "create", "--name", "daily", "--limits", "audio_seconds_per_day=1")
    assert protected.speech(secret).status == 200
    body = {"input": "These few words are spoken for more than one second.", "voice": "alloy"}
    protected.ask("POST", "/v1/audio/speech", secret, body=body)
    answer = refused(protected.speech(secret), 429, "audio_quota_exceeded")
    assert 0 < int(answer.headers["retry-after"]) <= 86400


async def test_origins(protected):
    def origin(name):
        return protected.ask("GET", "/models", protected.speak, headers={"Origin": name}).headers

    assert origin("https://a.example")["access-control-allow-origin"] == "*"
    protected.reconfigure("CORS_ORIGINS=https://a.example\n", "limits and origins changed")
    try:
        assert origin("https://a.example")["access-control-allow-origin"] == "https://a.example"
        assert origin("https://b.example")["access-control-allow-origin"] is None
        assert origin("https://b.example")["vary"] == "Origin"
        preflight = protected.ask(
            "OPTIONS", "/v1/audio/speech",
            headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"},
        )  # fmt: skip
        assert preflight.status == 204 and "x-api-key" in preflight.headers["access-control-allow-headers"].lower()
        headers = {"Authorization": f"Bearer {protected.speak}"}
        for good in ("https://a.example", protected.server.http):
            async with websockets.connect(protected.server.stream, additional_headers=headers, origin=good) as socket:
                assert json.loads(await socket.recv())["type"] == "connected"
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await websockets.connect(protected.server.stream, additional_headers=headers, origin="https://b.example")
        assert refusal.value.response.status_code == 403
        assert json.loads(refusal.value.response.body)["error"]["code"] == "origin_not_allowed"
    finally:
        protected.reconfigure("", "limits and origins changed")


def test_log_has_no_keys(protected):
    """At the most talkative level, after everything above."""
    protected.ask("GET", f"/v1/models?api_key={protected.speak}")
    protected.ask("GET", f"/nowhere?api_key={protected.speak}")
    log = protected.server.output()
    assert "key " in log and "speaker" in log  # who it was is told
    for secret in (protected.speak, protected.voices, protected.admin):
        assert secret not in log and secret.split("_")[2] not in log
    assert SECRET not in log and "eyJ" not in log


def test_trusted_proxy(tmp_path):
    """Behind one proxy of ours the address is the one that it writes, and no other that a client makes up."""
    server = Server(
        "--address-limits", "requests_per_minute=2", "--trusted-proxies", "1", "--keys", str(tmp_path / "none"), data=tmp_path
    )
    try:
        server.wait_until_ready()

        def status(*chain):
            return ask(server, "GET", "/models", headers={"X-Forwarded-For": ", ".join(chain)}).status

        assert [status(f"{n}.1.1.1", "9.9.9.9") for n in range(1, 4)] == [200, 200, 429]
        assert status("9.9.9.9", "8.8.8.8") == 200
    finally:
        assert server.stop() == 0


def test_nobody_gets_in_by_accident(tmp_path):
    """Without keys and without a word from the operator the server listens for this machine only."""
    environment = {k: v for k, v in os.environ.items() if k not in ("HOST", "PORT")}
    environment |= {
        "CHATTERBOX_KEYS": str(tmp_path / "keys.sqlite"), "VOICE_LIBRARY_DIR": str(tmp_path / "v"),
        "LONG_TEXT_DATA_DIR": str(tmp_path / "l"), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip

    def run(*options):
        process = subprocess.Popen(
            [str(BINARY), "serve", "--port", "0", *options], env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Open to" in line:
                break
        process.terminate()
        _, errors = process.communicate(timeout=30)
        return "".join(lines), errors, process.returncode

    told, _, code = run()
    assert "this machine only" in told and code == 0
    told, errors, code = run("--host", "0.0.0.0")
    assert code != 0 and "chatterbox key create" in errors and "--no-authentication" in errors and not told
    told, _, code = run("--host", "0.0.0.0", "--no-authentication")
    assert "everybody" in told and code == 0
    key(tmp_path, "create", "--name", "a")
    told, _, code = run()
    assert "whoever has a key" in told and code == 0
    for options, expected in (
        (["--jwt-issuer", "x"], "--jwt-keys"), (["--jwt-keys", "http://issuer.example/k"], "https"),
        (["--jwt-keys", "k.json"], "--jwt-audience"), (["--key-limits", "x=1"], "requests_per_minute"),
        (["--cors-origins", "example.org"], "https://example.org"), (["--trusted-proxies", "x"], "0 to 16"),
        (["--config", str(tmp_path / "missing")], "can't be read"),
    ):  # fmt: skip
        told, errors, code = run(*options)
        assert code != 0 and expected in errors, (options, errors)
