"""A client in a network namespace of its own, whose side of the link can fall silent: nothing arrives from it any more, not
even that it is gone, as from a phone in a tunnel. Needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN) and iproute2."""

import os
import shutil
import subprocess
import sys

# Sends its standard input to an address, reads a little of the answer, says so, and goes on reading.
CLIENT = """
import socket, sys
link = socket.create_connection((sys.argv[1], int(sys.argv[2])))
link.sendall(sys.stdin.buffer.read())
got = 0
while piece := link.recv(65536):
    if got < int(sys.argv[3]) <= got + len(piece):
        print("reading", flush=True)
    got += len(piece)
"""


def ip(*words):
    return subprocess.run([shutil.which("ip", path=f"{os.environ['PATH']}:/sbin:/usr/sbin"), *words], capture_output=True, text=True, check=True)


def why_not():
    """Why there can be no such link here; None if there can."""
    name = f"try{os.getpid()}"
    try:
        ip("netns", "add", name)
        ip("netns", "delete", name)
    except (OSError, TypeError):
        return "ip is missing (iproute2)"
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here (CAP_SYS_ADMIN, CAP_NET_ADMIN): {error.stderr.strip()}"
    if ip("route", "show", "to", "root", SilentLink.network).stdout:
        return f"{SilentLink.network} is in use here"
    return None


class SilentLink:
    """One at a time. Its addresses are of a network meant for documentation, so that they are nobody's."""

    network, server_address, client_address = "198.51.100.0/30", "198.51.100.1", "198.51.100.2"

    def __enter__(self):
        self.space, self.near = f"silent{os.getpid()}", f"vs{os.getpid()}"[:15]
        self.clients = []
        ip("netns", "add", self.space)
        try:
            ip("link", "add", self.near, "type", "veth", "peer", "name", "far", "netns", self.space)
            ip("address", "add", f"{self.server_address}/30", "dev", self.near)
            ip("link", "set", self.near, "up")
            ip("-n", self.space, "address", "add", f"{self.client_address}/30", "dev", "far")
            ip("-n", self.space, "link", "set", "far", "up")
        except subprocess.CalledProcessError:
            self.__exit__()
            raise
        return self

    def client(self, port, request, after):
        """Sends a request and reads; returns once it has read `after` bytes."""
        command = ["ip", "netns", "exec", self.space, sys.executable, "-c", CLIENT, self.server_address, str(port), str(after)]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.clients.append(client)
        client.stdin.write(request)
        client.stdin.close()
        assert client.stdout.readline() == b"reading\n"
        return client

    def fall_silent(self):
        """Nothing leaves the client's side."""
        ip("-n", self.space, "route", "add", "blackhole", f"{self.server_address}/32")

    def __exit__(self, *_):
        for client in self.clients:
            client.kill()
            client.wait()
        ip("netns", "delete", self.space)
        subprocess.run(["ip", "link", "delete", self.near], capture_output=True, check=False)
