"""What a principal did, told from the folder of a real gateway."""

from __future__ import annotations

import json
import signal

from bypass_gateway import patience
from test_kill_switch import MOVE, READ, edges, servers  # noqa: F401

OTHER = {**READ, "params": {"name": "read_file", "arguments": {"path": "/etc/passwd"}}}


def told(edge, *more: str) -> dict:
    done = edge.command("incident", "alice", "--since", "1h", "--format", "json", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[0]


def test_an_incident_names_calls_decisions_and_who_did_what(edges):  # noqa: F811
    edge = edges().begin()
    token = edge.token()
    session = edge.session(token)
    for message in (READ, READ, OTHER, MOVE):
        edge.send(message, token, session)
    bob = edge.token("bob")
    edge.send(READ, bob, edge.session(bob))
    assert edge.command("monitor", "kill", "alice", "--reason", "leak").returncode == 0
    # Also beside the running gateway, as soon as what waits is on disk.
    whole = [("files", "read_file", "denied", 1), ("files", "read_file", "ok", 2)]
    rows = lambda: [(each["server"], each["tool"], each["outcome"], each["count"]) for each in told(edge)["calls"]]  # noqa: E731
    assert patience(10, lambda: [row for row in rows() if row[1] == "read_file"] == whole), rows()
    edge.stop(signal.SIGTERM)
    incident = told(edge)
    decided = {(each["tool"], each["decision"].split(":")[0]): each["count"] for each in incident["decisions"]}
    assert decided == {("read_file", "allow"): 2, ("read_file", "deny"): 1, ("move_file", "ask"): 1}
    assert [(each["kind"], each["reason"]) for each in incident["events"]] == [("gateway.revocation", "leak")]
    assert [(each["mode"], each["decisions"], each["policy"][:7]) for each in incident["policies"]] == [("enforce", 4, "sha256:")]
    assert incident["addresses"] == ["127.0.0.1"] and incident["gaps"] == []
    page = edge.command("incident", "alice", "--since", "1h")
    assert page.returncode == 0 and page.stdout.startswith("alice at edge-1 since "), page.stderr
    assert "/etc/passwd" not in page.stdout
    assert edge.command("incident", "alice", "--since", "yesterday").returncode == 3


def test_a_recording_that_was_altered_is_said_to_be_missing(edges):  # noqa: F811
    edge = edges().begin()
    token = edge.token()
    edge.send(READ, token, edge.session(token))
    edge.stop()
    [shard] = (edge.folder / "state" / "recordings").iterdir()
    damaged = bytearray(shard.read_bytes())
    damaged[-40] ^= 1
    shard.write_bytes(damaged)
    done = edge.command("incident", "alice", "--since", "1h", "--format", "json")
    assert done.returncode == 1
    assert json.loads(done.stdout)[0]["gaps"] == [f"the recording `{shard.name}` cannot be read to its end"]
