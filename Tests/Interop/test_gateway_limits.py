"""What callers could get by choosing themselves what they are counted by, or by taking up all there is."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bypass_tokens import ISSUER, Keys, Signer
from conftest import Programs, free_ports
from gateway_peers import Gateway, Raw, calls_of, until

PEER = Path(__file__).parent / "peers" / "serve_gateway_current.py"

RULES = """apiVersion: lockstep/v1
kind: Policy
name: limits
scope: agent
agents:
  NAME:
    servers:
      s:
        - {id: s.scale, tool: scale, tier: read, most-calls: 3, arguments: {factor: {at-least: 0, at-most: 10}}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """Its address, and the file in which it writes down what arrives."""
    folder = tmp_path_factory.mktemp("server")
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [sys.executable, str(PEER), str(port), str(folder / "calls"), "json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def listens() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    until(listens, 60)
    yield f"http://127.0.0.1:{port}/mcp", folder / "calls"
    process.terminate()
    process.wait(10)


@pytest.fixture
def gateway(programs: Programs, tmp_path: Path, server):
    made: list[Gateway] = []

    def make(name: str = "tester", start: dict | None = None, **more) -> Gateway:
        made.append(Gateway(programs.lockstep, tmp_path / "gateway", {"s": server[0]}, rules=RULES.replace("NAME", name), **more))
        return made[-1].start(**(start or {}))

    yield make
    for each in made:
        each.close()


def called(client: Raw, meta: dict | None = None) -> str:
    """`ok`, or why it was denied."""
    message = client.ask("tools/call", {"name": "scale", "arguments": {"factor": 1}, **({"_meta": meta} if meta else {})}).message
    return message["error"]["data"]["reason"] if "error" in message else "ok"


def trace(number: int) -> dict:
    return {"traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01"}


FRESH = {
    "traces": (trace, "2026-07-28"),
    "tasks": (lambda number: {"dev.lockstep/task": {"id": f"task-{number}"}}, "2026-07-28"),
    "traces in a session": (trace, "2025-11-25"),
}


@pytest.mark.parametrize("kind", FRESH)
def test_a_caller_that_names_a_new_session_with_each_call_has_no_more_calls(kind: str, gateway):
    meta, revision = FRESH[kind]
    url = gateway(identity={"declared": "tester", "sessions": "proven"}).url("s")
    assert [called(Raw(url, revision).begin(), meta(number)) for number in range(6)] == ["ok"] * 3 + ["calls"] * 3


def test_where_callers_are_believed_each_session_that_they_name_counts_for_itself(gateway):
    client = Raw(gateway().url("s"), "2026-07-28")
    assert [called(client, trace(number)) for number in range(6)] == ["ok"] * 6
    assert [called(client, trace(0)) for _ in range(3)] == ["ok", "ok", "calls"]


def test_a_task_that_is_signed_counts_for_itself_whatever_trace_comes_with_it(gateway, tmp_path: Path):
    keys = Keys()
    (tmp_path / "gateway").mkdir()
    keys.write_sets(tmp_path / "gateway")
    made = gateway("alice", identity={"tokens": [{"issuer": ISSUER, "keys": "jwks.json"}], "sessions": "proven"})
    signer = Signer(keys, f"http://127.0.0.1:{made.port}")

    def call(purpose: str, number: int) -> str:
        claims = {"iss": ISSUER, "sub": "alice", "aud": "$resource:/s", "exp": "$now+300", "iat": "$now", "jti": "$new", "purpose": purpose}
        token = signer.sign({"header": {"alg": "ES256"}, "claims": claims, "key": "issuer"}).decode()
        client = Raw(made.url("s"), "2026-07-28")
        message = client.message("tools/call", {"name": "scale", "arguments": {"factor": 1}, "_meta": trace(number)})
        answer = client.send("POST", json.dumps(message).encode(), {**client.fields(message), "Authorization": f"Bearer {token}"}).message
        return answer["error"]["data"]["reason"] if "error" in answer else "ok"

    assert [call("restock", number) for number in range(4)] == ["ok"] * 3 + ["calls"]
    assert [call("returns", number) for number in range(4)] == ["ok"] * 3 + ["calls"]


def test_clients_that_take_all_connections_take_none_from_people(gateway):
    few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 1024))}
    made = gateway(start=few)
    most = made.ask("status")[1]["connections"]["most"]
    assert 100 < most < 512 and f"edge-1: {most} clients at once instead of 20000" in made.said
    client = Raw(made.url("s"), "2026-07-28")
    assert called(client) == "ok"
    with contextlib.ExitStack() as held:
        for _ in range(1_100):
            held.enter_context(socket.create_connection(("127.0.0.1", made.port), 5))
        # Whoever came too late was told so by the end of the connection, and everything else goes on.
        assert until(lambda: made.ask("status")[1]["connections"]["open"] == most)
        assert len(os.listdir(f"/proc/{made.process.pid}/fd")) < 1024 - 100
        done = made.command("monitor", "kill", "tester", "--reason", "leak", "--config", str(made.document))
        assert (done.returncode, done.stdout) == (0, "edge-1 denied\n"), done.stderr
        # Nobody at the admin port can keep people from the gateway either.
        host, _, port = made.admin.rpartition(":")
        for _ in range(200):
            held.enter_context(socket.create_connection((host, int(port)), 5)).sendall(b"GET /")
        assert made.ask("status")[1]["revocations"] == 1
        assert made.command("gateway", "status", "--config", str(made.document)).returncode == 0
        assert len(os.listdir(f"/proc/{made.process.pid}/fd")) < 1024 - 50
    assert until(lambda: made.ask("status")[1]["connections"]["open"] == 0)
    assert client.call("scale", {"factor": 1}).status == 403


def metrics(gateway: Gateway) -> list[str]:
    host, _, port = gateway.admin.rpartition(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as line:
        line.request("GET", "/metrics")
        return line.getresponse().read().decode().splitlines()


def test_names_that_a_caller_invents_are_no_labels_of_figures(gateway):
    made = gateway(mode="shadow")
    client = Raw(made.url("s"), "2026-07-28")
    for number in range(5):
        client.call(f"invented-{number}", {})
    assert called(client) == "ok"
    found = [line for line in metrics(made) if "operation_duration_seconds_count" in line]
    assert [line for line in found if '"scale"' in line] and [line for line in found if '"_OTHER"' in line]
    assert not [line for line in metrics(made) if "invented" in line]


def test_a_held_canary_reaches_no_server_and_is_marked_wherever_it_is_told_of(gateway, server):
    made = gateway(**{"access-log": "access.ndjson"})
    token = made.ask("canaries", {"principal": "tester", "kind": "declared", "held": True})[1]["token"]
    client = Raw(made.url("s"), "2026-07-28")
    for method, params in (("tools/list", None), ("tools/call", {"name": "scale", "arguments": {"factor": 1}})):
        message = client.message(method, params)
        fields = {**client.fields(message), "Authorization": f"Bearer {token}"}
        assert client.send("POST", json.dumps(message).encode(), fields).message["error"]["code"] == 40306, method
    assert called(client) == "ok"

    def lines() -> list[dict]:
        found = [json.loads(line) for line in (made.folder / "access.ndjson").read_text().splitlines()]
        return found if len(found) == 3 else []

    told = sorted((line["method"], line.get("canary", False), "upstream_us" in line) for line in until(lines))
    assert told == [("tools/call", False, True), ("tools/call", True, False), ("tools/list", True, False)]


def test_two_that_name_the_same_trace_are_not_one_session_to_those_who_read(gateway, tmp_path: Path):
    keys = Keys()
    (tmp_path / "gateway").mkdir()
    keys.write_sets(tmp_path / "gateway")
    made = gateway("alice", identity={"tokens": [{"issuer": ISSUER, "keys": "jwks.json"}]})
    client = Raw(made.url("s"), "2026-07-28")
    for principal in ("alice", "mallory"):
        message = client.message("tools/call", {"name": "scale", "arguments": {"factor": 1}, "_meta": trace(7)})
        token = Signer(keys, f"http://127.0.0.1:{made.port}").good(principal, ["/s"]).decode()
        client.send("POST", json.dumps(message).encode(), {**client.fields(message), "Authorization": f"Bearer {token}"})
    assert made.stop() == 0
    calls = [entry["call"] for entry in made.entries() if entry["kind"] == "gateway.decision"]
    assert [(call["session"], call["principal"]) for call in calls] == [(f"{8:032x}@{name}", name) for name in ("alice", "mallory")]
