"""The modes of a gateway by command, and the glass that is broken for a while."""

from __future__ import annotations

import json
import signal

from bypass_gateway import patience
from test_kill_switch import READ, edges, servers  # noqa: F401

FORBIDDEN = {**READ, "params": {"name": "list_directory", "arguments": {"path": "/etc"}}}


def status(edge) -> dict:
    done = edge.command("gateway", "status", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[0]


def agent(edge):
    token = edge.token()
    session = edge.session(token)
    return lambda message: edge.send(message, token, session)[1]


def test_a_mode_is_changed_and_kept_over_a_restart(edges):  # noqa: F811
    edge = edges().begin()
    send = agent(edge)
    assert send(FORBIDDEN)["error"]["code"] == 40301
    changed = edge.command("gateway", "mode", "edge-1", "shadow", "--reason", "a new tool")
    assert (changed.returncode, changed.stdout) == (0, "edge-1 shadow\n"), changed.stderr
    assert "result" in send(FORBIDDEN)
    edge.stop(signal.SIGKILL)
    edge.begin()
    assert status(edge)["mode"] == "shadow"
    assert edge.command("gateway", "mode", "edge-1", "enforce", "--reason", "done").returncode == 0
    assert agent(edge)(FORBIDDEN)["error"]["code"] == 40301
    assert edge.command("gateway", "mode", "edge-1", "enforce").returncode == 3
    assert edge.command("gateway", "mode", "edge-1", "open", "--reason", "x").returncode == 3
    assert edge.command("gateway", "mode", "edge-2", "shadow", "--reason", "x").returncode == 3


def test_broken_glass_mends_itself_is_shown_until_reviewed_and_lifts_no_kill(edges):  # noqa: F811
    edge = edges().begin()
    send = agent(edge)
    assert edge.command("monitor", "kill", "bob", "--reason", "leak").returncode == 0
    for wrong in (("shadow", "--for", "5h"), ("record", "--for", "1h"), ("shadow",), ("enforce", "--for", "1h"), ("shadow", "--for", "0s")):
        refused = edge.command("gateway", "mode", "edge-1", *wrong, "--break-glass", "--reason", "outage")
        assert refused.returncode == 3 and "[gateway.break-glass]" in refused.stderr, (wrong, refused)
    broken = edge.command("gateway", "mode", "edge-1", "shadow", "--break-glass", "--reason", "outage", "--for", "4s")
    assert broken.returncode == 0 and broken.stdout.startswith("edge-1 shadow until "), broken
    assert "result" in send(FORBIDDEN)
    assert edge.send(READ, edge.token("bob"))[0] == 403
    shown = edge.command("gateway", "status")
    assert "break-glass by user:ana: outage until" in shown.stderr, shown
    # A restart neither ends it nor makes it longer.
    edge.stop(signal.SIGKILL)
    edge.begin()
    assert status(edge)["mode"] in ("shadow", "enforce")
    assert patience(8, lambda: status(edge)["mode"] == "enforce")
    assert agent(edge)(FORBIDDEN)["error"]["code"] == 40301
    assert status(edge)["break-glass"]["open"] is False
    assert "not reviewed" in edge.command("gateway", "status").stderr
    assert edge.command("gateway", "mode", "edge-1", "--reviewed").returncode == 0
    assert status(edge)["break-glass"] is None
    assert edge.command("gateway", "mode", "edge-1", "--reviewed").returncode == 1


def test_enforcing_again_ends_broken_glass_at_once(edges):  # noqa: F811
    edge = edges().begin()
    send = agent(edge)
    assert edge.command("gateway", "mode", "edge-1", "shadow", "--break-glass", "--reason", "outage", "--for", "2h").returncode == 0
    assert "result" in send(FORBIDDEN)
    assert edge.command("gateway", "mode", "edge-1", "enforce", "--reason", "over").returncode == 0
    assert send(FORBIDDEN)["error"]["code"] == 40301
    assert status(edge)["break-glass"]["open"] is False


def test_a_mode_that_cannot_be_read_is_noticed_on_start(edges):  # noqa: F811
    edge = edges().begin()
    assert edge.command("gateway", "mode", "edge-1", "shadow", "--reason", "new").returncode == 0
    edge.stop()
    (edge.control / "mode").write_text('{"order":{"mode":"off"}}\n')
    assert "[gateway.mode]" in edge.refuses()
