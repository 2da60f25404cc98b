"""A gateway between real peers, with a tap on either side of it: what its tests share.

The taps pass bytes on as they are and keep them, so that every frame that left the gateway can be looked at afterwards.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import queue
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from conftest import environment, free_ports

#: What servers say of themselves; the client of these tests has no task and no token.
PRINCIPAL = "tester"

#: What the walk of a client needs of one server, and nothing more.
RULES = """\
        - {id: SERVER.stock, tool: stock, tier: read, arguments: {sku: {required: true, values: {token: SKUS}}, deep: true or false only}}
        - {id: SERVER.book, tool: book, tier: write, arguments: {sku: {required: true, values: {token: SKUS}}, quantity: {composed: [number, token], longest: 20, at-most: 100}, unit: {values: {token: [piece, kg]}}}}
        - {id: SERVER.scale, tool: scale, tier: read, arguments: {factor: {at-least: 0, at-most: 10}}}
        - {id: SERVER.text, tool: text, tier: read, arguments: {size: {at-least: 0, at-most: 10000000}}}
        - {id: SERVER.fail, tool: fail, tier: read, arguments: {why: {composed: [token], longest: 40}}}
        - {id: SERVER.wait, tool: wait, tier: read, arguments: {seconds: {at-least: 0, at-most: 60}}}
        - {id: SERVER.steps, tool: steps, tier: read, arguments: {count: {at-least: 0, at-most: 1000}, pause: {at-least: 0, at-most: 10}}}
        - {id: SERVER.prompt, tool: prompts/get, tier: read, arguments: {name: {values: {token: [reorder]}}, arguments/sku: {values: {token: SKUS}}}}
        - {id: SERVER.resource, tool: resources/read, tier: read, arguments: {uri: {matches: ["stock://*"]}}}
"""


def policy(servers: list[str], without: tuple[str, ...] = ()) -> str:
    """The policy of the walk, but for the rules whose last name is left out."""
    skus = ", ".join(f"abc-{number}" for number in range(20))
    kept = [line.replace("SKUS", f"[{skus}]") for line in RULES.splitlines() if line.split("SERVER.")[1].split(",")[0] not in without]
    head = f"apiVersion: lockstep/v1\nkind: Policy\nname: peers\nscope: agent\nagents:\n  {PRINCIPAL}:\n    servers:\n"
    return head + "".join(f"      {server}:\n" + "\n".join(kept).replace("SERVER", server) + "\n" for server in servers)


class Tap:
    """A relay on loopback that keeps what passed, a pair of byte strings for each connection."""

    def __init__(self, port: int, to: tuple[str, int]):
        self.port, self.to = port, to
        self.passed: list[tuple[bytearray, bytearray]] = []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=256)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        kept = (bytearray(), bytearray())
        self.passed.append(kept)
        with client, contextlib.suppress(OSError), socket.create_connection(self.to, 10) as server:
            ways = {client: (server, kept[0]), server: (client, kept[1])}
            while ways:
                for side in select.select(list(ways), [], [])[0]:
                    other, copy = ways[side]
                    data = side.recv(65536)
                    if not data:
                        if side is server:
                            return
                        del ways[side]
                        other.shutdown(socket.SHUT_WR)
                        continue
                    copy += data
                    other.sendall(data)

    def close(self) -> None:
        # A blocked accept is not ended by close alone.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def exchanges(self) -> list[tuple[HTTPPart, HTTPPart | None]]:
        """Each request with its answer, as far as both were whole."""
        found = []
        for sent, answered in list(self.passed):
            requests, answers = parts(bytes(sent), False), parts(bytes(answered), True)
            answers += [None] * (len(requests) - len(answers))
            found += zip(requests, answers)
        return found


@dataclasses.dataclass
class HTTPPart:
    """A request or an answer as it was on the wire, its body without chunks."""

    first: str
    fields: dict[str, str]
    body: bytes

    @property
    def messages(self) -> list:
        """The JSON messages of the body: one, a batch's, or those of an event stream."""
        return [json.loads(text) for text in self.texts]

    @property
    def texts(self) -> list[bytes]:
        """The messages byte for byte."""
        if not self.body:
            return []
        kind = self.fields.get("content-type", "")
        return events(self.body) if kind.startswith("text/event-stream") else [self.body] if "json" in kind else []


def events(body: bytes) -> list[bytes]:
    """The data of each event, by the WHATWG text (§9.2), for streams that use line feeds or CRLF."""
    found = []
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
        if data and any(data):
            found.append(b"\n".join(data))
    return found


def parts(stream: bytes, are_answers: bool) -> list[HTTPPart]:
    """What stands in one direction of a connection (RFC 9112 §6)."""
    found: list[HTTPPart] = []
    while b"\r\n\r\n" in stream:
        head, stream = stream.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        status = int(first.split()[1]) if are_answers else 0
        if are_answers and 100 <= status < 200:
            continue
        if "chunked" in fields.get("transfer-encoding", ""):
            body = b""
            while b"\r\n" in stream:
                size, stream = stream.split(b"\r\n", 1)
                length = int(size.split(b";")[0], 16)
                body, stream = body + stream[:length], stream[length + 2 :]
                if length == 0:
                    break
        elif "content-length" in fields:
            length = int(fields["content-length"])
            body, stream = stream[:length], stream[length:]
        elif are_answers and status not in (204, 304):
            body, stream = stream, b""
        else:
            body = b""
        found.append(HTTPPart(first, fields, body))
    return found


class Gateway:
    """One `lockstep gateway run`, its document, and its admin port."""

    def __init__(
        self, lockstep: Path, folder: Path, routes: dict[str, str], *, mode: str = "enforce", tapped: bool = False,
        rules: str | None = None, **members,
    ):
        self.lockstep, self.folder, self.state = lockstep, folder, folder / "state"
        folder.mkdir(parents=True, exist_ok=True)
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.taps: dict[str, Tap] = {}
        self.front: Tap | None = None
        self.routes, self.mode, self.members = dict(routes), mode, members
        self.port, front, *back = free_ports(2 + len(routes))
        if tapped:
            for port, (name, url) in zip(back, routes.items()):
                host, _, path = url.removeprefix("http://").partition("/")
                tap = self.taps[name] = Tap(port, (host.split(":")[0], int(host.split(":")[1])))
                self.routes[name] = f"http://127.0.0.1:{tap.port}/{path}"
            self.front = Tap(front, ("127.0.0.1", self.port))
        self.entrance = front if tapped else self.port
        self.document = folder / "gateway.yaml"
        self.write(rules if rules is not None else policy(list(routes)))
        self.process: subprocess.Popen | None = None

    def write(self, rules: str | None = None, **members) -> None:
        """Writes the document, and the policy where one is given."""
        if rules is not None:
            (self.folder / "policy.yaml").write_text(rules, "utf-8")
        document = {
            "gateway": "edge-1", "listen": f"127.0.0.1:{self.port}", "admin": "127.0.0.1:0", "state": "state",
            "url": f"http://127.0.0.1:{self.entrance}", "mode": self.mode, "policy": "policy.yaml",
            "routes": [
                {"path": f"/{name}", "server": name, "upstream": url, "transport": "sse" if url.endswith("/sse") else "streamable"}
                for name, url in self.routes.items()
            ],
            "identity": {"declared": PRINCIPAL}, **self.members, **members,
        }
        self.document.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in document.items()), "utf-8")

    def start(self, **more) -> Gateway:
        with (self.folder / "stderr").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.lockstep), "gateway", "run", "--config", str(self.document)], cwd=self.folder,
                env=environment(self.home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, **more,
            )
        said: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._hear, args=(self.process.stdout, said), daemon=True).start()
        line = said.get(timeout=30)
        assert line, f"the gateway does not listen: {self.said}"
        listening = json.loads(line)
        self.admin, self.decisions = listening["admin"], listening.get("decisions")
        return self

    @staticmethod
    def _hear(stream, said: queue.Queue[bytes]) -> None:
        for line in stream:
            said.put(line)
        said.put(b"")

    @property
    def said(self) -> str:
        return (self.folder / "stderr").read_text("utf-8", "replace")

    def url(self, server: str) -> str:
        return f"http://127.0.0.1:{self.entrance}/{server}"

    def stop(self, seconds: float = 20) -> int:
        """Asks it to end, and waits until it has."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                raise AssertionError(f"the gateway did not end in {seconds} s: {self.said}") from None
        return self.process.returncode

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for tap in [self.front, *self.taps.values()]:
            if tap:
                tap.close()

    def command(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self.lockstep), *words], cwd=self.folder, env=environment(self.home), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60,
        )

    def ask(self, path: str, body: dict | None = None) -> tuple[int, dict]:
        """A request to the admin port with the token that only the folder's owner can read."""
        token = (self.state / "control" / "admin-token").read_text().strip()
        host, _, port = self.admin.rpartition(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as connection:
            connection.request(
                "GET" if body is None else "POST", f"/v1/{path}", json.dumps(body) if body is not None else None,
                {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")

    @property
    def counters(self) -> dict[str, int]:
        return self.ask("status")[1]["counters"]

    def entries(self) -> list[dict]:
        """What is in the log of a gateway that has ended, after the log itself was found to be good."""
        log = self.state / "audit" / "gateway"
        done = self.command("audit", "verify", str(log), "--key", str(log / "vkeys"))
        assert done.returncode == 0, done.stdout + done.stderr
        done = self.command("audit", "list", "--log", str(log), "--key", str(log / "vkeys"), "--limit", "1000000", "--format", "json")
        assert done.returncode == 0, done.stderr
        return [found["entry"] for found in json.loads(done.stdout)]


@dataclasses.dataclass
class Answer:
    status: int
    fields: dict[str, str]
    text: bytes

    @property
    def message(self):
        return json.loads(self.texts[-1]) if self.texts else None

    @property
    def texts(self) -> list[bytes]:
        return HTTPPart("", self.fields, self.text).texts


class Raw:
    """A client made of nothing but HTTP: a session of the older era, or none."""

    def __init__(self, url: str, revision: str = "2025-11-25"):
        self.host, _, path = url.removeprefix("http://").partition("/")
        self.path, self.revision, self.session = "/" + path, revision, None
        self.number = 0

    @property
    def is_modern(self) -> bool:
        return self.revision >= "2026-07-28"

    def fields(self, message: dict | None) -> dict[str, str]:
        fields = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        if message is None or message.get("method") != "initialize":
            fields["MCP-Protocol-Version"] = self.revision
        if self.session:
            fields["Mcp-Session-Id"] = self.session
        if self.is_modern and message:
            fields["Mcp-Method"] = message["method"]
            params = message.get("params", {})
            if message["method"] in ("tools/call", "prompts/get"):
                fields["Mcp-Name"] = params["name"]
            elif message["method"] == "resources/read":
                fields["Mcp-Name"] = params["uri"]
        return fields

    def message(self, method: str, params: dict | None = None, is_request: bool = True) -> dict:
        message: dict = {"jsonrpc": "2.0", "method": method}
        if is_request:
            self.number += 1
            message["id"] = self.number
        params = dict(params or {})
        if self.is_modern:
            params["_meta"] = params.get("_meta", {}) | {
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        if params:
            message["params"] = params
        return message

    @contextlib.contextmanager
    def open(self, verb: str, body: bytes | None, fields: dict[str, str], timeout: float = 20) -> Iterator[http.client.HTTPResponse]:
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=timeout)) as connection:
            connection.request(verb, self.path, body, fields)
            yield connection.getresponse()

    def send(self, verb: str, body: bytes | None, fields: dict[str, str], timeout: float = 20) -> Answer:
        with self.open(verb, body, fields, timeout) as answer:
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def ask(self, method: str, params: dict | None = None, *, is_request: bool = True, timeout: float = 20) -> Answer:
        message = self.message(method, params, is_request)
        return self.send("POST", json.dumps(message, ensure_ascii=False).encode(), self.fields(message), timeout)

    def call(self, tool: str, arguments: dict, timeout: float = 20) -> Answer:
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, timeout=timeout)

    def begin(self) -> Raw:
        """Opens a session, in the era that has them."""
        if self.is_modern:
            return self
        opened = self.ask(
            "initialize", {"protocolVersion": self.revision, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
        )
        assert opened.status == 200, opened
        self.session = opened.fields.get("mcp-session-id")
        assert self.ask("notifications/initialized", is_request=False).status == 202
        return self

    def end(self) -> Answer:
        return self.send("DELETE", None, self.fields(None))

    @contextlib.contextmanager
    def stream(self) -> Iterator[http.client.HTTPResponse]:
        """The stream on which a server may speak when it was not asked."""
        with self.open("GET", None, {**self.fields(None), "Accept": "text/event-stream"}) as answer:
            yield answer


def calls_of(log: Path) -> list[dict]:
    """What really arrived at a server."""
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []


def until(met: Callable[[], object], seconds: float = 15):
    """What `met` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < end, f"not in {seconds} s"
        time.sleep(0.02)
    return found
