"""A hub of one's own: the part of the Hugging Face hub's HTTP API that pulling a model needs, with a second host for large
files, as the real one has; and every way in which such a download can go wrong."""

import hashlib
import http.server
import json
import random
import socket
import threading
import time
from urllib.parse import urlsplit

FILES = {
    "nano": {
        "repository": "ResembleAI/chatterbox-nano",
        "large": ["t3_nano_v1.safetensors", "s3gen_meanflow.safetensors", "ve.safetensors", "conds.pt"],
        "small": ["vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"],
    },
    "english": {
        "repository": "ResembleAI/chatterbox",
        "large": ["t3_cfg.safetensors", "s3gen.safetensors", "ve.safetensors", "conds.pt"],
        "small": ["tokenizer.json"],
    },
    "multilingual": {
        "repository": "ResembleAI/chatterbox",
        "large": ["t3_mtl23ls_v2.safetensors", "s3gen.pt", "ve.pt", "conds.pt"],
        "small": ["grapheme_mtl_merged_expanded_v1.json", "Cangjie5_TC.json"],
    },
}


def content(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)


class Repository:
    def __init__(self, files: dict[str, bytes], large: set[str]):
        self.files = dict(files)
        self.large = large
        self.commits = {}
        self.commit()

    def commit(self) -> str:
        """Makes what the files are now the newest commit."""
        text = "".join(name + self.etag(data, name in self.large) for name, data in sorted(self.files.items()))
        self.main = hashlib.sha1(text.encode()).hexdigest()
        self.commits[self.main] = dict(self.files)
        return self.main

    @staticmethod
    def etag(data: bytes, large: bool) -> str:
        return hashlib.sha256(data).hexdigest() if large else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """The hub at `url`, its content network at `network`. `faults[name]` is a list of what goes wrong with a file's GETs,
    one after the other: {"cut": n}, {"stall": n}, {"corrupt": n} after n bytes, {"status": 503}, {"ignore_range": True}, …"""

    def __init__(self):
        self.repositories = {}
        self.requests = []
        self.faults = {}
        self.api_faults = []
        self.token = None
        self.refusal = {}
        self.bytes_per_second = None
        self.lock = threading.Lock()
        self.servers = [self.serve(HubHandler), self.serve(NetworkHandler)]
        self.url = f"http://127.0.0.1:{self.servers[0].server_port}"
        self.network = f"http://localhost:{self.servers[1].server_port}"  # another host, if only by name

    def serve(self, handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"hub": self}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def add(self, *models: str, size: int = 200_000) -> Repository:
        repository = FILES[models[0]]["repository"]
        large = [name for model in models for name in FILES[model]["large"]]
        small = [name for model in models for name in FILES[model]["small"]]
        files = {name: content(name, size + 1000 * i) for i, name in enumerate(large)}
        files |= {name: content(name, 700 + i) for i, name in enumerate(small)} | {"README.md": b"hello\n"}
        self.repositories[repository] = Repository(files, set(large))
        return self.repositories[repository]

    def downloads(self, name: str) -> list[dict]:
        """The GETs of a large file that reached the content network."""
        return [r for r in self.requests if r["server"] == "network" and r["path"].endswith("/" + name)]

    def take_fault(self, name: str) -> dict:
        with self.lock:
            faults = self.faults.get(name, [])
            if not faults:
                return {}
            return faults[0] if faults[0].get("always") else faults.pop(0)

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_name = ""

    def log_message(self, *_):
        pass

    def note(self):
        with self.hub.lock:
            self.hub.requests.append({
                "server": self.server_name, "method": self.command, "path": self.path,
                "range": self.headers.get("Range"), "authorization": self.headers.get("Authorization"),
            })

    def answer(self, status: int, headers: dict = {}, body: bytes = b"", length: int | None = None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def cut_connection(self):
        self.close_connection = True
        self.connection.close()

    def send_file(self, data: bytes, headers: dict, fault: dict):
        """All of the file or the range that was asked for, or what the fault makes of it."""
        if "replace" in fault:
            data = fault["replace"]
        start = 0
        wanted = self.headers.get("Range")
        if wanted and not fault.get("ignore_range"):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data) or fault.get("no_range"):
                return self.answer(416, {"Content-Range": f"bytes */{len(data)}"})
            shown = start + fault.get("shift", 0)
            headers = headers | {"Content-Range": f"bytes {shown}-{len(data) - 1}/{len(data)}"}
        if self.command == "HEAD":
            return self.answer(200, headers, length=len(data))
        body = bytearray(data[start:])
        if "corrupt" in fault:
            body[min(fault["corrupt"], len(body) - 1)] ^= 1
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        end = fault.get("cut", fault.get("stall", len(body)))
        speed = self.hub.bytes_per_second
        step = max(1, speed // 50) if speed else 65536
        try:
            for at in range(0, min(end, len(body)), step):
                self.wfile.write(body[at : min(at + step, end)])
                if speed:
                    time.sleep(step / speed)
            if "stall" in fault:
                time.sleep(fault["seconds"])
            if "cut" in fault or "stall" in fault:
                self.cut_connection()
        except OSError:
            self.close_connection = True


class HubHandler(Handler):
    server_name = "hub"

    def do_GET(self):
        self.note()
        hub = self.hub
        path = urlsplit(self.path).path
        if path.startswith("/api/models/") and hub.api_faults:
            fault = hub.api_faults.pop(0)
            if "status" not in fault:
                return self.cut_connection()
            return self.answer(fault["status"], fault.get("headers", {}), fault.get("body", b""))
        if hub.refusal:
            return self.answer(hub.refusal["status"], hub.refusal.get("headers", {}), b'{"error":"no"}')
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self.answer(401, {"X-Error-Code": "GatedRepo"}, b'{"error":"gated"}')
        for name, repository in hub.repositories.items():
            if path.startswith(f"/api/models/{name}/revision/") or path == f"/api/models/{name}":
                siblings = [{"rfilename": file} for file in sorted(repository.files)]
                body = json.dumps({"id": name, "sha": repository.main, "siblings": siblings, "private": False})
                return self.answer(200, {"Content-Type": "application/json"}, body.encode())
            for prefix in (f"/{name}/resolve/", f"/api/resolve-cache/models/{name}/"):
                if path.startswith(prefix):
                    return self.resolve(name, repository, path.removeprefix(prefix), "cache" in prefix)
        return self.answer(404, {"X-Error-Code": "RepoNotFound"}, b'{"error":"Repository not found"}')

    def resolve(self, name: str, repository: Repository, rest: str, cached: bool):
        revision, _, file = rest.partition("/")
        commit = repository.main if revision == "main" else revision
        if commit not in repository.commits:
            return self.answer(404, {"X-Error-Code": "RevisionNotFound"})
        if file not in repository.commits[commit]:
            return self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        data = repository.commits[commit][file]
        etag = Repository.etag(data, file in repository.large)
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if file in repository.large:
            location = f"{self.hub.network}/signed/{name}/{commit}/{file}"
            return self.answer(302, headers | {
                "Location": location, "X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(data))})
        if not cached:  # small files are sent by another address of the same host
            return self.answer(307, headers | {"Location": f"/api/resolve-cache/models/{name}/{commit}/{file}"})
        fault = self.hub.take_fault(file) if self.command == "GET" else {}
        if "status" in fault:
            return self.answer(fault["status"], fault.get("headers", {}))
        self.send_file(data, headers | {"ETag": f'"{etag}"'}, fault)


class NetworkHandler(Handler):
    server_name = "network"

    def do_GET(self):
        self.note()
        repository_name, _, rest = self.path.removeprefix("/signed/").rpartition("/")
        repository_name, _, commit = repository_name.rpartition("/")
        fault = self.hub.take_fault(rest) if self.command == "GET" else {}
        if "status" in fault:
            return self.answer(fault["status"], fault.get("headers", {}))
        # Its ETag is not the hub's, as with the real one.
        self.send_file(self.hub.repositories[repository_name].commits[commit][rest], {"ETag": '"0123-4"'}, fault)


class Proxy:
    """A proxy that tunnels, as for https, and remembers where to and with which password."""

    def __init__(self):
        self.seen = []
        self.authorization = []
        proxy = self

        class ProxyHandler(Handler):
            def do_CONNECT(self):
                proxy.seen.append(self.path)
                proxy.authorization.append(self.headers.get("Proxy-Authorization"))
                host, _, port = self.path.rpartition(":")
                with socket.create_connection((host, int(port))) as target:
                    self.send_response(200)
                    self.end_headers()
                    back = threading.Thread(target=self.pump, args=(target, self.connection), daemon=True)
                    back.start()
                    self.pump(self.connection, target)
                    back.join()
                self.close_connection = True

            @staticmethod
            def pump(source, target):
                try:
                    while data := source.recv(65536):
                        target.sendall(data)
                    target.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ProxyHandler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_port}"
