"""Holds streams that come and go open through a gateway while agents call tools, and prints how its memory went:
`soak.py BINARY [MINUTES] [STREAMS]`, 30 and 1000 unless given. Ends with calls under way and a SIGTERM: none may lose its answer.

Growth is what a straight line through the samples gains from the end of the first sixth to the end; a process that keeps
something of each stream or call gains as long as it runs.
"""

import asyncio
import json
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CALLS_A_SECOND = 200
UNDER_WAY = 200
# Of the resident memory; what an allocator gives and takes back is below.
MOST_GROWTH = 0.05
RESULT = {"content": [{"type": "text", "text": "One scan of every message. " * 20}], "isError": False}
OPENED = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "soak", "version": "1"}}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The server behind the gateway: streams that say something now and then, calls that take as long as they are told."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                number, gone = 0, asyncio.ensure_future(reader.read())
                while not gone.done():
                    number += 1
                    message = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": number}}
                    event = f"id: {number}\ndata: {json.dumps(message)}\n\n".encode()
                    writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                    await writer.drain()
                    await asyncio.wait([gone], timeout=5)
                await gone
                return
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
            message = json.loads(await reader.readexactly(length))
            if "id" not in message:
                writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                continue
            result = OPENED if message["method"] == "initialize" else RESULT
            await asyncio.sleep(message["params"].get("arguments", {}).get("wait", 0))
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
            held = b"Mcp-Session-Id: held\r\n" if message["method"] == "initialize" else b""
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (held, len(body), body))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


class Agent:
    """Who asks the gateway; one session for all."""

    def __init__(self, port: int):
        self.port, self.session, self.answered, self.failed, self.opened, self.events = port, "", 0, [], 0, 0

    def head(self, verb: str, body: bytes) -> bytes:
        fields = {"Host": f"127.0.0.1:{self.port}", "Accept": "text/event-stream" if verb == "GET" else "application/json, text/event-stream"}
        if verb == "POST":
            fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if self.session:
            fields |= {"Mcp-Session-Id": self.session, "MCP-Protocol-Version": "2025-11-25"}
        return (f"{verb} /mcp HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in fields.items()) + "\r\n").encode() + body

    async def ask(self, message: dict) -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self.head("POST", json.dumps(message).encode()))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
            return head, await reader.readexactly(length)
        finally:
            writer.close()

    async def open(self) -> None:
        opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
        head, _ = await self.ask({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening})
        self.session = re.search(rb"(?i)mcp-session-id: *(\S+)", head)[1].decode()
        await self.ask({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def call(self, number: int, wait: float = 0) -> bool:
        arguments = {"path": f"/srv/project/{number % 1000}.txt", "wait": wait}
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "read_text_file", "arguments": arguments}}
        try:
            _, body = await self.ask(message)
            found = json.loads(body)
            is_right = found.get("id") == number and found.get("result") == RESULT
        except (OSError, asyncio.IncompleteReadError, ValueError, TypeError) as error:
            is_right, body = False, repr(error).encode()
        self.answered += is_right
        if not is_right:
            self.failed.append(body[:300])
        return is_right

    async def stream(self, until: float, chance: random.Random) -> None:
        while time.monotonic() < until:
            self.opened += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(self.head("GET", b""))
                head = await reader.readuntil(b"\r\n\r\n")
                if b" 200 " not in head[:20]:
                    self.failed.append(head[:300])
                    return
                closing = min(until, time.monotonic() + chance.uniform(2, 60))
                while (left := closing - time.monotonic()) > 0:
                    got = await asyncio.wait_for(reader.read(4096), left)
                    if not got:
                        self.failed.append(b"a stream ended by itself")
                        return
                    self.events += got.count(b"data:")
            except TimeoutError:
                pass
            finally:
                writer.close()


def memory(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def growth(samples: list[tuple[float, int]]) -> float:
    """By least squares, as a share of what the line begins with."""
    late = samples[len(samples) // 6:]
    mean_x, mean_y = (sum(part) / len(late) for part in zip(*late))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in late) / (sum((x - mean_x) ** 2 for x, _ in late) or 1)
    first = mean_y + slope * (late[0][0] - mean_x)
    return slope * (late[-1][0] - late[0][0]) / first


def gateway(binary: Path, folder: Path, upstream: int) -> tuple[subprocess.Popen, int]:
    rule = '{id: r, tool: read_text_file, tier: read, arguments: {path: {matches: ["/srv/project/*"]}, wait: {at-least: 0, at-most: 60}}}'
    (folder / "policy.yaml").write_text(
        f"apiVersion: lockstep/v1\nkind: Policy\nname: soak\nscope: agent\nagents: {{soak: {{servers: {{files: [{rule}]}}}}}}\n"
    )
    (folder / "gateway.yaml").write_text(json.dumps({
        "gateway": "soak", "listen": "127.0.0.1:0", "mode": "enforce", "policy": "policy.yaml",
        "routes": [{"path": "/mcp", "server": "files", "upstream": f"http://127.0.0.1:{upstream}/mcp"}],
        "identity": {"declared": "soak"}, "limits": {"idle-seconds": 3600},
    }))
    process = subprocess.Popen([binary, "gateway", "run", "--config", folder / "gateway.yaml"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    return process, int(json.loads(process.stdout.readline())["listen"].rsplit(":", 1)[1])


async def soak(binary: Path, minutes: float, streams: int) -> int:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    upstream = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lockstep-soak.") as place:
        process, port = gateway(binary, Path(place), upstream)
        try:
            agent = Agent(port)
            await agent.open()
            begun = time.monotonic()
            until = begun + minutes * 60
            tasks = [asyncio.create_task(agent.stream(until, random.Random(number))) for number in range(streams)]
            samples, number, calls = [], 1, set()
            while (now := time.monotonic()) < until:
                samples.append((now - begun, memory(process.pid)))
                tick = now + 1
                for _ in range(CALLS_A_SECOND):
                    number += 1
                    one = asyncio.create_task(agent.call(number))
                    calls.add(one)
                    one.add_done_callback(calls.discard)
                    await asyncio.sleep(max(0, (tick - time.monotonic()) / CALLS_A_SECOND))
                await asyncio.sleep(max(0, tick - time.monotonic()))
            await asyncio.gather(*tasks, *calls)
            soaked = agent.answered
            under_way = [asyncio.create_task(agent.call(number + at + 1, 2)) for at in range(UNDER_WAY)]
            await asyncio.sleep(1)
            process.send_signal(signal.SIGTERM)
            drained = sum(await asyncio.gather(*under_way))
            code = await asyncio.to_thread(process.wait, 60)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    grown = growth(samples)
    figures = {
        "minutes": minutes, "streams": streams, "streams_opened": agent.opened, "events": agent.events, "calls": soaked,
        "failed": len(agent.failed), "memory_early_MiB": round(samples[len(samples) // 6][1] / 1024, 1),
        "memory_end_MiB": round(samples[-1][1] / 1024, 1), "memory_most_MiB": round(max(size for _, size in samples) / 1024, 1),
        "growth": round(grown, 4), "under_way_at_the_end": UNDER_WAY, "answered_while_draining": drained, "exit": code,
    }
    figures["met"] = grown <= MOST_GROWTH and drained == UNDER_WAY and code == 0 and not agent.failed
    print(json.dumps(figures))
    for failure in agent.failed[:5]:
        print(failure, file=sys.stderr)
    return 0 if figures["met"] else 1


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    given = [float(word) for word in sys.argv[2:4]]
    sys.exit(asyncio.run(soak(Path(sys.argv[1]).resolve(), given[0] if given else 30, int(given[1]) if len(given) > 1 else 1000)))
