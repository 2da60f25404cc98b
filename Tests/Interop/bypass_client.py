"""The client's side of `Cases/bypass` over bare sockets, and how a lenient reader takes what comes back.

Never a library for HTTP: what is sent is what the case says, byte for byte, and what is received is kept as it came.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import select
import socket
import time

from bypass_readings import inflated
from bypass_servers import loaded

HEAD = re.compile(rb"HTTP/1\.[01] (\d{3})[^\n]*\n")

#: More than the largest answer that any case wants delivered.
MOST = 20 << 20


@dataclasses.dataclass
class Answer:
    """One answer of HTTP as far as it has arrived."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    complete: bool

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def streamed(self) -> bool:
        return "event-stream" in self.header("content-type").lower()

    def texts(self) -> list[str]:
        """The JSON texts of the answer: its body, or the data of each event."""
        body = inflated(self.body) if self.header("content-encoding") else self.body
        text = body.decode("utf-8", "replace")
        if not self.streamed:
            return [text] if text.strip() else []
        return event_data(text)

    def messages(self) -> list[dict]:
        found = [loaded(text.encode("utf-8", "replace")) for text in self.texts()]
        return [inner for each in found for inner in (each if isinstance(each, list) else [each]) if isinstance(inner, dict)]


def event_data(text: str) -> list[str]:
    """The data of each event, also of one that was not finished: a lenient reader takes it too."""
    events, found = re.split(r"(?:\r\n|\r|\n){2,}", text.removeprefix("\ufeff")), []
    for event in events:
        lines = [line[5:].removeprefix(" ") for line in re.split(r"\r\n|\r|\n", event) if line.startswith("data:")]
        if any(lines):
            found.append("\n".join(lines))
    return found


def event_id(text: str) -> str:
    return (re.findall(r"(?m)^id: ?([^\r\n]*)", text) or [""])[-1]


def answers_in(data: bytes, ended: bool, bodiless: bool = False) -> list[Answer]:
    """The answers in what a connection received; the last may be incomplete."""
    found, at = [], 0
    while start := HEAD.search(data, at):
        end = re.compile(rb"\r?\n\r?\n").search(data, start.end() - 1)
        if not end:
            found.append(Answer(int(start[1]), [], b"", ended))
            break
        lines = data[start.end():max(start.end(), end.start())].decode("latin-1").splitlines()
        headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        answer = Answer(int(start[1]), headers, b"", True)
        at = end.end()
        if 100 <= answer.status < 200 or answer.status in (204, 304) or bodiless:
            pass
        elif "chunked" in answer.header("transfer-encoding").lower():
            answer.body, at, answer.complete = dechunked(data, at)
        elif length := re.match(r"\d+", answer.header("content-length")):
            answer.body = data[at:at + int(length[0])]
            answer.complete, at = len(answer.body) == int(length[0]), at + len(answer.body)
        else:
            answer.body, at, answer.complete = data[at:], len(data), ended
        if answer.status >= 200 or answer.status == 101:
            found.append(answer)
    return found


def dechunked(data: bytes, at: int) -> tuple[bytes, int, bool]:
    body, line = bytearray(), re.compile(rb"[ \t]*([0-9a-fA-F]+)[^\n]*\n")
    while size := line.match(data, at):
        length, begin = int(size[1], 16), size.end()
        if length == 0:
            end = data.find(b"\n", begin)
            return bytes(body), (end + 1 if end >= 0 else len(data)), end >= 0
        body += data[begin:begin + length]
        at = begin + length
        if at >= len(data):
            return bytes(body), len(data), False
        at = data.find(b"\n", at) + 1 or len(data)
    return bytes(body), at, False


class Line:
    """One connection to the gateway."""

    def __init__(self, address: tuple[str, int], bodiless: bool = False):
        self.socket = socket.create_connection(address, timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = bytearray()
        #: The other side ended the connection; false where the runner did.
        self.ended = False
        self.bodiless = bodiless
        self.looked = 0.0
        #: How many answers the earlier steps on this connection took.
        self.used = 0
        self.known: tuple[int, bool, list[Answer]] = (-1, False, [])

    @property
    def over(self) -> bool:
        """Nothing more is read: the other side ended, or sent more than any case needs."""
        return self.ended or len(self.received) > MOST

    def answers(self) -> list[Answer]:
        """What has arrived; of much that is still coming, what was there a little while ago."""
        recent = len(self.received) > 1 << 20 and not self.over and time.monotonic() - self.looked < 0.5
        if self.known[:2] != (len(self.received), self.ended) and not recent:
            self.looked = time.monotonic()
            self.known = (len(self.received), self.ended, answers_in(bytes(self.received), self.ended, self.bodiless))
        return self.known[2]

    def pump(self, seconds: float) -> bool:
        """Reads what is there, waiting at most so long for the first byte."""
        if self.over:
            return False
        ready, _, _ = select.select([self.socket], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.ended = True
        self.received += data
        return bool(data)

    def send(self, pieces: list[bytes], seconds: float = 10) -> None:
        """Writes every piece, reading meanwhile; an end by the other side ends the writing too."""
        end = time.monotonic() + seconds
        for piece in pieces:
            left = memoryview(piece)
            while left and not self.over and time.monotonic() < end:
                readable, writable, _ = select.select([self.socket], [self.socket], [], 0.5)
                if readable:
                    self.pump(0)
                if writable and not self.ended:
                    try:
                        left = left[self.socket.send(left[:1 << 20]):]
                    except BlockingIOError:
                        pass
                    except OSError:
                        self.drain()
                        self.ended = True

    def drain(self) -> None:
        while self.pump(0.05):
            pass

    def half_close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def wait(self, number: int, seconds: float) -> bool:
        """Waits until so many answers are whole or the connection ends."""
        end = time.monotonic() + seconds
        while not self.over:
            if sum(answer.complete for answer in self.answers()) >= number:
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.pump(min(left, 0.25))
        return True

    def settle(self, quiet: float, seconds: float) -> None:
        """Reads until nothing came for so long, or the connection ends."""
        end, last = time.monotonic() + seconds, time.monotonic()
        while not self.over and time.monotonic() - last < quiet and time.monotonic() < end:
            if self.pump(min(quiet, 0.05)):
                last = time.monotonic()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()
