"""The MCP servers behind the gateway: they record every byte, read leniently, and answer as the case says.

One server a route, each with a port of its own and a thread for each connection. `begin` starts the record anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import secrets
import socket
import threading

import bypass_cases
from bypass_readings import DEFINITIONS

NAMES = ("files", "bank", "web", "shop", "data")
ID = re.compile(r'"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|null|true|false)')


@dataclasses.dataclass
class Request:
    """One HTTP request as a lenient reader finds it, or one line of a stdio server."""

    server: str
    verb: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclasses.dataclass
class Record:
    """What arrived since the case began."""

    requests: list[Request] = dataclasses.field(default_factory=list)
    #: The bytes of each connection, by the server's name and the connection's number.
    raw: dict[tuple[str, int], bytearray] = dataclasses.field(default_factory=dict)


def loaded(body: bytes):
    """The value of a body as the most obliging reader takes it; nothing where there is none."""
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def id_text(body: bytes, message: dict) -> bytes:
    """The JSON text of the id as it stands in the message."""
    wanted = message.get("id")
    for found in ID.finditer(body.decode("utf-8", "replace")):
        with contextlib.suppress(ValueError):
            if json.loads(found[1]) == wanted:
                return found[1].encode()
    return json.dumps(wanted).encode()


def default_result(server: str, message: dict) -> dict:
    params = message.get("params") if isinstance(message.get("params"), dict) else {}
    match message.get("method"):
        case "initialize":
            return {"protocolVersion": params.get("protocolVersion", "2025-11-25"), "serverInfo": {"name": server, "version": "1"},
                    "capabilities": {"tools": {"listChanged": True}, "resources": {}, "prompts": {}, "logging": {}, "completions": {}}}
        case "server/discover":
            return {"supportedVersions": ["2026-07-28"], "serverInfo": {"name": server, "version": "1"},
                    "capabilities": {"tools": {}, "resources": {}, "prompts": {}}}
        case "tools/list": return {"tools": DEFINITIONS[server]}
        case "tools/call": return {"content": [{"type": "text", "text": "fine"}]}
        case "resources/list": return {"resources": []}
        case "resources/templates/list": return {"resourceTemplates": []}
        case "resources/read": return {"contents": [{"uri": params.get("uri", ""), "text": "fine"}]}
        case "prompts/list": return {"prompts": []}
        case "prompts/get": return {"messages": [{"role": "user", "content": {"type": "text", "text": "fine"}}]}
        case "completion/complete": return {"completion": {"values": []}}
        case "tasks/list": return {"tasks": []}
    return {}


def sessionless(message: dict) -> bool:
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return isinstance(meta, dict) and meta.get("io.modelcontextprotocol/protocolVersion") == "2026-07-28"


def default_message(server: str, message: dict, ident: bytes) -> bytes:
    result = default_result(server, message)
    if sessionless(message):
        result = {"resultType": "complete", **result}
        if str(message.get("method")).endswith("/list") or message.get("method") in ("server/discover", "resources/read"):
            result |= {"ttlMs": 0, "cacheScope": "private"}
    return b'{"jsonrpc":"2.0","id":' + ident + b',"result":' + json.dumps(result).encode() + b"}"


class Answers:
    """Chooses the case's answer to a request; numbers of requests are counted from the beginning of the case."""

    def __init__(self, case: dict | None):
        self.answers = (case or {}).get("upstream", [])
        self.counts: dict[tuple[str, str | None], int] = {}
        self.ids: dict[str, bytes] = {}

    def choose(self, method: str, principal: str | None) -> dict | None:
        self.counts[method, None] = number = self.counts.get((method, None), 0) + 1
        for answer in self.answers:
            if answer["method"] == method and answer.get("nth", number) == number and answer.get("principal", principal) == principal:
                return answer
        return None

    def values(self, ident: bytes):
        return lambda name: ident if name == "id" else self.ids.get(name.partition(":")[2], b"0")


class Servers:
    """All five servers, with what they recorded."""

    def __init__(self):
        self.lock = threading.Lock()
        self.record = Record()
        self.answers = Answers(None)
        #: Whose session the next `initialize` opens, and whose each session is.
        self.opening = "alice"
        self.owners: dict[str, str] = {}
        self.streams: dict[str, list[Connection]] = {}
        self.count = 0
        self.listeners = {name: socket.create_server(("127.0.0.1", 0), backlog=128) for name in NAMES}
        self.ports = {name: listener.getsockname()[1] for name, listener in self.listeners.items()}
        for name, listener in self.listeners.items():
            threading.Thread(target=self._accept, args=(name, listener), daemon=True).start()

    def begin(self, case: dict | None) -> None:
        with self.lock:
            self.record, self.answers = Record(), Answers(case)

    def taken(self) -> Record:
        with self.lock:
            return Record(list(self.record.requests), {key: bytearray(raw) for key, raw in self.record.raw.items()})

    def send(self, principal: str, events: bytes) -> None:
        """Writes to the streams that are open for a principal."""
        for connection in list(self.streams.get(principal, [])):
            connection.write_chunk(events)

    def close(self) -> None:
        for listener in self.listeners.values():
            listener.close()

    def _accept(self, name: str, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.count += 1
            threading.Thread(target=Connection(self, name, self.count, accepted).serve, daemon=True).start()


class Connection:
    def __init__(self, servers: Servers, name: str, number: int, accepted: socket.socket):
        self.servers, self.name, self.number, self.socket = servers, name, number, accepted
        self.buffer = bytearray()
        self.writing = threading.Lock()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def more(self) -> bool:
        try:
            data = self.socket.recv(1 << 18)
        except OSError:
            return False
        with self.servers.lock:
            self.servers.record.raw.setdefault((self.name, self.number), bytearray()).extend(data)
        self.buffer += data
        return bool(data)

    def serve(self) -> None:
        try:
            while (request := self.read()) is not None:
                with self.servers.lock:
                    self.servers.record.requests.append(request)
                self.answer(request)
        except OSError:
            pass
        finally:
            for streams in self.servers.streams.values():
                if self in streams:
                    streams.remove(self)
            self.socket.close()

    def read(self) -> Request | None:
        """The next request; lines may end with LF alone, and chunks are looked for wherever the name is close enough."""
        while not (end := re.search(rb"\r?\n\r?\n", self.buffer)):
            if not self.more():
                return None
        lines = bytes(self.buffer[:end.start()]).decode("latin-1").lstrip("\r\n").splitlines() or [""]
        del self.buffer[:end.end()]
        words = (lines[0].split(" ") + ["", ""])[:2]
        headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        request = Request(self.name, words[0], words[1], headers, b"")
        if "chunked" in request.header("transfer-encoding").lower():
            body = self.chunks()
        else:
            length = re.match(r"\d+", request.header("content-length"))
            body = self.exactly(int(length[0]) if length else 0)
        if body is None:
            return None
        request.body = body
        return request

    def exactly(self, length: int) -> bytes | None:
        while len(self.buffer) < length:
            if not self.more():
                return None
        taken = bytes(self.buffer[:length])
        del self.buffer[:length]
        return taken

    def line(self) -> bytes | None:
        while (at := self.buffer.find(b"\n")) < 0:
            if not self.more():
                return None
        return self.exactly(at + 1)

    def chunks(self) -> bytes | None:
        body = bytearray()
        while (line := self.line()) is not None:
            size = re.match(rb"\s*([0-9a-fA-F]+)", line)
            if not size:
                return bytes(body)
            if int(size[1], 16) == 0:
                while (line := self.line()) not in (b"\r\n", b"\n", None):
                    pass
                return bytes(body)
            piece = self.exactly(int(size[1], 16))
            if piece is None or self.line() is None:
                return None
            body += piece
        return None

    def write(self, data: bytes, size: int | None = None) -> None:
        with self.writing:
            for at in range(0, len(data), size) if size else (0,):
                self.socket.sendall(data[at:at + size] if size else data)

    def write_chunk(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.write(b"%x\r\n%s\r\n" % (len(data), data))

    def stream(self, principal: str, begin: bytes = b"") -> None:
        """Opens an event stream that stays open until the other side ends it."""
        self.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.write_chunk(begin or b": open\n\n")
        self.servers.streams.setdefault(principal, []).append(self)

    def answer(self, request: Request) -> None:
        servers, session = self.servers, request.header("mcp-session-id")
        old = re.search(r"/messages\?session=(\w+)", request.path)
        owner = servers.owners.get(old[1] if old else session, servers.opening)
        if request.verb == "GET":
            return self.open_stream(request, owner)
        if request.verb == "DELETE":
            return self.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        message = loaded(request.body)
        if isinstance(message, list) and message:
            return self.answer_batch(message)
        if not isinstance(message, dict) or "method" not in message or "id" not in message:
            return self.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        ident = id_text(request.body, message)
        with servers.lock:
            servers.answers.ids[owner] = ident
            chosen = servers.answers.choose(str(message["method"]), owner)
        values = servers.answers.values(ident)
        if old:
            self.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            answered = bypass_cases.assemble(chosen["json"], values) if chosen else default_message(self.name, message, ident)
            return servers.send("sse:" + old[1], b"event: message\ndata: " + answered + b"\n\n")
        if chosen and chosen.get("hold"):
            return None
        headers = []
        if message["method"] == "initialize":
            made = secrets.token_hex(16)
            servers.owners[made] = servers.opening
            headers = [["Mcp-Session-Id", made]]
        if not chosen:
            chosen = {"json": default_message(self.name, message, ident).decode("utf-8", "replace")}
        elif headers and "http" not in chosen:
            chosen = {**chosen, "headers": [*chosen.get("headers", []), *headers]}
        self.write(bypass_cases.upstream_bytes({"headers": headers, **chosen}, values), chosen.get("writes-of"))

    def answer_batch(self, messages: list) -> None:
        answers = [
            default_message(self.name, each, json.dumps(each["id"]).encode())
            for each in messages if isinstance(each, dict) and "id" in each and "method" in each
        ]
        if answers:
            self.write(bypass_cases.upstream_bytes({"json": (b"[" + b",".join(answers) + b"]").decode()}, lambda _: b""))
        else:
            self.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    def open_stream(self, request: Request, owner: str) -> None:
        servers = self.servers
        with servers.lock:
            chosen = servers.answers.choose("GET", owner)
        if chosen and not chosen.get("hold"):
            return self.write(bypass_cases.upstream_bytes(chosen, servers.answers.values(b"0")), chosen.get("writes-of"))
        if request.path.startswith("/sse"):
            made = secrets.token_hex(8)
            servers.owners[made] = servers.opening
            return self.stream("sse:" + made, f"event: endpoint\ndata: /messages?session={made}\n\n".encode())
        return self.stream(owner)
