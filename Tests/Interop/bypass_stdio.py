"""The cases of `Cases/bypass` on standard input and output: a server behind a wrapper, and the client that writes its lines."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bypass_cases
from bypass_client import Answer
from bypass_gateway import Unplayable, patience
from bypass_runner import Played, Seen
from bypass_servers import Record, Request, loaded

SERVER = Path(__file__).resolve().parent / "peers" / "bypass_server.py"


class Pipe:
    """The client's end of a wrapped server."""

    def __init__(self, process: subprocess.Popen):
        self.process, self.received, self.ended = process, bytearray(), False
        for stream in (process.stdin, process.stdout):
            os.set_blocking(stream.fileno(), False)

    def pump(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        data = self.process.stdout.raw.read(1 << 20) if ready else None
        if ready and not data:
            self.ended = data == b""
        self.received += data or b""
        return bool(data)

    def write(self, data: bytes, seconds: float = 8) -> None:
        left, end = memoryview(data), time.monotonic() + seconds
        while left and time.monotonic() < end:
            _, writable, _ = select.select([], [self.process.stdin], [], 0.05)
            if writable:
                try:
                    left = left[self.process.stdin.raw.write(left[:1 << 16]) or 0:]
                except OSError:
                    return
            while self.pump(0):
                pass
            if self.ended:
                return

    def lines(self) -> list[bytes]:
        return [line for line in bytes(self.received).split(b"\n") if line.strip()]

    def settle(self, number: int, seconds: float, quiet: float) -> None:
        """Reads until so many lines came and then nothing for a while, or the time is up."""
        end, last = time.monotonic() + seconds, time.monotonic()
        while not self.ended and time.monotonic() < end and (len(self.lines()) < number or time.monotonic() - last < quiet):
            if self.pump(0.02):
                last = time.monotonic()


def play_lines(case: dict, gateways) -> Played:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "case.json").write_text(json.dumps(case), "utf-8")
        arrived = folder / "arrived"
        arrived.touch()
        process = gateways.wrapped(case, [sys.executable, str(SERVER), str(folder)])
        pipe = Pipe(process)
        try:
            return _played(case, pipe, arrived)
        finally:
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
            process.stdout.close()


def _played(case: dict, pipe: Pipe, arrived: Path) -> Played:
    if case["transport"] == "stdio-2025":
        pipe.write(b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
                   b'"clientInfo":{"name":"corpus","version":"1"}}}\n')
        pipe.settle(1, 8, 0)
        if not any("result" in (loaded(line) or {}) for line in pipe.lines()):
            raise Unplayable(f"no answer to `initialize`: {bytes(pipe.received[:300])!r}")
        pipe.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        patience(1, lambda: b"notifications/initialized" in arrived.read_bytes())
    before, seen, absent_before = len(arrived.read_bytes()), [], len(pipe.received)
    for number, step in enumerate(case["steps"]):
        made = bypass_cases.steps({**case, "steps": [step]}, lambda _: b"", None)[0]
        already = len(pipe.lines())
        pipe.write(made.wire)
        if step.get("half-close"):
            with contextlib.suppress(OSError):
                pipe.process.stdin.close()
        asked = sum(isinstance(loaded(line), dict) and "id" in loaded(line) for line in made.wire.split(b"\n")) if len(made.wire) < 1 << 20 else 1
        if case["hostile"]:
            pipe.settle(already + max(1, asked), 1.2, 0.3)
        else:
            pipe.settle(already + asked, 8, 0.1)
        answers = [Answer(200, [], line, True) for line in pipe.lines()[already:]]
        seen.append(Seen(number, made, answers, pipe.ended))
    with contextlib.suppress(OSError):
        pipe.process.stdin.close()
    pipe.settle(1 << 30, 1.0 if case["hostile"] else 0.5, 0)
    last = seen[-1]
    last.answers += [Answer(200, [], line, True) for line in pipe.lines()[sum(len(each.answers) for each in seen) + bool(absent_before):]]
    last.ended = pipe.ended
    raw = arrived.read_bytes()[before:]
    requests = [Request("files", "LINE", "", [], line) for line in raw.split(b"\n") if line.strip()]
    return Played(case, Record(requests, {("files", 0): bytearray(raw)}), seen, [bytes(pipe.received[absent_before:])], [])
