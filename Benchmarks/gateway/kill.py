"""How long a kill takes: `kill.py BINARY [KILLS]` prints one line of JSON and one for people, and exits 1 where a floor is missed.

Three gateways, each with an agent that calls all the time over one connection and holds a stream open. `lockstep monitor kill`
is given for one agent after the other, each known to all three gateways. Measured is the time from the moment at which the
first gateway wrote the kill down (the time of its file, which the kernel rounds down by up to a tick) to the first denial on each
of the three. A gateway denies before it waits for its disk, so that times can be below zero. Then the same token opens no
session any more, and the stream must have ended.
Needs Python and openssl, which signs the tokens.
"""

import asyncio
import base64
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLOOR = 50.0
GATEWAYS = 3
ISSUER = "https://issuer.example"


# The server behind the gateways: a session, one tool, a stream that says nothing.

async def serve(port: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                verb = head.split(b" ", 1)[0]
                fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
                body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
                if verb == b"GET":
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                    await reader.read()
                    break
                if verb == b"DELETE":
                    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                    continue
                message = json.loads(body)
                if "id" not in message:
                    writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                    continue
                more, result = "", {"content": [{"type": "text", "text": "hello"}]}
                if message["method"] == "initialize":
                    more = f"Mcp-Session-Id: {os.urandom(8).hex()}\r\n"
                    result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "fixed", "version": "1"}}
                said = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{more}Content-Length: {len(said)}\r\n\r\n{said}".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port) as server:
        await server.serve_forever()


class Tokens:
    """Tokens of an issuer with one Ed25519 key."""

    def __init__(self, folder: Path):
        self.key = folder / "issuer.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key], check=True)
        raw = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout[-32:]
        self.jwks = json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "EdDSA", "x": text(raw)}]})

    def token(self, name: str, audience: list[str]) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": name, "aud": audience, "iat": now, "exp": now + 3600, "jti": os.urandom(8).hex(), "client_id": name}
        signed = ".".join(text(json.dumps(part).encode()) for part in ({"alg": "EdDSA", "typ": "at+jwt", "kid": "1"}, claims))
        with tempfile.NamedTemporaryFile() as file:
            file.write(signed.encode())
            file.flush()
            done = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", file.name], check=True, capture_output=True)
        return f"{signed}.{text(done.stdout)}"


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Edge:
    """One gateway, and what an agent has open there."""

    def __init__(self, binary: Path, folder: Path, name: str, upstream: int, tokens: Tokens, agents: list[str]):
        self.folder, self.name = folder / name, name
        self.folder.mkdir()
        (self.folder / "jwks.json").write_text(tokens.jwks)
        rule = '{files: [{id: r, tool: read_file, tier: read, arguments: {path: {values: {path: ["/srv/a"]}}}}]}'
        rules = "".join(f"  {agent}: {{servers: {rule.replace('id: r', f'id: r{at}')}}}\n" for at, agent in enumerate(agents))
        (self.folder / "policy.yaml").write_text(f"apiVersion: lockstep/v1\nkind: Policy\nname: kill\nscope: agent\nagents:\n{rules}")
        self.document = self.folder / "gateway.yaml"
        self.document.write_text(json.dumps({
            "gateway": name, "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "policy": "policy.yaml",
            "url": "http://gateway.example:8800",
            "routes": [{"path": "/files", "server": "files", "upstream": f"http://127.0.0.1:{upstream}/mcp"}],
            "identity": {"tokens": [{"issuer": ISSUER, "keys": "jwks.json"}]},
        }))
        self.process = subprocess.Popen([binary, "gateway", "run", "--config", self.document], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.address = json.loads(self.process.stdout.readline())["listen"].rsplit(":", 1)

    @property
    def written(self) -> int:
        return (self.folder / "state" / "control" / "revocations").stat().st_mtime_ns

    def line(self) -> socket.socket:
        line = socket.create_connection((self.address[0], int(self.address[1])), 10)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def request(self, verb: str, token: str, message: dict | None = None, session: str = "") -> bytes:
        body = json.dumps(message).encode() if message else b""
        accept = "text/event-stream" if verb == "GET" else "application/json, text/event-stream"
        fields = {"Host": ":".join(self.address), "Authorization": f"Bearer {token}", "Accept": accept}
        if message:
            fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if session:
            fields |= {"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"}
        return (f"{verb} /files HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in fields.items()) + "\r\n").encode() + body


def answer(line: socket.socket, data: bytes) -> tuple[int, bytes, bytes]:
    line.sendall(data)
    return read(line)


def read(line: socket.socket) -> tuple[int, bytes, bytes]:
    got = b""
    while b"\r\n\r\n" not in got:
        more = line.recv(65536)
        if not more:
            raise ConnectionError("the gateway closed the connection")
        got += more
    head, body = got.split(b"\r\n\r\n", 1)
    length = next((int(field[16:]) for field in head.split(b"\r\n") if field.lower().startswith(b"content-length: ")), 0)
    while len(body) < length:
        body += line.recv(65536)
    return int(head[9:12]), head, body


OPENING = {"jsonrpc": "2.0", "id": 0, "method": "initialize",
           "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "agent", "version": "1"}}}
CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "read_file", "arguments": {"path": "/srv/a"}}}


class Agent:
    """One agent at one gateway: a session, a stream, and a connection on which it calls."""

    def __init__(self, edge: Edge, token: str):
        self.edge, self.token = edge, token
        self.line, self.stream = edge.line(), edge.line()
        status, head, body = answer(self.line, edge.request("POST", token, OPENING))
        assert status == 200, body
        self.session = next(field.split(b": ")[1] for field in head.split(b"\r\n") if field.lower().startswith(b"mcp-session-id")).decode()
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert answer(self.line, edge.request("POST", token, note, self.session))[0] == 202
        status, _, body = answer(self.line, edge.request("POST", token, CALL, self.session))
        assert status == 200 and b"hello" in body, body
        self.call = edge.request("POST", token, CALL, self.session)
        assert answer(self.stream, edge.request("GET", token, None, self.session))[0] == 200
        self.denied = self.ended = 0

    def returns(self) -> int:
        """The status of a new session with the same token."""
        with self.edge.line() as line:
            return answer(line, self.edge.request("POST", self.token, OPENING))[0]


def kill(binary: Path, edges: list[Edge], name: str, agents: list[Agent]) -> None:
    """Calls as fast as the gateways answer until all of them have denied and all streams have ended."""
    words = [word for edge in edges for word in ("--config", edge.document)]
    with selectors.DefaultSelector() as selector:
        for agent in agents:
            selector.register(agent.line, selectors.EVENT_READ, (agent, False))
            selector.register(agent.stream, selectors.EVENT_READ, (agent, True))
            agent.line.sendall(agent.call)
        command = subprocess.Popen(
            [binary, "monitor", "kill", name, "--reason", "measured", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        end = time.monotonic() + 20
        while not all(agent.denied and agent.ended for agent in agents):
            if time.monotonic() > end:
                raise SystemExit(f"{name} was not denied everywhere within 20 s")
            for key, _ in selector.select(0.5):
                agent, is_stream = key.data
                if is_stream:
                    try:
                        if not agent.stream.recv(65536):
                            raise ConnectionError
                    except ConnectionError:
                        agent.ended = time.time_ns()
                        selector.unregister(agent.stream)
                    continue
                # A call that was on its way is ended with the connection, which denies as well.
                try:
                    status = read(agent.line)[0]
                except ConnectionError:
                    status = 403
                if status == 403:
                    agent.denied = time.time_ns()
                    selector.unregister(agent.line)
                else:
                    agent.line.sendall(agent.call)
        out, error = command.communicate(timeout=20)
    if command.returncode != 0:
        raise SystemExit(f"the kill of {name} ended with {command.returncode}: {out.decode()}{error.decode()}")


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def main() -> int:
    binary, kills = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 120
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    children = [subprocess.Popen([sys.executable, __file__, "--serve", str(port)])]
    edges: list[Edge] = []
    denials, streams, returned = [], [], 0
    with tempfile.TemporaryDirectory(prefix="lockstep-kill.") as place:
        folder = Path(place)
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.02)
            names = [f"agent-{number}" for number in range(kills)]
            tokens = Tokens(folder)
            for number in range(GATEWAYS):
                edges.append(Edge(binary, folder, f"edge-{number + 1}", port, tokens, names))
            for name in names:
                token = tokens.token(name, ["http://gateway.example:8800/files"])
                agents = [Agent(edge, token) for edge in edges]
                kill(binary, edges, name, agents)
                committed = min(edge.written for edge in edges)
                denials += [(agent.denied - committed) / 1e6 for agent in agents]
                streams += [(agent.ended - committed) / 1e6 for agent in agents]
                returned += sum(agent.returns() != 403 for agent in agents)
                for agent in agents:
                    agent.line.close()
                    agent.stream.close()
        finally:
            for child in [edge.process for edge in edges] + children:
                child.kill()
                child.wait()
    figures = {
        "kills": kills, "gateways": GATEWAYS, "floor_ms": FLOOR, "returned": returned,
        **{f"{what}_{label}_ms": round(percentile(values, part), 2)
           for what, values in (("denial", denials), ("stream", streams)) for label, part in (("p50", 0.5), ("p99", 0.99), ("most", 1))},
    }
    figures["met"] = figures["denial_p99_ms"] <= FLOOR and returned == 0
    print(json.dumps(figures))
    print(
        f"{kills} kills on {GATEWAYS} gateways: from the first one written to the first denial on each p50 {figures['denial_p50_ms']} ms, "
        f"p99 {figures['denial_p99_ms']} ms (floor {FLOOR:.0f} ms: {'met' if figures['met'] else 'NOT MET'}); "
        f"open streams ended p99 {figures['stream_p99_ms']} ms; {returned} of {kills * GATEWAYS} came back with the same token"
    )
    return 0 if figures["met"] else 1


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        asyncio.run(serve(int(sys.argv[2])))
    else:
        sys.exit(main())
