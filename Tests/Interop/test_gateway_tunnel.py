"""The tunnel between two gateways, and between sockets that behave in every way that sockets can."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from conftest import Programs, environment
from gateway_peers import Gateway, until
from tls_peers import Authority, Credential, Forge, Upstream, call, classical, hybrid, post

NEAR, FAR = "spiffe://acme.example/tunnel/near", "spiffe://acme.example/tunnel/far"
HYBRID = "X25519MLKEM768"
MUCH = 10 << 20


class Tunnel:
    """One end."""

    def __init__(self, programs: Programs, folder: Path, side: str, to: int, own: Credential, ca: Path, *more: str, code: int | None = None):
        folder.mkdir(exist_ok=True)
        self.log = folder / f"{len(list(folder.iterdir()))}-{side}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(programs.lockstep), "gateway", "tunnel", "--side", side, "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{to}",
                 "--cert", str(own.certificate), "--key", str(own.key), "--ca", str(ca), "--admin", "127.0.0.1:0", *more],
                cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )
        if code is not None:
            self.out = self.process.communicate(timeout=20)[0]
            assert self.process.returncode == code, self.said
            return
        lines: queue.Queue[bytes] = queue.Queue()
        self.lines = lines
        threading.Thread(target=lambda: [lines.put(line) for line in self.process.stdout], daemon=True).start()
        line = json.loads(lines.get(timeout=20))
        assert line["tunnel"] == side
        self.port, self.admin = (int(line[name].rpartition(":")[2]) for name in ("listen", "admin"))

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    @property
    def status(self) -> dict:
        with socket.create_connection(("127.0.0.1", self.admin), 10) as line:
            line.sendall(f"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{self.admin}\r\nConnection: close\r\n\r\n".encode())
            return json.loads(everything(line).split(b"\r\n\r\n", 1)[1])

    def stop(self) -> dict:
        """Asks it to end and gives back what it counted."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> dict:
        assert self.process.wait(20) == 0, self.said
        return json.loads(self.lines.get(timeout=5))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture(scope="module")
def identities(programs: Programs, tmp_path_factory) -> Authority:
    return Authority.begin(programs, tmp_path_factory.mktemp("identities"))


@pytest.fixture(scope="module")
def ends(identities: Authority) -> dict[str, Credential]:
    return {name: identities.issue(f"tunnel/{name}") for name in ("near", "far", "other")}


@pytest.fixture
def tunnels(programs: Programs, tmp_path: Path, identities: Authority, ends: dict[str, Credential]):
    made: list[Tunnel] = []

    def one(side: str, to: int, *more: str, own: Credential | None = None, **others) -> Tunnel:
        made.append(Tunnel(programs, tmp_path / "tunnels", side, to, own or ends[side], identities.bundle, *more, **others))
        return made[-1]

    def both(to: int, *more: str) -> tuple[Tunnel, Tunnel]:
        far = one("far", to, "--peer", NEAR, *more)
        return one("near", far.port, "--peer", FAR, *more), far

    both.one = one
    yield both
    for each in made:
        each.close()


class Peer:
    """A server for one connection at a time, which does what it is told with it."""

    def __init__(self, act):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.act = act
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line = self.listener.accept()[0]
                threading.Thread(target=self._run, args=(line,), daemon=True).start()

    def _run(self, line: socket.socket) -> None:
        line.settimeout(20)
        with line, contextlib.suppress(OSError):
            self.act(line)


def everything(line: socket.socket) -> bytes:
    read = bytearray()
    while data := line.recv(1 << 16):
        read += data
    return bytes(read)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def reset(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def echo_after_the_end(line: socket.socket) -> None:
    read = everything(line)
    line.sendall(b"%d " % len(read) + read)


def test_two_gateways_talk_through_it(programs, tunnels, tmp_path):
    upstream = Upstream()
    back = Gateway(programs.lockstep, tmp_path / "back", {"files": upstream.url}, mode="record").start()
    near, far = tunnels(back.port)
    front = Gateway(programs.lockstep, tmp_path / "front", {"files": f"http://127.0.0.1:{near.port}/files"}, mode="record")
    try:
        # The gateway behind is known to the one in front by the address of the tunnel.
        back.write(url=f"http://127.0.0.1:{near.port}")
        back.process.send_signal(signal.SIGHUP)
        until(lambda: "read anew" in back.said)
        front.start()
        body, fields = call(arguments={"size": MUCH, "pad": "p" * MUCH})
        status, text = post(front.port, "/files", body, fields, timeout=180)
        assert status == 200, text[:300]
        assert len(json.loads(text)["result"]["content"][0]["text"]) == MUCH and upstream.bytes_in == [len(body)]
        shown = near.status
        assert shown["groups"] == {HYBRID: 1} and shown["peers"] == {FAR: 1}
        assert shown["sent"] > MUCH and shown["received"] > MUCH
        assert far.status["peers"] == {NEAR: 1}
        assert f"{FAR}, {HYBRID}" in near.said and f"{NEAR}, {HYBRID}" in far.said
    finally:
        front.close()
        back.close()
        upstream.close()


def test_either_side_may_finish_first(tunnels):
    near, _ = tunnels(Peer(echo_after_the_end).port)
    data = bytes(range(256)) * 4096 * 4
    with connect(near.port) as line:
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        assert everything(line) == b"%d " % len(data) + data
    until(lambda: near.status["open"] == 0)
    # The server says its last and still listens.
    heard: queue.Queue[bytes] = queue.Queue()

    def last_word(line: socket.socket) -> None:
        line.sendall(b"that is all")
        line.shutdown(socket.SHUT_WR)
        heard.put(everything(line))

    near, far = tunnels(Peer(last_word).port)
    with connect(near.port) as line:
        assert everything(line) == b"that is all"
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        assert heard.get(timeout=20) == data
    assert near.stop()["broken"] == 0 and far.stop()["broken"] == 0


def test_what_is_cut_short_does_not_look_whole(tunnels):
    def cut(line: socket.socket) -> None:
        line.recv(1)
        line.sendall(b"half of an ans")
        line.recv(1)
        reset(line)

    near, far = tunnels(Peer(cut).port)
    with connect(near.port) as line:
        line.sendall(b"a")
        assert line.recv(14) == b"half of an ans"
        line.sendall(b"b")
        with pytest.raises(ConnectionResetError):
            assert everything(line) is None
    until(lambda: near.status["broken"] == 1 and far.status["broken"] == 1)
    # An end that dies in between is seen as well.
    near, far = tunnels(Peer(lambda line: (line.sendall(b"a"), everything(line))).port)
    with connect(near.port) as line:
        assert line.recv(1) == b"a"
        far.close()
        with pytest.raises(ConnectionResetError):
            assert everything(line) is None


def test_only_the_right_workload_is_talked_to(tunnels, ends, tmp_path):
    heard: list[bytes] = []
    peer = Peer(lambda line: heard.append(everything(line)))
    far = tunnels.one("far", peer.port, "--peer", NEAR)
    wrong = tunnels.one("near", far.port, own=ends["other"])
    pick = tunnels.one("near", far.port, "--peer", "spiffe://acme.example/tunnel/somebody")
    for near in (wrong, pick):
        with connect(near.port) as line, contextlib.suppress(ConnectionError):
            line.sendall(b"secret")
            line.shutdown(socket.SHUT_WR)
            assert everything(line) == b""
    until(lambda: far.status["refused"] >= 1)
    assert "the peer is `spiffe://acme.example/tunnel/other`" in far.said
    assert f"the peer is `{FAR}`" in pick.said
    # An authority of the same name that is another one, a workload of another domain, and none at all.
    strangers = [Forge(tmp_path / "a", "acme.example").workload("tunnel/near"), Forge(tmp_path / "b").workload("tunnel/near"), None]
    pytest.importorskip("OpenSSL")
    for own in strangers:
        with contextlib.suppress(Exception):
            hybrid(far.port, ends_root(tunnels), own, data=b"secret")
    assert heard == [] and far.status["opened"] == 0


def ends_root(tunnels) -> Path:
    return tunnels.root


@pytest.fixture(autouse=True)
def root(tunnels, identities):
    tunnels.root = identities.root


def test_a_classical_peer_is_taken_only_where_that_is_allowed(tunnels, ends, identities):
    peer = Peer(lambda line: line.sendall(line.recv(6)))

    def ask(port: int, context: ssl.SSLContext) -> bytes:
        with connect(port) as raw, context.wrap_socket(raw) as line:
            line.sendall(b"secret")
            return line.recv(6)

    context = classical(identities.root, ends["near"])
    strict, lax = tunnels.one("far", peer.port), tunnels.one("far", peer.port, "--allow-classical")
    with pytest.raises((ssl.SSLError, OSError)):
        ask(strict.port, context)
    assert strict.status["opened"] == 0
    assert ask(lax.port, context) == b"secret"
    assert lax.status["groups"] == {"x25519": 1} and "warning: peers may agree on a classical key" in lax.said
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, OSError)):
        ask(lax.port, context)
    pytest.importorskip("OpenSSL")
    assert hybrid(strict.port, identities.root, ends["near"], data=b"secret") == (b"secret", HYBRID)


def test_a_slow_reader_slows_the_writer_down(tunnels):
    written = 0

    def flood(line: socket.socket) -> None:
        nonlocal written
        line.settimeout(2)
        while True:
            written += line.send(bytes(1 << 16))

    near, far = tunnels(Peer(flood).port)
    with connect(near.port) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert line.recv(1)
        # It stands still as soon as every buffer on the way is full, and goes on when somebody reads.
        still = until(lambda held=[-1, 0]: stands(held, written))
        assert still < 64 << 20
        sizes = [resident(each) for each in (near, far)]
        assert all(size < 200 << 10 for size in sizes), sizes


def stands(held: list, written: int) -> int:
    """How much was written, once it did not change for 25 looks in a row."""
    held[1] = held[1] + 1 if held[0] == written else 0
    held[0] = written
    return written if held[1] > 25 else 0


def resident(tunnel: Tunnel) -> int:
    """KiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{tunnel.process.pid}/status").read_text())[1])


def test_sigterm_loses_nothing(tunnels):
    go = threading.Event()

    def answer(line: socket.socket) -> None:
        read = everything(line)
        go.wait(20)
        line.sendall(read)

    near, far = tunnels(Peer(answer).port)
    data = bytes(range(256)) * (MUCH // 256)
    with connect(near.port) as line:
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        until(lambda: far.status["sent"] == len(data))
        for each in (near, far):
            each.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(near.port) and refuses(far.port))
        go.set()
        assert everything(line) == data
    for each in (near, far):
        counts = each.ended()
        assert (counts["sent"], counts["received"], counts["broken"], counts["open"]) == (MUCH, MUCH, 0, 0)


def refuses(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) != 0


def test_draining_ends_at_its_limit(tunnels):
    near, _ = tunnels(Peer(everything).port, "--drain", "1s")
    with connect(near.port) as line:
        until(lambda: near.status["open"] == 1)
        assert near.stop()["broken"] == 1
        with pytest.raises(ConnectionResetError):
            assert everything(line) is None


def test_connections_are_bounded_and_idle_ones_end(tunnels):
    near, far = tunnels(Peer(everything).port, "--connections", "2", "--idle", "1s")
    lines = [connect(near.port) for _ in range(2)]
    until(lambda: near.status["open"] == 2)
    with connect(near.port) as third, contextlib.suppress(ConnectionError):
        assert everything(third) == b""
    assert near.status["refused"] == 1 and "too many connections" in near.said
    for line in lines:
        assert everything(line) == b""
        line.close()
    until(lambda: near.status["open"] == 0 and far.status["open"] == 0)
    assert "was idle too long" in near.said + far.said


@pytest.mark.parametrize("spoiled, said", [
    ("key", "belong together"), ("cert", "none in PEM"), ("ca", "neither a SPIFFE bundle"), ("exposed", "mode 644"),
])
def test_wrong_files_are_said_at_the_start(programs, ends, identities, tmp_path, spoiled, said):
    own, ca = Credential(tmp_path / "own.pem", tmp_path / "own.key"), tmp_path / "ca"
    own.certificate.write_bytes(b"none" if spoiled == "cert" else ends["near"].certificate.read_bytes())
    own.key.touch(0o644 if spoiled == "exposed" else 0o600)
    own.key.write_bytes(ends["far" if spoiled == "key" else "near"].key.read_bytes())
    ca.write_bytes(b"none" if spoiled == "ca" else identities.bundle.read_bytes())
    assert said in Tunnel(programs, tmp_path, "far", 1, own, ca, code=3).said
