"""What stands in for a gateway where the runner itself is checked: one that lets everything through, one that lets nothing."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import select
import socket
import subprocess
import sys
import threading

from bypass_gateway import Wanted

#: A wrapper that answers `initialize` and refuses every other line.
WALL = """
import json, sys
for line in sys.stdin.buffer:
    try:
        message = json.loads(line)
    except ValueError:
        message = {}
    if isinstance(message, dict) and message.get("method") == "initialize":
        said = {"jsonrpc": "2.0", "id": message["id"], "result": {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "w", "version": "1"}}}
    elif isinstance(message, dict) and message.get("method") == "notifications/initialized":
        continue
    else:
        said = {"jsonrpc": "2.0", "id": None, "error": {"code": int(sys.argv[1]), "message": "refused"}}
    print(json.dumps(said), flush=True)
"""


class StandIn:
    """Listens like a gateway and forgets what it is told about people."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = self.listener.getsockname()
        self.host = f"127.0.0.1:{self.address[1]}"
        self.url = "http://" + self.host
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._guarded, args=(accepted,), daemon=True).start()

    def _guarded(self, accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(OSError):
            self.serve(accepted)

    # The lookup of gateways, with one for all.

    def get(self, wanted: Wanted, new: bool = False):
        return self

    def drop(self, wanted: Wanted) -> None:
        pass

    def kill(self, principal: str) -> None:
        pass

    def allow(self, ask: str) -> None:
        pass

    def close(self) -> None:
        self.listener.close()

    def serve(self, accepted: socket.socket) -> None:
        raise NotImplementedError

    def wrapped(self, case: dict, server: list[str]) -> subprocess.Popen:
        raise NotImplementedError


class Forwarder(StandIn):
    """Copies bytes to the server whose name the first request's target begins with."""

    def __init__(self, ports: dict[str, int]):
        self.ports = ports
        super().__init__()

    def serve(self, accepted: socket.socket) -> None:
        first = accepted.recv(1 << 16)
        named = re.match(rb"\s*\S+ (/[a-z]+)", first)
        name = named[1].decode().strip("/") if named else "files"
        if b"/files/sse" in first[:200]:
            first = first.replace(b"/files/sse", b"/sse", 1)
        with socket.create_connection(("127.0.0.1", self.ports.get(name, self.ports["files"]))) as server:
            server.sendall(first)
            other = {accepted: server, server: accepted}
            while True:
                for readable in select.select(list(other), [], [])[0]:
                    data = readable.recv(1 << 16)
                    if not data:
                        return
                    other[readable].sendall(data)

    def wrapped(self, case: dict, server: list[str]) -> subprocess.Popen:
        return subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


class Wall(StandIn):
    """Opens sessions, so that cases can begin, and refuses everything else as the case in `case` would have it."""

    case: dict = {}

    @property
    def status(self) -> int:
        first = self.case.get("expect", {}).get("status", [400])[0]
        return int(first[0]) * 100 if isinstance(first, str) else first

    @property
    def code(self) -> int:
        return self.case.get("expect", {}).get("codes", [-32600])[0]

    def serve(self, accepted: socket.socket) -> None:
        accepted.settimeout(5)
        data = accepted.recv(1 << 16)
        while b"\r\n\r\n" in data and (length := re.search(rb"Content-Length: (\d+)\r", data)) \
                and len(data.partition(b"\r\n\r\n")[2]) < int(length[1]) < 4096:
            data += accepted.recv(1 << 16)
        message = data.partition(b"\r\n\r\n")[2]
        if b'"method": "initialize"' in message:
            result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "wall", "version": "1"}}
            body = json.dumps({"jsonrpc": "2.0", "id": 0, "result": result}).encode()
            head = b"HTTP/1.1 200 OK\r\nMcp-Session-Id: %s\r\n" % secrets.token_hex(8).encode()
        elif message == b'{"jsonrpc":"2.0","method":"notifications/initialized"}' or any(
            step.get("do") == "delete-session" for step in self.case.get("steps", [])) and data.startswith(b"DELETE"):
            head, body = b"HTTP/1.1 202 Accepted\r\n", b""
        else:
            head = b"HTTP/1.1 %d Refused\r\n" % self.status
            body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": self.code, "message": "refused"}}).encode()
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        accepted.sendall(head + body)
        accepted.shutdown(socket.SHUT_WR)
        while accepted.recv(1 << 16):
            pass

    def wrapped(self, case: dict, server: list[str]) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", WALL, str(self.code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
