"""The list of who is denied that gateways pull, as a workspace publishes it."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from bypass_gateway import patience
from conftest import Programs, environment
from test_kill_switch import MOVE, READ, Edge, edges, run, servers  # noqa: F401

pytestmark = pytest.mark.usefixtures("servers")


@pytest.fixture
def pulling(edges, workspace, tmp_path: Path):  # noqa: F811
    """Makes gateways that pull from one folder, in which nothing is yet."""
    keys = workspace("key", "public", "bundle").expect(0).out
    (tmp_path / "lists").mkdir()

    def make(name: str = "edge-1") -> Edge:
        edge = edges(name, control={"keys": "keys.json", "from": str(tmp_path / "lists")})
        (edge.folder / "keys.json").write_text(keys)
        return edge

    return make


def move(edge: Edge) -> dict:
    """What is said of a call that can be more than reading; the policy asks a person about it."""
    token = edge.token()
    return edge.send(MOVE, token, edge.session(token))[1]["error"]


def test_without_a_list_only_reading_is_allowed(pulling, workspace):
    edge = pulling().begin()
    refused = move(edge)
    assert (refused["code"], refused["data"]["reason"]) == (40301, "revocations-stale")
    token = edge.token()
    assert "result" in edge.send(READ, token, edge.session(token))[1]
    # What the policy calls a write is one, whatever its name says.
    policy = edge.folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("tier: read", "tier: write"))
    edge.process.send_signal(signal.SIGHUP)
    assert patience(20, lambda: edge.send(READ, token, edge.session(token))[1].get("error", {}).get("data", {}).get("reason") == "revocations-stale")
    done = edge.command("monitor", "kill", "carol", "--reason", "leak")
    assert (done.returncode, done.stdout) == (1, "edge-1 stale\n")
    assert "its list of who is denied is stale, none has come yet" in done.stderr and "writes are denied" in done.stderr
    shown = edge.command("gateway", "status", "--format", "json")
    assert json.loads(shown.stdout)[0]["list"]["stale"] is True
    assert "edge-1: its list of who is denied is stale" in shown.stderr
    workspace("monitor", "publish", "--once", "--config", str(edge.document)).expect(0)
    assert patience(10, lambda: move(edge)["code"] == 40302)
    done = edge.command("monitor", "kill", "dave", "--reason", "leak")
    assert (done.returncode, done.stdout) == (0, "edge-1 denied\n")


def test_a_kill_reaches_a_gateway_that_could_not_be_told(pulling, workspace):
    here, gone = pulling("edge-1").begin(), pulling("edge-2")
    named = ["--config", str(here.document), "--config", str(gone.document)]
    workspace("monitor", "publish", "--once", *named).expect(0)
    assert patience(10, lambda: move(here)["code"] == 40302)
    said = workspace("monitor", "kill", "bob", "--reason", "leak", *named)
    assert (said.code, said.out) == (1, "edge-1 denied\nedge-2 unreachable\n"), said
    # Read before it listens, and written down as one of its own.
    gone.begin()
    assert gone.send(READ, gone.token("bob"))[0] == 403
    (entry, _) = [json.loads(line) for line in gone.list.read_text().splitlines()]
    assert (entry["principal"], entry["reason"]) == ("bob", "leak") and "payload" in entry["proof"]
    # The list that it has read once is no news after a restart, and who is denied stays denied.
    gone.stop(signal.SIGKILL)
    gone.begin()
    assert gone.send(READ, gone.token("bob"))[0] == 403
    assert move(gone)["data"]["reason"] == "revocations-stale"
    workspace("monitor", "publish", "--once", *named).expect(0)
    assert patience(10, lambda: move(gone)["code"] == 40302)


def test_a_list_of_somebody_else_is_not_believed(pulling, workspace, tmp_path: Path):
    edge = pulling().begin()
    workspace("monitor", "publish", "--once", "--config", str(edge.document)).expect(0)
    path = tmp_path / "lists" / "revocations.json"
    assert patience(10, lambda: move(edge)["code"] == 40302)
    written = json.loads(path.read_text())
    written["signatures"][0]["sig"] = written["signatures"][0]["sig"][::-1]
    path.write_text(json.dumps(written))
    fault = lambda: edge_status(edge)["list"]["fault"]  # noqa: E731
    assert patience(10, fault) and ("signed" in fault()), fault()
    # And a workspace does not write over what it has not signed.
    refused = workspace("monitor", "publish", "--once", "--config", str(edge.document))
    assert refused.code == 1 and "was not written by this workspace" in refused.err


def edge_status(edge: Edge) -> dict:
    return json.loads(edge.command("gateway", "status", "--format", "json").stdout)[0]


def test_lists_are_kept_fresh_until_the_publisher_is_told_to_end(pulling, workspace, programs: Programs, tmp_path: Path):
    edge = pulling().begin()
    publisher = subprocess.Popen(
        [str(programs.lockstep), "monitor", "publish", "--config", str(edge.document)], cwd=workspace.folder,
        env=environment(edge.folder / "home"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    try:
        numbers: set[int] = set()
        assert patience(20, lambda: numbers.add(edge_status(edge)["list"]["number"]) or len(numbers) >= 3)
        assert publisher.poll() is None
        assert move(edge)["code"] == 40302
    finally:
        publisher.terminate()
        publisher.wait(10)
