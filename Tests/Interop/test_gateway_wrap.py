"""`lockstep gateway wrap`: its life around a program; what it lets through is for `test_gateway_bypass.py`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from conftest import Shell, environment

POLICY = """\
apiVersion: lockstep/v1
kind: Policy
name: wrap
scope: agent
agents:
  desk:
    servers:
      files:
        - {id: all.read, tool: read_file, tier: read, arguments: {path: {required: true, matches: ["/srv/*"]}}}
"""

#: Answers `initialize` and whatever its one argument, a Python expression over `message`, does for the rest.
SERVER = """\
import json, os, signal, subprocess, sys, time
def say(value): os.write(1, json.dumps(value).encode() + b"\\n")
def result(id, value): say({"jsonrpc": "2.0", "id": id, "result": value})
def text(id, text="fine"): result(id, {"content": [{"type": "text", "text": text}]})
def nothing(*_): pass
for line in sys.stdin:
    message = json.loads(line)
    if message.get("method") == "initialize":
        result(message["id"], {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}})
    elif "id" in message:
        exec(sys.argv[1])
"""


class Wrapped:
    """A program behind the gateway, and the client's end of it."""

    def __init__(self, shell: Shell, action: str, *, open_session: bool = True, config: str = "gateway.yaml",
                 options: tuple[str, ...] = ()):
        self.process = subprocess.Popen(
            [str(shell.programs.lockstep), "gateway", "wrap", "--config", config, *options, "--", sys.executable, "-c", SERVER, action],
            cwd=shell.folder, env=environment(shell.home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        if open_session:
            self.say({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}})
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            assert "result" in json.loads(line)
            self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def say(self, message: dict) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def call(self, id: int, path: str = "/srv/a") -> None:
        self.say({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "read_file", "arguments": {"path": path}}})

    def hear(self) -> dict:
        return json.loads(self.process.stdout.readline())

    def end(self, seconds: float = 15) -> int:
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        return self.process.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


@pytest.fixture
def desk(shell: Shell) -> Shell:
    (shell.folder / "policy.yaml").write_text(POLICY)
    write(shell)
    return shell


def write(shell: Shell, name: str = "gateway.yaml", **more) -> None:
    document = {
        "gateway": "edge-1", "state": "state", "mode": "enforce", "policy": "policy.yaml", "routes": [{"server": "files"}],
        "identity": {"declared": "desk"}, **more,
    }
    (shell.folder / name).write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in document.items()))


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(process: int, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while lives(process) and time.monotonic() < end:
        time.sleep(0.02)
    return not lives(process)


CHILD = "child = subprocess.Popen(['sleep', '300']); text(message['id'], f'{os.getpid()} {child.pid}')"


def family(wrapped: Wrapped) -> list[int]:
    wrapped.call(1)
    answer = wrapped.hear()
    return [int(word) for word in answer["result"]["content"][0]["text"].split()]


def test_the_program_and_its_children_end_with_the_client(desk: Shell):
    with Wrapped(desk, CHILD) as wrapped:
        members = family(wrapped)
        assert all(map(lives, members))
        assert wrapped.end() == 0
        assert all(map(gone, members))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_and_its_children_end_with_a_signal(desk: Shell, number: int):
    with Wrapped(desk, "signal.signal(signal.SIGTERM, signal.SIG_IGN);" + CHILD) as wrapped:
        members = family(wrapped)
        wrapped.process.send_signal(number)
        wrapped.process.wait(10)
        assert all(map(gone, members))


def test_when_the_program_dies_who_waits_is_told(desk: Shell):
    with Wrapped(desk, "os._exit(7)") as wrapped:
        wrapped.call(5)
        answer = wrapped.hear()
        assert answer["id"] == 5 and answer["error"]["data"]["reason"] == "upstream-closed"
        assert wrapped.process.wait(10) == 7


def test_what_is_answered_after_the_client_said_its_last_goes_out(desk: Shell):
    with Wrapped(desk, "time.sleep(1); text(message['id'], 'late')") as wrapped:
        wrapped.call(5)
        wrapped.process.stdin.close()
        assert wrapped.hear()["result"]["content"][0]["text"] == "late"
        assert wrapped.process.wait(10) == 0


def test_who_never_answers_is_not_waited_for(desk: Shell):
    with Wrapped(desk, "time.sleep(300)") as wrapped:
        wrapped.call(5)
        began = time.monotonic()
        wrapped.process.stdin.close()
        assert wrapped.hear()["error"]["data"]["reason"] == "upstream-closed"
        assert wrapped.process.wait(10) == 0
        assert 4 < time.monotonic() - began < 9


def test_lines_that_come_all_at_once_wait_for_the_session(desk: Shell):
    lines = [
        {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read_file", "arguments": {"path": "/srv/a"}}},
    ]
    with Wrapped(desk, "text(message['id'])", open_session=False) as wrapped:
        wrapped.process.stdin.write("".join(json.dumps(line) + "\n" for line in lines).encode())
        wrapped.process.stdin.close()
        assert [("result" in wrapped.hear()) for _ in range(2)] == [True, True]
        assert wrapped.process.wait(10) == 0


def test_two_open_requests_with_one_id_are_refused(desk: Shell):
    with Wrapped(desk, "nothing()") as wrapped:
        wrapped.call(5)
        wrapped.call(5)
        answer = wrapped.hear()
        assert answer["id"] == 5 and answer["error"]["code"] == -32600


def test_a_call_before_the_session_is_refused(desk: Shell):
    with Wrapped(desk, "text(message['id'])", open_session=False) as wrapped:
        wrapped.call(5)
        assert "error" in wrapped.hear()


def test_over_a_hard_limit_the_caller_is_killed_and_stays_so(desk: Shell):
    write(desk, results={"most-items": 10})
    many = "text(message['id'], json.dumps(list(range(50)))) if message['params']['arguments']['path'] == '/srv/many' else " + \
        "text(message['id'], str(os.getpid()))"
    with Wrapped(desk, many) as wrapped:
        wrapped.call(1)
        program = int(wrapped.hear()["result"]["content"][0]["text"])
        wrapped.call(2, "/srv/many")
        answer = wrapped.hear()
        assert answer["id"] == 2 and answer["error"]["code"] == 40304 and "49" not in json.dumps(answer)
        assert wrapped.process.wait(10) == 1 and gone(program)
    with Wrapped(desk, many, open_session=False) as again:
        assert again.process.wait(10) == 1
        assert b"denied" in again.process.stderr.read()


def test_a_kill_by_another_gateway_of_the_same_folder_ends_it(desk: Shell):
    write(desk, "edge.yaml", listen="127.0.0.1:0", admin="127.0.0.1:0",
          routes=[{"path": "/x", "server": "x", "upstream": "http://127.0.0.1:9/mcp"}])
    edge = subprocess.Popen(
        [str(desk.programs.lockstep), "gateway", "run", "--config", "edge.yaml"], cwd=desk.folder, env=environment(desk.home),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )
    try:
        admin = json.loads(edge.stdout.readline())["admin"]
        token = (desk.folder / "state" / "control" / "admin-token").read_text().strip()
        with Wrapped(desk, "time.sleep(300) if message['id'] == 2 else text(message['id'], str(os.getpid()))") as wrapped:
            wrapped.call(1)
            program = int(wrapped.hear()["result"]["content"][0]["text"])
            wrapped.call(2)
            request = urllib.request.Request(
                f"http://{admin}/v1/revocations", json.dumps({"principal": "desk", "reason": "test"}).encode(),
                {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}, method="POST",
            )
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5).close()
            answer = wrapped.hear()
            assert answer["id"] == 2 and answer["error"]["data"]["reason"] == "revoked"
            assert wrapped.process.wait(10) == 1 and gone(program)
    finally:
        edge.terminate()
        edge.wait(10)
        edge.stdout.close()


def test_a_change_of_mode_by_another_gateway_of_the_same_folder_holds_here_too(desk: Shell):
    write(desk, "edge.yaml", listen="127.0.0.1:0", admin="127.0.0.1:0", mode="shadow",
          routes=[{"path": "/x", "server": "x", "upstream": "http://127.0.0.1:9/mcp"}])
    write(desk, "gateway.yaml", mode="shadow")
    edge = subprocess.Popen(
        [str(desk.programs.lockstep), "gateway", "run", "--config", "edge.yaml"], cwd=desk.folder, env=environment(desk.home),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )
    try:
        admin = json.loads(edge.stdout.readline())["admin"]
        with Wrapped(desk, "text(message['id'])") as wrapped:
            wrapped.call(1, "/etc/shadow")
            assert "result" in wrapped.hear()
            done = desk("gateway", "mode", "edge-1", "enforce", "--reason", "test", "--config", "edge.yaml")
            assert done.code == 0, (admin, done.out + done.err)
            end = time.monotonic() + 10
            for number in range(2, 1_000):
                wrapped.call(number, "/etc/shadow")
                if "error" in wrapped.hear() or time.monotonic() > end:
                    break
            assert time.monotonic() < end
            wrapped.end()
        # One that starts later begins in it.
        with Wrapped(desk, "text(message['id'])") as wrapped:
            wrapped.call(1, "/etc/shadow")
            assert wrapped.hear()["error"]["data"]["reason"] == "value"
    finally:
        edge.terminate()
        edge.wait(10)
        edge.stdout.close()


def test_a_cancelled_id_is_not_used_again(desk: Shell):
    with Wrapped(desk, "time.sleep(0.2); text(message['id'])") as wrapped:
        wrapped.call(1)
        wrapped.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        wrapped.say({"jsonrpc": "2.0", "id": 1, "method": "ping"})
        assert "not answered yet" in wrapped.hear()["error"]["message"]


def test_two_clients_can_wrap_the_same_server_at_once(desk: Shell):
    with Wrapped(desk, "text(message['id'])") as one, Wrapped(desk, "text(message['id'])") as other:
        for each in (one, other):
            each.call(1)
            assert "result" in each.hear()
            assert each.end() == 0
    assert len(list((desk.folder / "state" / "audit").iterdir())) == 2


def test_every_decision_is_in_the_audit_log_and_every_call_recorded(desk: Shell):
    with Wrapped(desk, "text(message['id'])") as wrapped:
        wrapped.call(1)
        wrapped.hear()
        wrapped.call(2, "/etc/passwd")
        assert wrapped.hear()["error"]["code"] == 40301
        assert wrapped.end() == 0
    (log,) = (desk.folder / "state" / "audit").iterdir()
    kept = b"".join(path.read_bytes() for path in log.rglob("*") if path.is_file())
    assert b'"effective":"allow"' in kept and b'"effective":"deny"' in kept and b"/etc/passwd" not in kept
    assert list((desk.folder / "state" / "recordings").iterdir())


def test_a_file_can_be_the_input(desk: Shell):
    (desk.folder / "lines").write_text('{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
                                       '"capabilities":{},"clientInfo":{"name":"c","version":"1"}}}\n')
    with (desk.folder / "lines").open("rb") as lines, (desk.folder / "said").open("wb") as said:
        done = subprocess.run(
            [str(desk.programs.lockstep), "gateway", "wrap", "--config", "gateway.yaml", "--", sys.executable, "-c", SERVER, "0"],
            cwd=desk.folder, env=environment(desk.home), stdin=lines, stdout=said, stderr=subprocess.PIPE, timeout=20,
        )
    assert done.returncode == 0 and b'"result"' in (desk.folder / "said").read_bytes()


@pytest.mark.parametrize("change, word", [
    ({"identity": {"declared": "none"}}, "taken for"),
    ({"routes": [{"server": "a"}, {"server": "b"}]}, "--server"),
    ({"routes": [{"path": "/a"}]}, "[gateway."),
])
def test_what_is_missing_is_said(desk: Shell, change: dict, word: str):
    write(desk, **change)
    refused = desk("gateway", "wrap", "--config", "gateway.yaml", "--", "true")
    assert refused.code == 3 and word in refused.err


def test_a_program_that_is_not_there_is_said(desk: Shell):
    refused = desk("gateway", "wrap", "--config", "gateway.yaml", "--", "/nowhere/at-all")
    assert refused.code == 1 and "cannot be started" in refused.err
