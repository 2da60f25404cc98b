"""Sends calls at a steady rate and prints how long each took, in microseconds: `paced.py PORT PATH FIELDS BODY RATE SECONDS`.

A call's time begins when it was due, so that a server that stops for a while does not hide it.
"""

import asyncio
import json
import sys
import time

port, path, fields, body, rate, seconds = int(sys.argv[1]), *sys.argv[2:5], int(sys.argv[5]), float(sys.argv[6])
message = open(body, "rb").read()
lines = "".join(f"{line}\r\n" for line in open(fields).read().splitlines())
request = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}Content-Length: {len(message)}\r\n\r\n".encode() + message
taken: list[float] = []


class Connection(asyncio.Protocol):
    """One connection of a pool; handed back when its answer is whole."""

    def __init__(self, idle: list):
        self.idle, self.arrived, self.due = idle, b"", 0.0

    def connection_made(self, transport):
        self.transport = transport
        self.idle.append(self)

    def send(self, due: float):
        self.due = due
        self.transport.write(request)

    def data_received(self, data: bytes):
        self.arrived += data
        head, separator, rest = self.arrived.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return
        if b'"result"' not in rest:
            sys.exit(f"no result: {self.arrived[:600]!r}")
        taken.append(time.perf_counter() - self.due)
        self.arrived = b""
        self.idle.append(self)


async def main() -> None:
    loop, idle = asyncio.get_running_loop(), []
    for _ in range(100):
        await loop.create_connection(lambda: Connection(idle), "127.0.0.1", port)
    start, number, late = time.perf_counter() + 0.1, 0, 0
    total = int(rate * seconds)
    while number < total:
        now = time.perf_counter()
        while number < total and (due := start + number / rate) <= now:
            if not idle:
                break
            idle.pop().send(due)
            number += 1
        await asyncio.sleep(0)
    while len(taken) < total:
        await asyncio.sleep(0.01)
    print(json.dumps(sorted(round(one * 1e6, 1) for one in taken[total // 10 :])))


asyncio.run(main())
